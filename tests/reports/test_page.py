"""The page: complete, self-contained, escaped; and what is refused."""

import csv
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest

from lorentznet.errors import DataError, OutputError
from lorentznet.reports import html, output, words
from lorentznet.reports.folders import collect
from lorentznet.reports.page import write_report


class Page(HTMLParser):
    """Text, tags, addresses and images of a page; complains about tags that are not closed in order."""

    VOID = frozenset({"meta", "img", "br", "hr", "link", "input"})

    def __init__(self, source):
        super().__init__()
        self.open, self.tags, self.addresses, self.images, self.words = [], [], [], [], []
        self.feed(source)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        self.addresses += [given[name] for name in ("src", "href", "action", "data", "srcset") if name in given]
        self.images += [given] if tag == "img" else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).replace("\N{NO-BREAK SPACE}", " ").replace("\N{WORD JOINER}", "").split())


@pytest.fixture(scope="module")
def page(report):
    return Page((report / "index.html").read_text(encoding="utf-8"))


def test_nothing_is_loaded_from_elsewhere(page, report):
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    source = (report / "index.html").read_text(encoding="utf-8")
    assert "@import" not in source
    assert "url(" not in source
    assert not re.search(r"https?://", source)


def test_page_answers_the_questions(page):
    for word in (
        "Jet tagging with cg and clifford",
        "600 jets (300 qcd, 300 top)",
        "5,021",
        "SO+(1,3)",
        "2 min 51 s",
        "3 (best: 2)",
        "toy & co",
        "0123abcd",
        "4,800, from jets.root#train",
        "An <author>, 2020",
        "lorentznet train --config cg.yaml --out cg",
        "lorentznet predict clifford/best.ckpt jets.root#test",
        "torch 2.13.0",
        "float32: invariant to 3e−07 & flat",
        "Jeffreys for accuracy and rejection",
        "68.27 %",
        "not finite",
        "survive)",
    ):
        assert word in page.text, word
    assert page.text.count("4,800, from jets.root#train") == 1  # one dataset, described once


def test_summary_is_one_paragraph_with_the_results(page):
    start = page.text.index("On 600 jets")
    summary = page.text[start : page.text.index("Results")]
    for word in ("cg (5,021 parameters) reaches AUC 0.9", "1/εB", "at signal efficiency 0.3", "γ = 1000", "3.0e−04 (cg)"):
        assert word in summary, word


def test_every_image_is_described(page):
    assert len([image for image in page.images if "logit of" not in image["alt"]]) == 1 + 2 + 2 + 1 + 2 * 3 + 1 + 2 + 2 + 2
    assert all(image["alt"] for image in page.images)


def test_page_suits_phone_and_paper(report):
    source = (report / "index.html").read_text(encoding="utf-8")
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in source
    assert "@media (max-width" in source
    assert "@media print" in source


