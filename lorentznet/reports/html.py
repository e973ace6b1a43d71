"""Small pieces of a page that needs nothing but itself: text is escaped, images and styles stand inside.

Functions take plain text, except where an argument is called ``content``: that is HTML made by these functions.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Mapping, Sequence

STYLE = """
:root { color-scheme: light; --ink: #1d2127; --soft: #5b6470; --line: #d9dde2; --band: #f5f6f8; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2.2rem 1.4rem 4rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .8rem; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .7rem; padding-top: .9rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; }
p, ul { max-width: 54rem; margin: .5rem 0; }
ul { padding-left: 1.2rem; }
.lead { font-size: 1.08rem; }
.note, figcaption, footer { color: var(--soft); font-size: .88rem; }
.scroll { overflow-x: auto; margin: .9rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .45rem .8rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
thead th { font-size: .88rem; color: var(--soft); font-weight: 600; border-bottom-color: var(--soft); }
tbody th { font-weight: 600; }
dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: .3rem 1.4rem; margin: .8rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1.4rem; margin: 1rem 0; }
.figures:has(> :only-child) { max-width: 42rem; }
figure { margin: 0; }
figure img { display: block; width: 100%; height: auto; }
figcaption { margin-top: .35rem; }
code, pre { font: .86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; }
pre { background: var(--band); border: 1px solid var(--line); border-radius: 4px; padding: .6rem .8rem; margin: .5rem 0;
  white-space: pre-wrap; overflow-wrap: anywhere; }
footer { margin-top: 3rem; padding-top: .9rem; border-top: 1px solid var(--line); }
@media (max-width: 44rem) {
  main { padding: 1.3rem 1rem 3rem; }
  h1 { font-size: 1.4rem; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody, tr, th, td { display: block; }
  tr { padding: .5rem 0; border-bottom: 1px solid var(--line); }
  tbody th, td { border: 0; padding: .12rem 0; overflow-wrap: break-word; }
  td { display: grid; grid-template-columns: 8.2rem 1fr; gap: .7rem; }
  td:empty { display: none; }
  td::before { content: attr(data-label); color: var(--soft); }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin: 0 0 .5rem; }
}
@media print {
  @page { margin: 16mm; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  h2, h3 { break-after: avoid; }
  figure, tr, pre { break-inside: avoid; }
  .scroll { overflow: visible; }
  table, thead th { font-size: 8.5pt; }
  th, td { padding-right: .5rem; }
  .figures { grid-template-columns: 1fr 1fr; }
}
"""


def text(value: object) -> str:
    """Anything as escaped text.

    Examples
    --------
    >>> text("<b> & \\"c\\"")
    '&lt;b&gt; &amp; &quot;c&quot;'
    """
    return html.escape(str(value), quote=True)


def element(tag: str, content: str, **attributes: str) -> str:
    """An element around HTML; ``class_`` stands for ``class``, ``data_label`` for ``data-label``.

    Examples
    --------
    >>> element("p", text("a < b"), class_="note")
    '<p class="note">a &lt; b</p>'
    """
    given = "".join(f' {name.rstrip("_").replace("_", "-")}="{text(value)}"' for name, value in attributes.items())
    return f"<{tag}{given}>{content}</{tag}>"


def paragraph(words: str, class_: str = "") -> str:
    """A paragraph of plain text."""
    return element("p", text(words), **({"class_": class_} if class_ else {}))


def items(lines: Iterable[str]) -> str:
    """A list of plain text lines; nothing if there are none."""
    content = "".join(element("li", text(line)) for line in lines)
    return element("ul", content) if content else ""


def code(words: str) -> str:
    """Lines to be typed."""
    return element("pre", text(words))


def facts(pairs: Mapping[str, object]) -> str:
    """Names and values; pairs whose value is None or empty are left out."""
    rows = (element("dt", text(name)) + element("dd", text(value)) for name, value in pairs.items() if value not in (None, ""))
    return element("dl", "".join(rows))


def table(header: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """A table of plain text, whose first column names its rows; on a narrow screen each row becomes a block."""
    head = element("tr", "".join(element("th", text(word), scope="col") for word in header))
    body = "".join(
        element(
            "tr",
            element("th", text(row[0]), scope="row")
            + "".join(element("td", text(word), data_label=name) for name, word in zip(header[1:], row[1:], strict=True)),
        )
        for row in rows
    )
    grid = element("div", element("table", element("thead", head) + element("tbody", body)), class_="scroll")
    return grid + (paragraph(caption, "note") if caption else "")


def figure(png: bytes, description: str, caption: str = "") -> str:
    """An image inside the page; ``description`` is read aloud where it is not seen."""
    source = f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
    below = element("figcaption", text(caption)) if caption else ""
    return element("figure", f'<img src="{source}" alt="{text(description)}">' + below)


def figures(*content: str) -> str:
    """Figures side by side where there is room."""
    return element("div", "".join(content), class_="figures") if content else ""


def section(title: str, *content: str) -> str:
    """A part of the page with a heading; nothing if it is empty."""
    inside = "\n".join(part for part in content if part)
    return element("section", f"{element('h2', text(title))}\n{inside}") if inside else ""


def page(title: str, *content: str) -> str:
    """A whole page in UTF-8."""
    body = element("main", "\n".join([element("h1", text(title)), *(part for part in content if part)]))
    head = (
        '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{element('title', text(title))}\n<style>{STYLE}</style>"
    )
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n{body}\n</body>\n</html>\n'
