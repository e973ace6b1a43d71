"""The report: one page that needs nothing but itself, with every number beside it as JSON and CSV."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.axes import Axes

from lorentznet.evaluate.tables import file_name, write_columns, write_rows
from lorentznet.reports import html, invariance, style, tagging, training, words
from lorentznet.reports.folders import Study, collect
from lorentznet.reports.output import together


def write_report(folders: Sequence[str | Path], out: str | Path) -> Path:
    """Write ``index.html`` and beside it ``metrics.json``, ``invariance.json``, their CSVs and the figures as PNG and PDF.

    Parameters
    ----------
    folders
        Where results lie; see :func:`lorentznet.reports.folders.collect`.
    out
        Folder of the report.

    Returns
    -------
    Path
        ``index.html``.

    Raises
    ------
    DataError
        If there is nothing to report or a file is damaged.
    OutputError
        If the report cannot be written; what was there before stays.
    """
    study = collect(folders, out)
    with together(out) as folder:
        artist = Artist(folder)
        _write_numbers(study, folder)
        title = f"Jet tagging with {words.listed(study.names) if len(study.names) <= 4 else f'{len(study.names)} taggers'}"
        page = html.page(
            title,
            html.paragraph(words.summary(study), "lead"),
            _results(study, artist),
            _regression(study),
            _invariance(study, artist),
            _jets(study),
            _taggers(study),
            _training(study, artist),
            _how(study),
            _files(folder),
        )
        (folder / "index.html").write_text(page, encoding="utf-8")
    return Path(out) / "index.html"


@dataclass
class Artist:
    """Saves figures as files and gives them to the page."""

    folder: Path
    taken: set[str] = field(default_factory=set)

    def figure(self, drawn: Axes, name: str, description: str, caption: str = "") -> str:
        """The figure as HTML; its files are called after ``name``."""
        stem = self.folder / file_name(name, self.taken)
        with style.style():
            paths = style.save(drawn, stem)
        return html.figure(paths[0].read_bytes(), description, caption)


def _write_numbers(study: Study, folder: Path) -> None:
    if study.evaluation:
        for name, tagger in study.evaluation.taggers.items():
            known = study.facts(name)
            tagger |= {key: known[key] for key in ("parameters", "symmetry", "seconds") if known.get(key) is not None}
        study.evaluation.write(folder)
    if study.regression:
        study.regression.write(folder)
    if study.invariance:
        numbers = {"taggers": study.invariance}
        (folder / "invariance.json").write_text(json.dumps(numbers, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        write_rows(folder / "invariance.csv", invariance.HEADER, invariance.rows(study.invariance))
    taken: set[str] = set()
    for name, run in study.runs.items():
        if run.history:
            write_columns(folder / f"training_{file_name(name, taken)}.csv", run.history)


def _results(study: Study, artist: Artist) -> str:
    evaluation = study.evaluation
    if evaluation is None:
        return ""
    header, *rows = [[words.unbroken(cell) for cell in row] for row in evaluation.cells()]
    caption = (
        f"{evaluation.jets() or 'Evaluated jets'}. Errors are central 68.27 % intervals from the number of jets alone, not "
        "from repeated training: DeLong for the AUC, Clopper-Pearson for accuracy and rejection. 1/εB is the background "
        "rejection at signal efficiency εS; in brackets the number of background jets that survive."
    )
    if not evaluation.curves:
        return html.section("Results", html.table(header, rows, caption))
    curve = artist.figure(
        tagging.draw_roc(evaluation),
        "roc",
        "Background rejection against signal efficiency for each tagger",
        "Background rejection against signal efficiency. A curve ends where no background jet survives.",
    )
    figures = []
    for name, of_classes in evaluation.histograms.items():
        for signal in of_classes:
            several = f" {signal}" if len(of_classes) > 1 else ""
            figures.append(
                artist.figure(
                    tagging.draw_score(evaluation, name, signal),
                    f"scores_{name}{several}",
                    f"Distribution of the log-odds of {name} in each class",
                    f"Log-odds of {name} by class. The outermost bins hold what lies beyond them.",
                )
            )
    return html.section(
        "Results", html.table(header, rows, caption), html.items(words.ties(study)), html.figures(curve), html.figures(*figures)
    )


def _regression(study: Study) -> str:
    if study.regression is None:
        return ""
    header, *rows = [[words.unbroken(cell) for cell in row] for row in study.regression.cells()]
    caption = (
        "The response is the predicted over the true value: its bias is the median minus one, its resolution half the width of the "
        "central 68.27 % of jets over the median. Errors are those of the bootstrap, with the same draws for network and plain jet."
    )
    return html.section("Momentum and mass", html.table(header, rows, caption))


def _invariance(study: Study, artist: Artist) -> str:
    if not study.invariance:
        return ""
    figures, limits = [], invariance.limits_of(study.invariance.values())
    for name, numbers in study.invariance.items():
        for transformation in invariance.scanned(numbers):
            seen = invariance.WORDS.get(transformation, transformation)
            ax = invariance.draw(numbers, transformation, title=name, note=words.scanned_jets(numbers), limits=limits)
            figures.append(artist.figure(ax, f"invariance_{name}_{transformation}", f"Change of the logit of {name}: {seen}"))
    explained = (
        "Each jet is seen from another frame, drawn at random, and scored again: shown is the change of the trained tagger's "
        "logit, root mean square over the jets, in units of the logit's standard deviation. Momenta are transformed in extended "
        "precision and rounded to float64, reference vectors along with them. Grey: what the rounding of the "
        "transformed momenta to float64 does by itself."
    )
    header, rows = invariance.cells(study.invariance)
    rows = [[words.unbroken(cell) for cell in row] for row in rows]
    return html.section(
        "Invariance",
        html.paragraph(explained),
        html.items(words.verdicts(study)),
        html.figures(*figures),
        html.table(
            header, rows, "Root mean square change of the logit in its standard deviations; γ: boost along a random axis."
        ),
    )


def _jets(study: Study) -> str:
    return html.section("Jets", *(html.facts(facts) for facts in words.datasets(study)))


def _taggers(study: Study) -> str:
    header, rows = words.taggers(study)
    return html.section("Taggers", html.table(header, rows), html.items(words.citations(study)))


def _training(study: Study, artist: Artist) -> str:
    histories = {name: run.history for name, run in study.runs.items() if run.history}
    if not histories:
        return ""
    figures = [
        artist.figure(
            training.draw(histories, quantity, note=words.trained_jets(study)),
            f"training_{quantity.lower()}",
            f"{quantity} against the epoch for each training",
        )
        for quantity in training.QUANTITIES
        if training.has(histories, quantity)
    ]
    return html.section("Training", html.figures(*figures))


def _how(study: Study) -> str:
    content = []
    for heading, commands, facts in words.provenance(study):
        content += [html.element("h3", html.text(heading)), *(html.code(command) for command in commands), html.facts(facts)]
    return html.section("How it was made", *content)


def _files(folder: Path) -> str:
    listed: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()):
        listed.setdefault(path.suffix, []).append(path.name)
    lines = [f"Numbers beside this page: {', '.join([*listed.get('.json', []), *listed.get('.csv', [])])}."]
    lines.append("Figures beside this page, each as PNG and PDF, are drawn from these files alone.")
    return html.element("footer", "".join(html.paragraph(line) for line in lines))