def test_every_number_lies_beside_the_page(report, study, make):
    names = {path.name for path in report.iterdir()}
    for name in ("cg", "clifford"):
        assert {
            f"roc_{name}.csv",
            f"scores_{name}.csv",
            f"training_{name}.csv",
            f"scores_{name}.png",
            f"scores_{name}.pdf",
        } <= names
    assert {"metrics.json", "metrics.csv", "invariance.json", "invariance.csv", "roc.png", "roc.pdf"} <= names
    numbers = json.loads((report / "metrics.json").read_text())["taggers"]["cg"]
    assert numbers["parameters"] == 5021
    assert set(numbers["auc"]) == {"value", "low", "high"}
    assert set(numbers["background_rejection"]) == {"0.3", "0.5"}
    assert set(numbers["background_rejection"]["0.5"]) == {"value", "low", "high", "survivors"}
    assert json.loads((report / "invariance.json").read_text())["taggers"]["cg"] == make.scan()
    with (report / "invariance.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 2 * (4 * 11 + 10)
    boosted = next(row for row in rows if (row["dtype"], row["conditioning"], row["gamma"]) == ("float32", "frame", "1000"))
    assert [boosted[key] for key in ("flips", "auc", "rejection")] == ["0.25", "0.97", ""]
    assert {"invariance_layers.csv", "invariance_irc.csv", "layers_cg.png", "irc_soft.pdf", "irc_collinear.png"} <= names
    assert (report / "roc_cg.csv").read_bytes() == (study / "evaluation" / "roc_cg.csv").read_bytes()


def test_a_report_of_a_report_is_the_same(make, tmp_path):
    """Reports inside a study are no part of it, and a report can be drawn again from itself alone."""
    folder = make.write_study(tmp_path / "study", ["cg"])
    for name in ("report", "earlier"):
        (shutil.copytree(folder / "evaluation", folder / name) / "index.html").touch()
    report = write_report([folder], folder / "report").parent
    again = write_report([report], tmp_path / "again").parent
    for name in ("metrics.json", "invariance.json", "roc_cg.csv", "scores_cg.csv", "metrics.csv", "roc.png"):
        assert (again / name).read_bytes() == (report / name).read_bytes()


def test_parts_alone(study, tmp_path):
    for number, folder in enumerate((study / "cg", study / "evaluation", study / "invariance")):
        page = Page(write_report([folder], tmp_path / str(number)).read_text(encoding="utf-8"))
        assert "cg" in page.text
        assert ("Results" in page.text) == (folder.name == "evaluation")
    assert not (tmp_path / "0" / "metrics.json").exists()


def test_explanations_are_shown(study, explanation, tmp_path):
    (tmp_path / "explanation").mkdir()
    explanation.write(tmp_path / "explanation")
    alone = Page(write_report([tmp_path / "explanation"], tmp_path / "alone").read_text(encoding="utf-8"))
    assert "What the taggers use" in alone.text
    assert "cg loses most without this: vectors v." in alone.text
    both = write_report([study, tmp_path / "explanation"], tmp_path / "both").parent
    assert "What the taggers use" in Page((both / "index.html").read_text(encoding="utf-8")).text
    assert (both / "training_cg.csv").exists()
    again = write_report([both], tmp_path / "again").parent
    for name in ("explain_cg.json", "explain_cg.csv", "explain_cg.png"):
        assert (again / name).read_bytes() == (both / name).read_bytes()
    shutil.copytree(tmp_path / "explanation", tmp_path / "copy")
    with pytest.raises(DataError, match="another explanation of 'cg' was found in"):
        collect([tmp_path / "explanation", tmp_path / "copy"])


def test_exact_layout_without_extras(tmp_path):
    """The documented keys are enough; others may be missing."""
    estimate = {"value": 0.98, "low": 0.97, "high": 0.99}
    rejection = {"value": None, "low": 20.0, "high": None, "survivors": 0}
    tagger = {"parameters": None, "auc": estimate, "accuracy": estimate, "background_rejection": {"0.3": rejection}}
    scan = {"float32": {"frame": {"boost": {"1.1": {"rms": 1e-6, "max": 1e-5}, "10": {"rms": 2e-6, "max": 1e-5}}}}}
    (tmp_path / "metrics.json").write_text(json.dumps({"taggers": {"<i>x</i>": tagger}, "dataset": {}}))
    (tmp_path / "invariance.json").write_text(json.dumps({"taggers": {"<i>x</i>": scan}}))
    path = write_report([tmp_path], tmp_path / "report")
    page = Page(path.read_text(encoding="utf-8"))
    assert "<i>x</i> reaches AUC 0.980 ± 0.010 and background rejection 1/εB > 20" in page.text
    assert "i" not in page.tags
    assert len(page.images) == 1


def test_collects_one_level_down(study, make, tmp_path):
    found = collect([study])
    assert set(found.runs) == {"cg", "clifford"}
    assert found.names == ["cg", "clifford"]
    np.testing.assert_array_equal(found.runs["cg"].history["epoch"], [1, 2, 3])
    assert set(collect([study / "cg", study / "evaluation"]).runs) == {"cg"}
    assert set(collect([study, study / "cg", study]).runs) == {"cg", "clifford"}
    other = make.write_study(tmp_path / "other", ["pfn"])
    assert collect([study, other]).names == ["cg", "clifford", "pfn"]


def test_one_name_for_two_results_is_refused(study, tmp_path):
    copy = shutil.copytree(study, tmp_path / "study")
    with pytest.raises(DataError, match=r"another training of 'cg' was found in .*; give only one of them"):
        collect([study, copy])


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("cg/run.json", "{", "is not JSON"),
        ("cg/run.json", "[]", "expected names and values"),
        ("cg/metrics.csv", "a,b\n1\n", "is not a table"),
        ("evaluation/metrics.json", "{}", "is not the metrics.json"),
        ("invariance/invariance.json", "{}", "is not the invariance.json"),
    ],
)
def test_damaged_files_are_named(file, text, words, study, tmp_path):
    copy = shutil.copytree(study, tmp_path / "study")
    (copy / file).write_text(text)
    with pytest.raises(DataError, match=words) as caught:
        write_report([copy], tmp_path / "report")
    assert str(caught.value).startswith(str(copy / file))
    assert not (tmp_path / "report").exists()


