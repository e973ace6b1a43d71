"""The report: one page that needs nothing but itself, with every number beside it as JSON and CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from matplotlib.axes import Axes

from lorentznet.errors import ConfigError, DataError
from lorentznet.evaluate import invariance_tables
from lorentznet.evaluate.evaluation_tables import further_tables
from lorentznet.evaluate.tables import file_name, write_columns
from lorentznet.reports import explain, hepdata, html, invariance_section, jets_section, latex, style, tagging, training, words
from lorentznet.reports.folders import EVALUATION, Study, collect
from lorentznet.reports.output import together

if TYPE_CHECKING:
    from lorentznet.reports.jet_choice import Shown


def write_report(
    folders: Sequence[str | Path],
    out: str | Path,
    jets: Sequence[str | Path] = (),
    card: str | Path | None = None,
    scores: Sequence[str | Path] = (),
    submission: bool = False,
) -> Path:
    """Write ``index.html`` and beside it ``metrics.json``, ``invariance.json``, ``explain_NAME.json``, their CSVs and the figures.

    The tables of results are there as LaTeX too, see :mod:`lorentznet.reports.latex`.

    Parameters
    ----------
    folders
        Where results lie; see :func:`lorentznet.reports.folders.collect`.
    out
        Folder of the report.
    jets, card, scores
        Jets to show, ``PATH[:TREE][#ROWS]``, their dataset card, and score files of the same jets, whose extreme ones are shown; see
        :func:`lorentznet.reports.jet_choice.choose`.
    submission
        Whether to write the results to its folder ``hepdata`` too, see :func:`lorentznet.reports.hepdata.write`.

    Returns
    -------
    Path
        ``index.html``.

    Raises
    ------
    DataError
        If there is nothing to report, or nothing to submit, a file is damaged, or the scores are of other jets.
    ConfigError
        If there are a card or scores, but no jets.
    OutputError
        If the report cannot be written; what was there before stays.
    """
    study = collect(folders, out)
    if submission and study.evaluation is None:
        given = words.listed(str(folder) for folder in folders)
        raise DataError(f"{given}: no {EVALUATION} that could go to HEPData; run 'lorentznet evaluate' first")
    shown = _shown(jets, card, scores)
    with together(out) as folder:
        artist = Artist(folder)
        _write_numbers(study, folder)
        title = f"Jet tagging with {words.listed(study.names) if len(study.names) <= 4 else f'{len(study.names)} taggers'}"
        page = html.page(
            title,
            html.paragraph(words.summary(study), "lead"),
            _results(study, artist),
            *_further(study, artist),
            _regression(study),
            invariance_section.section(study, artist),
            _explanations(study, artist),
            _jets(study),
            jets_section.section(shown, artist),
            _taggers(study),
            _training(study, artist),
            _how(study),
            _files(folder),
        )
        (folder / "index.html").write_text(page, encoding="utf-8")
    if submission and study.evaluation:
        hepdata.write(study.evaluation, Path(out) / "hepdata")
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


def _shown(jets: Sequence[str | Path], card: str | Path | None, scores: Sequence[str | Path]) -> Shown | None:
    if jets:
        from lorentznet.reports.jet_choice import choose  # the libraries that read jets are not needed otherwise

        return choose(jets, card, scores)
    if card is not None or scores:
        raise ConfigError(
            f"--{'scores' if scores else 'card'} is given without jets to show; add --jets FILE, e.g. jets.root#test"
        )
    return None


def _write_numbers(study: Study, folder: Path) -> None:
    if study.evaluation:
        for name, tagger in study.evaluation.taggers.items():
            known = study.facts(name)
            tagger |= {key: known[key] for key in ("parameters", "symmetry", "seconds", "seed") if known.get(key) is not None}
        study.evaluation.write(folder)
        latex.write(study.evaluation, folder)
    if study.regression:
        study.regression.write(folder)
    if study.invariance:
        numbers = {"taggers": study.invariance}
        (folder / "invariance.json").write_text(json.dumps(numbers, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        invariance_tables.write_csv(folder, study.invariance)
    taken: set[str] = set()
    for name, explanation in study.explanations.items():
        explanation.write(folder, file_name(f"explain_{name}", taken))
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
        f"from repeated training: DeLong for the AUC, {words.counting(study)} for accuracy and rejection. 1/εB is the background "
        "rejection at signal efficiency εS; in brackets the number of background jets that survive."
    )
    if not evaluation.curves:
        return html.section("Results", html.table(header, rows, caption))
    baseline = tagging.ratio_baseline(evaluation)
    below = f" Below: over that of {baseline}, with the band of each curve over the value of {baseline}." if baseline else ""
    curve = artist.figure(
        tagging.draw_rocs(evaluation),
        "roc",
        "Background rejection against signal efficiency for each tagger",
        f"Background rejection against signal efficiency. A curve ends where no background jet survives.{below}",
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


def _further(study: Study, artist: Artist) -> Iterator[str]:
    """Calibration, efficiencies in bins, comparisons and ensembles: a section for each table, with its figures."""
    if study.evaluation is None:
        return
    figures: dict[str, list[str]] = {}
    for drawn in tagging.further_figures(study.evaluation):
        section = "Calibration" if drawn.name == "reliability" else "Background efficiency in bins"
        figures.setdefault(section, []).append(artist.figure(drawn.axes, drawn.name, drawn.description))
    for title, (header, *rows) in further_tables(study.evaluation.numbers):
        cells = [[words.unbroken(cell) for cell in row] for row in rows]
        yield html.section(title, html.table(header, cells, words.explained(title)), html.figures(*figures.get(title, ())))


def _regression(study: Study) -> str:
    if study.regression is None:
        return ""
    header, *rows = [[words.unbroken(cell) for cell in row] for row in study.regression.cells()]
    caption = (
        "The response is the predicted over the true value: its bias is the median minus one, its resolution half the width of the "
        "central 68.27 % of jets over the median. Errors are those of the bootstrap, with the same draws for network and plain jet."
    )
    return html.section("Momentum and mass", html.table(header, rows, caption))


def _explanations(study: Study, artist: Artist) -> str:
    if not study.explanations:
        return ""
    figures = [
        artist.figure(
            explain.plot(explanation),
            f"explain_{name}",
            f"Increase of the loss of {name} by each part that is taken out",
            f"{explanation.caption()}.",
        )
        for name, explanation in study.explanations.items()
    ]
    text = (
        "Each part is taken out of the trained network, and the loss and AUC are measured again on the same jets; nothing is trained "
        "again. The numbers say what this network relies on, not what a network needs."
    )
    return html.section("What the taggers use", html.paragraph(text), html.figures(*figures))


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
    if ".tex" in listed:
        lines.append(f"Tables for LaTeX: {', '.join(listed['.tex'])}.")
    lines.append("Figures beside this page, each as PNG and PDF, are drawn from these files alone.")
    return html.element("footer", "".join(html.paragraph(line) for line in lines))
