"""Jets in the plane of eta and phi: where particles are drawn, mean images, and which jets a report shows."""

import csv

import numpy as np
import pytest
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure

import lorentznet as ln
from lorentznet.cli import main
from lorentznet.data import JetTable
from lorentznet.errors import DataError
from lorentznet.evaluate.scores import ScoreTable
from lorentznet.reports import html, jet_choice, jets, jets_section, plane


def massless(pt, eta, phi):
    """(E, px, py, pz) of massless particles."""
    pt, eta, phi = (np.asarray(values, float) for values in (pt, eta, phi))
    return np.stack((pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)), axis=1)


def jet(pt, eta, phi, label=1) -> JetTable:
    return JetTable.from_arrays(massless(pt, eta, phi), [len(pt)], [label], classes=("qcd", "top"))


def turned(pt, eta, phi, angle, centre=(0.0, 0.0)) -> np.ndarray:
    """A jet turned in the plane about the centre of its pT, which is put elsewhere."""
    points = np.stack((eta, phi)) - np.average((eta, phi), axis=1, weights=pt)[:, None]
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return massless(pt, *(rotation @ points + np.reshape(centre, (2, 1))))


def discs(ax) -> EllipseCollection:
    """Those of the jet; the other collection explains them."""
    return next(one for one in ax.collections if isinstance(one, EllipseCollection))


@pytest.fixture(scope="module")
def sample():
    return ln.data.sample()[:400]


def shifted(values):
    """Azimuths beyond pi, as atan2 would give them."""
    return np.arctan2(np.sin(values), np.cos(values))