def test_folders_without_anything(study, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no run.json, metrics.json, regression.json, invariance.json or explain.json"):
        collect([tmp_path / "empty"])
    with pytest.raises(DataError, match=r"no such folder; did you mean 'empty'"):
        collect([tmp_path / "emty"])
    with pytest.raises(DataError, match="is not a folder"):
        collect([study / "evaluation" / "metrics.json"])


class TestTogether:
    def test_files_appear_at_the_end(self, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "other").write_text("stays")
        with output.together(tmp_path / "out") as folder:
            (folder / "a").write_text("new")
            assert not (tmp_path / "out" / "a").exists()
        assert {path.name for path in (tmp_path / "out").iterdir()} == {"a", "other"}

    @pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
    def test_nothing_is_left_after_a_failure(self, error, tmp_path):
        def write():
            with output.together(tmp_path / "out") as folder:
                (folder / "a").write_text("half")
                raise error

        with pytest.raises(error):
            write()
        assert list(tmp_path.iterdir()) == []

    def test_errors_name_the_folder_that_was_asked_for(self, tmp_path):
        def write():
            with output.together(tmp_path / "out") as folder:
                raise OSError(28, "No space left on device", str(folder / "x"))

        with pytest.raises(OutputError, match=re.escape(str(tmp_path / "out"))) as caught:
            write()
        assert "No space left" in str(caught.value)
        (tmp_path / "file").touch()
        with pytest.raises(OutputError, match="is a file"), output.together(tmp_path / "file"):
            pass


class TestHtml:
    def test_everything_is_escaped(self):
        evil = '<script>alert("1")</script>&'
        pieces = [
            html.paragraph(evil),
            html.items([evil]),
            html.code(evil),
            html.facts({evil: evil}),
            html.table([evil, evil], [[evil, evil]], evil),
            html.figure(b"", evil, evil),
            html.section(evil, html.paragraph(evil)),
            html.page(evil),
        ]
        for piece in pieces:
            assert "script" not in Page(piece).tags
            assert evil not in piece

    def test_empty_parts_vanish(self):
        assert html.section("title", "", "") == ""
        assert html.items([]) == ""
        assert html.figures() == ""
        assert html.facts({"a": None, "b": ""}) == "<dl></dl>"


def test_numbers_are_not_broken_across_lines():
    assert words.unbroken("800 +1459 -455 (2 survive)") == "800\xa0+1459\xa0−455 (2\xa0survive)"
    assert words.unbroken("0.98 ± 0.02, 1.7e-08") == "0.98\xa0±\xa00.02, 1.7e−08"
    assert words.unbroken("top-quark jets - all") == "top-quark jets - all"