class TestOneJet:
    def test_places_and_areas_across_the_seam(self):
        """Two equal particles lie 0.1 above and below phi = pi: they are 0.2 apart, not 2 pi - 0.2."""
        ax = jets.draw(jet([50, 50], [1.0, 1.0], [np.pi - 0.1, -np.pi + 0.1]))
        np.testing.assert_allclose(np.sort(discs(ax).get_offsets()[:, 1]), [-0.1, 0.1], atol=1e-12)
        np.testing.assert_allclose(np.ptp(discs(ax).get_offsets()[:, 0]), 0, atol=1e-12)

    @pytest.mark.parametrize("phi", [0.0, np.pi, -1.3])
    def test_the_same_anywhere_around_the_beam(self, phi):
        pt, eta, angle = [80.0, 40.0, 5.0, 0.5], [0.3, 0.1, 0.7, -0.1], np.array([0.2, -0.1, 0.3, -0.4])
        here, there = (plane.around_axis(jet(pt, eta, shifted(angle + turn))) for turn in (0.0, phi))
        np.testing.assert_allclose(here, there, atol=1e-12)
        np.testing.assert_allclose(here[0] - here[0][0], np.array(eta) - eta[0], atol=1e-12)

    def test_area_is_proportional_to_pt(self):
        pt = np.array([1.0, 100.0, 25.0])
        ax = jets.draw(jet(pt, [0.1, 0.0, -0.2], [0.0, 0.1, 0.2]), radius=0.8, reference=400.0)
        widths = discs(ax).get_widths()
        np.testing.assert_allclose(widths**2 / widths[0] ** 2, [1.0, 0.25, 0.01])  # hard ones first, soft ones on top of them
        np.testing.assert_allclose(widths[0], 2 * 0.22 * 0.8 * 0.5)
        known = [one for one in ax.collections if isinstance(one, EllipseCollection)][1]
        words = [text.get_text() for text in ax.texts]
        np.testing.assert_allclose(known.get_widths() ** 2 / widths[0] ** 2, [0.01, 0.1, 1.0])
        assert {"1", "10", "100 GeV"} <= set(words)

    def test_words_and_scale(self):
        ax = jets.draw(jet([300, 200], [0.0, 0.3], [0.0, 0.2]), title="top <1>")
        assert ax.get_title("left") == "top <1>"
        pt = np.sqrt(300**2 + 200**2 + 2 * 300 * 200 * np.cos(0.2))
        mass = np.sqrt(2 * 300 * 200 * (np.cosh(0.3) - np.cos(0.2)))
        assert rf"$p_\mathrm{{T}}$ {pt:.0f} GeV, mass {mass:.0f} GeV, 2 particles" in [text.get_text() for text in ax.texts]
        assert (ax.get_xlabel(), ax.get_ylabel()) == (r"$\Delta\eta$", r"$\Delta\phi$ [rad]")
        assert ax.get_aspect() == 1
        assert jets.draw(jet([1.0], [0.0], [0.0])).get_title("left") == "top"

    def test_everything_lies_in_the_frame(self):
        ax = jets.draw(jet([500, 400, 1], [0.0, 0.2, 1.4], [0.0, 0.2, -1.1]))
        places = discs(ax).get_offsets()
        assert np.abs(places[:, 0]).max() < ax.get_xlim()[1]
        assert np.abs(places[:, 1]).max() < ax.get_xlim()[1]
        assert any(text.get_text() == r"$\Delta R$ = 0.4" for text in ax.texts)  # 99 % of the pT

    def test_a_particle_along_the_beam_has_no_place(self):
        momenta = np.append(massless([50, 50], [0.1, -0.1], [0.0, 0.0]), [[7.0, 0, 0, 7.0]], axis=0)
        eta, phi, pt = plane.around_axis(JetTable.from_arrays(momenta, [3]))
        assert np.isfinite(eta).all()
        assert (eta[2], phi[2], pt[2]) == (0, 0, 0)

    def test_what_cannot_be_drawn(self):
        empty = JetTable.from_arrays(np.zeros((0, 4)), [0], ids=[17], source="jets.root")
        with pytest.raises(DataError, match=r"^jets.root: jet 17 has no particles"):
            jets.draw(empty)
        with pytest.raises(DataError, match="jet 17 has no particles"):
            jets.draw_mean(empty)
        with pytest.raises(DataError, match="there is no jet to draw"):
            jets.draw_mean(empty[:0])
        two = JetTable.concatenate([jet([1], [0], [0])] * 2)
        with pytest.raises(DataError, match="one jet can be drawn, not 2"):
            jets.draw(two)
        with pytest.raises(DataError, match="no transverse momentum, hence no axis"):
            jets.draw(JetTable.from_arrays([[1, 1, 0, 0], [1, -1, 0, 0]], [2]))
        with pytest.raises(DataError, match="a radius above 0"):
            jets.draw(two[0], radius=0.0)


class TestMeanImage:
    PT, ETA, PHI = np.array([90.0, 60.0, 30.0, 8.0]), np.array([0.0, 0.21, 0.52, -0.13]), np.array([0.0, 0.33, -0.18, 0.44])

    def image(self, *momenta, **how):
        counts = [len(one) for one in momenta]
        return plane.mean_image(JetTable.from_arrays(np.concatenate(momenta), counts), **how)[0]

    def test_sums_to_the_mean_pt_inside(self, sample):
        pt = np.hypot(sample.momenta[:, 1], sample.momenta[:, 2])
        image, edges = plane.mean_image(sample, radius=3.0)
        np.testing.assert_allclose(image.sum(), pt.sum() / len(sample), rtol=1e-12)
        assert edges[0] == -edges[-1] <= -3.0
        smaller, _ = plane.mean_image(sample, radius=0.2)
        middle = slice((len(image) - len(smaller)) // 2, (len(image) + len(smaller)) // 2)
        np.testing.assert_allclose(smaller, image[middle, middle], rtol=1e-12, atol=1e-12)

    @pytest.mark.parametrize("angle", [0.3, np.pi / 2, 2.2, np.pi, -1.0])
    def test_turned_and_moved_jets_look_the_same(self, angle):
        still = self.image(turned(self.PT, self.ETA, self.PHI, 0.0), radius=0.8)
        moved = turned(self.PT, self.ETA, self.PHI, angle, (1.3, 3.1))  # some particles lie beyond phi = pi
        np.testing.assert_allclose(self.image(moved, radius=0.8), still, atol=1e-9)
        assert np.count_nonzero(still) == len(self.PT)

    def test_principal_axis_is_vertical_and_the_harder_half_up(self):
        image, edges = plane.mean_image(jet([70, 30], [0.0, 0.4], [0.0, 0.3]), radius=0.8)
        rows, columns = np.nonzero(image)
        centres = (edges[1:] + edges[:-1]) / 2
        assert set(columns) == {len(image) // 2}
        np.testing.assert_allclose(centres[rows], [-0.35, 0.15], atol=1e-12)  # 70 GeV at 0.15 and 30 GeV at -0.35
        np.testing.assert_allclose(image[rows, columns], [30, 70])

    def test_a_mirror_image_stays_one(self):
        still = self.image(massless(self.PT, self.ETA, self.PHI), radius=0.8)
        np.testing.assert_allclose(self.image(massless(self.PT, -self.ETA, self.PHI), radius=0.8), still[:, ::-1], atol=1e-9)

    def test_mean_of_jets(self):
        one, other = turned(self.PT, self.ETA, self.PHI, 0.4), massless([40.0], [0.5], [0.1])
        both = self.image(one, other, radius=0.8)
        np.testing.assert_allclose(both, (self.image(one, radius=0.8) + self.image(other, radius=0.8)) / 2, atol=1e-9)

    def test_figure(self, sample):
        top = sample[sample.labels == 1]
        ax = Figure().subplots()
        assert jets.draw_mean(top, ax) is ax
        assert ax.get_title("left") == "top"
        assert ax.get_title("right") == f"{len(top)} jets"
        assert ax.get_aspect() == 1
        shown = ax.collections[0].get_array()
        image, _ = plane.mean_image(top)
        np.testing.assert_array_equal(np.ma.getmaskarray(shown), image == 0)
        np.testing.assert_allclose(shown.max(), image.max())

    def test_refusals(self, sample):
        with pytest.raises(DataError, match="is of one class, not of qcd, top"):
            jets.draw_mean(sample)
        with pytest.raises(DataError, match=r"no particle lies within 0\.005"):
            jets.draw_mean(jet([50, 50], [0, 0.4], [0, 0.1]), radius=0.005, pixel=0.01)
        with pytest.raises(DataError, match="a radius and a pixel above 0"):
            plane.mean_image(sample, pixel=0.0)


def write_scores(path, table, name="cg", z=None, classes=None, labels=None, ids=None):
    """Scores of the jets of a table."""
    random = np.random.default_rng(len(name))
    classes = classes or table.classes
    logits = random.normal(size=(len(table), len(classes))) if z is None else np.stack((np.zeros(len(table)), z), axis=1)
    labels = table.labels if labels is None else labels
    ScoreTable(name, classes, table.ids if ids is None else ids, labels, np.ones(len(table)), logits).write(path)
    return path


class TestChoice:
    def test_first_of_each_class_and_three_by_lot(self, sample):
        shown = jet_choice.choose("sample#0:400", most=30)
        assert list(shown.classes) == ["qcd", "top"]
        for label, (name, table) in enumerate(shown.classes.items()):
            np.testing.assert_array_equal(table.ids, sample.ids[sample.labels == label][:30])
            assert len(shown.picks[name]) == len({int(pick.jet.ids[0]) for pick in shown.picks[name]}) == 3
            assert {int(pick.jet.ids[0]) for pick in shown.picks[name]} <= set(table.ids.tolist())
        again = jet_choice.choose("sample#0:400", most=30)
        assert [pick.jet.ids for pick in again.picks["top"]] == [pick.jet.ids for pick in shown.picks["top"]]

    def test_reading_ends_when_there_is_enough(self, monkeypatch, sample):
        read = []

        def blocks(files, card):
            for first in range(0, 400, 50):
                read.append(first)
                yield sample[first : first + 50]

        monkeypatch.setattr(jet_choice, "iterate", blocks)
        enough = int(np.max([np.flatnonzero(sample.labels == label)[9] for label in (0, 1)]))
        jet_choice.choose("sample", most=10)
        assert read == list(range(0, enough + 1, 50))

    def test_extremes_of_each_class(self, sample, tmp_path):
        z = np.random.default_rng(5).normal(size=400)
        paths = [write_scores(tmp_path / f"{name}.h5", sample, name, sign * z) for name, sign in (("a", 1), ("b", -1))]
        shown = jet_choice.choose("sample#0:400", scores=paths)
        assert shown.taggers == ("a", "b")
        for label, name in enumerate(sample.classes):
            places = np.flatnonzero(sample.labels == label)
            high, low = places[z[places].argmax()], places[z[places].argmin()]
            found = [(pick.tagger, pick.end, int(pick.jet.ids[0])) for pick in shown.picks[name]]
            assert found == [("a", "most", high), ("a", "least", low), ("b", "most", low), ("b", "least", high)]
            np.testing.assert_allclose([pick.log_odds for pick in shown.picks[name]], [z[high], z[low], -z[low], -z[high]])
            for pick in shown.picks[name]:
                np.testing.assert_array_equal(pick.jet.momenta, sample[int(pick.jet.ids[0])].momenta)

    def test_jets_of_later_rows(self, sample, tmp_path):
        part = sample[120:180]
        path = write_scores(tmp_path / "a.h5", part)
        shown = jet_choice.choose("sample#120:180", scores=[path])
        assert sum(map(len, shown.classes.values())) == 60
        assert all(120 <= int(pick.jet.ids[0]) < 180 for picks in shown.picks.values() for pick in picks)

    def test_several_classes(self, monkeypatch, tmp_path):
        table = JetTable.from_arrays(
            massless([5.0] * 6, [0.1] * 6, [0.2] * 6), [1] * 6, [0, 1, 2, 0, 1, 2], classes=("q", "w", "t")
        )
        monkeypatch.setattr(jet_choice, "iterate", lambda files, card: iter([table]))
        monkeypatch.setattr(jet_choice, "_check_number", lambda *given: None)
        logits = np.log([[6, 1, 3], [1, 1, 1], [1, 3, 3], [8, 1, 1], [1, 4, 1], [9, 0.5, 0.5]])
        ScoreTable("net", table.classes, table.ids, table.labels, np.ones(6), logits).write(tmp_path / "s.h5")
        shown = jet_choice.choose("sample", scores=[tmp_path / "s.h5"])
        assert list(shown.classes) == ["q", "w", "t"]
        found = {name: [int(pick.jet.ids[0]) for pick in picks] for name, picks in shown.picks.items()}
        assert found == {"q": [0, 3], "w": [4, 1], "t": [2, 5]}
        np.testing.assert_allclose(shown.picks["q"][0].log_odds, np.log(4 / 6))

    def test_other_jets_are_refused(self, sample, tmp_path):
        def refused(words, rows="sample#0:400", **how):
            path = write_scores(tmp_path / "s.h5", how.pop("table", sample), **how)
            with pytest.raises(DataError, match=words) as caught:
                jet_choice.choose(rows, scores=[path])
            assert str(caught.value).startswith(str(path))
            assert "toptag_sample.root" in str(caught.value) or "finite" in words

        refused("has scores of 300 jets, but .* has 400; give score files of the same jets", table=sample[:300])
        refused("score 0 is of row 0 with label ., but jet 0 of .* is row 400 with label", "sample#400:800")
        labels = sample.labels.copy()
        labels[77] = 1 - labels[77]
        refused(f"score 77 is of row 77 with label {labels[77]}, but jet 77 of .* label {1 - labels[77]}", labels=labels)
        refused("scores of the classes top, qcd, but .* has qcd, top", classes=("top", "qcd"))
        refused("1 of 400 log-odds are not finite", z=np.append(np.zeros(399), np.nan))
        paths = [write_scores(tmp_path / f"{number}.h5", sample) for number in (1, 2)]
        with pytest.raises(DataError, match=r"2.h5: holds scores of 'cg', as does .*1.h5"):
            jet_choice.choose("sample#0:400", scores=paths)


class Artist:
    """Notes what it is given, and saves nothing."""

    def __init__(self, folder):
        self.folder, self.figures = folder, {}

    def figure(self, drawn, name, description, caption=""):
        self.figures[name] = drawn.get_title("left")
        return html.figure(b"", description, caption)


class TestSection:
    def test_with_scores(self, sample, tmp_path):
        paths = [write_scores(tmp_path / f"{name}.h5", sample, name) for name in ("a", "bb", "ccc", "dddd")]
        artist = Artist(tmp_path)
        shown = jet_choice.choose("sample#0:400", scores=paths)
        text = jets_section.section(shown, artist)
        assert set(artist.figures) == {
            *("jet_image_qcd", "jet_image_top"),
            *(
                f"jet_{name}_{tagger}_{end}"
                for name in sample.classes
                for tagger in ("a", "bb", "ccc")
                for end in ("most", "least")
            ),
        }
        value = f"{shown.picks['top'][1].log_odds:.2f}".replace("-", "\N{MINUS SIGN}")
        assert artist.figures["jet_top_a_least"].replace("\N{NO-BREAK SPACE}", " ") == f"top, a: log-odds {value}"
        for words in ("the first 3 of 4 score files", "arXiv:1511.05190", "the least signal-like of the qcd jets for bb"):
            assert words in text
        with (tmp_path / "jets_shown.csv").open() as handle:
            rows = list(csv.DictReader(handle))
        assert len({(row["class"], row["tagger"], row["end"]) for row in rows}) == 12
        chosen = [row for row in rows if (row["class"], row["tagger"], row["end"]) == ("top", "a", "least")]
        found = [[float(row[name]) for row in chosen] for name in ("delta_eta", "delta_phi", "pt")]
        np.testing.assert_array_equal(found, plane.around_axis(shown.picks["top"][1].jet))
        with (tmp_path / "jet_images.csv").open() as handle:
            total = sum(float(row["mean_pt"]) for row in csv.DictReader(handle) if row["class"] == "top")
        top = sample[sample.labels == 1]
        pt = np.hypot(top.momenta[:, 1], top.momenta[:, 2]).sum() / len(top)
        assert 0.95 * pt < total <= pt

    def test_command(self, make, tmp_path):
        folder = make.write_run(tmp_path / "cg", "cg")
        assert main(["report", str(folder), "--out", str(tmp_path / "report"), "--jets", "sample#0:40"]) == 0
        names = {path.name for path in (tmp_path / "report").iterdir()}
        for stem in ("jet_image_qcd", "jet_image_top", "jet_top_1", "jet_top_2", "jet_top_3"):
            assert {f"{stem}.png", f"{stem}.pdf"} <= names
        text = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
        assert "How the jets look" in text
        assert "drawn by lot with seed 1" in text
        with (tmp_path / "report" / "jets_shown.csv").open() as handle:
            assert {row["log_odds"] for row in csv.DictReader(handle)} == {""}

    def test_mistakes_leave_nothing_behind(self, sample, make, tmp_path, capsys):
        folder = make.write_run(tmp_path / "cg", "cg")
        scores = write_scores(tmp_path / "s.h5", sample)
        for options, words in (
            (["--scores", scores], "--scores is given without jets to show; add --jets FILE"),
            (["--card", "card.yaml"], "--card is given without jets to show"),
            (["--jets", "sample#0:100", "--scores", scores], "has scores of 400 jets, but"),
            (["--jets", tmp_path / "none.root"], "none.root"),
        ):
            assert main([str(word) for word in ("report", folder, "--out", tmp_path / "report", *options)]) == 2
            said = capsys.readouterr().err
            assert words in said
            assert said.count("\n") == 1
            assert not (tmp_path / "report").exists()
