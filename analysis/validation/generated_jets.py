"""What generated top and QCD jets look like, beside the published reference set.

Prints a table and draws six distributions of jets made by ``lorentznet generate`` (Pythia 8 + fast detector): jet mass,
multiplicity, pT spectrum, soft-drop mass, smallest pair mass of three kT subjets, tau32. Beside them stand the numbers that this
recipe is meant to give, and those of the first 100,000 rows of the training file of the published top-tagging reference set
(Kasieczka, Plehn, Thompson, Russell, https://doi.org/10.5281/zenodo.2603256). Substructure needs FastJet.

    python analysis/validation/generated_jets.py [FILE.root[#ROWS]] [--jets N] [--out STEM]

writes STEM.png and STEM.pdf; without a file it takes the jets that ship with the package.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from dataclasses import dataclass, field
from typing import Any

import awkward as ak
import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

import lorentznet as ln
from lorentznet.data.generate import packages
from lorentznet.errors import DataError, LorentznetError, MissingExtraError
from lorentznet.reports.style import axes, save, style

Floats = NDArray[np.float64]

TOP_MASS = 173.0  # GeV
JET_RADIUS = 0.8
LABEL = "generated (Pythia 8 + fast detector)"
PT_EDGES = np.linspace(550, 650, 6)
CLASSES = {"top": 1, "QCD": 0}


@dataclass(frozen=True)
class Quantity:
    """One line of the table: value in the generated jets, what the recipe should give, and the real reference jets."""

    name: str
    value: float
    error: float
    target: float | None = None
    real: float | None = None


@dataclass(frozen=True)
class Distribution:
    """One panel: an observable, its bins, and the reference values to mark (class -> (16, 50, 84 %) or one value)."""

    name: str
    unit: str
    bins: Floats
    target: dict[str, tuple[float, ...]] = field(default_factory=dict)
    real: dict[str, tuple[float, ...]] = field(default_factory=dict)


PANELS = {
    "mass": Distribution(
        "jet mass", "GeV", np.linspace(0, 300, 61), {"top": (157, 173, 188)}, {"top": (157, 174, 193), "QCD": (50, 82, 146)}
    ),
    "multiplicity": Distribution(
        "constituents", "", np.arange(-0.5, 121, 4), {"top": (50.0,), "QCD": (38.5,)}, {"top": (54.8,), "QCD": (43.4,)}
    ),
    "pt": Distribution("jet $p_T$", "GeV", PT_EDGES),
    "soft_drop": Distribution("soft-drop mass", "GeV", np.linspace(0, 300, 61), {"top": (170,), "QCD": (35,)}),
    "pair_mass": Distribution("smallest pair mass of 3 $k_T$ subjets", "GeV", np.linspace(0, 150, 51), {"top": (78,)}),
    "tau32": Distribution("$\\tau_{32}$ ($k_T$ axes)", "", np.linspace(0, 1.2, 49), {"top": (0.52,), "QCD": (0.74,)}),
}
PT_TARGET = {"top": (0.253, 0.217, 0.198, 0.181, 0.151)}
PT_REAL = {"top": (0.240, 0.219, 0.198, 0.179, 0.164), "QCD": (0.251, 0.225, 0.195, 0.174, 0.156)}


def substructure(momenta: ak.Array) -> dict[str, Floats]:
    """Soft-drop mass, smallest pair mass of three exclusive kT subjets, and tau32 with kT axes; NaN below three particles."""
    fastjet = packages.fastjet()
    enough = ak.to_numpy(ak.num(momenta)) >= 3
    jets = ak.Array(momenta[enough], with_name="Momentum4D")
    everything = 3.0  # radius within which all constituents of a jet lie
    aachen = fastjet.ClusterSequence(jets, fastjet.JetDefinition(fastjet.cambridge_algorithm, everything))
    kt = fastjet.ClusterSequence(jets, fastjet.JetDefinition(fastjet.kt_algorithm, everything))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FastJet's bindings warn of exclusive jets for every algorithm
        groomed = aachen.exclusive_jets_softdrop_grooming(njets=1, beta=0.0, symmetry_cut=0.1, R0=JET_RADIUS)
        three, two = kt.exclusive_jets(3), kt.exclusive_jets(2)
    pair_masses = []
    for one, other in ((0, 1), (0, 2), (1, 2)):
        px, py, pz, energy = (three[name][:, one] + three[name][:, other] for name in ("px", "py", "pz", "E"))
        pair_masses.append(np.sqrt(np.maximum(ak.to_numpy(energy**2 - px**2 - py**2 - pz**2), 0.0)))
    found = {
        "soft_drop": ak.to_numpy(ak.ravel(groomed.msoftdrop)),
        "pair_mass": np.min(pair_masses, axis=0),
        "tau32": subjettiness(jets, three) / np.maximum(subjettiness(jets, two), 1e-9),
    }
    result = {name: np.full(len(enough), np.nan) for name in found}
    for name, values in found.items():
        result[name][enough] = values
    return result


def subjettiness(jets: ak.Array, subjets: ak.Array) -> Floats:
    """N-subjettiness with the subjets as axes, sum_i pT_i min_k Delta R_ik / (R sum_i pT_i) (arXiv:1011.2268, equation 2.2)."""

    def coordinates(p: ak.Array) -> tuple[Any, Any, Any]:
        pt = np.hypot(p.px, p.py)
        return pt, 0.5 * np.log((p.E + p.pz) / (p.E - p.pz)), np.arctan2(p.py, p.px)

    pt, rapidity, phi = coordinates(jets)
    _, axis_rapidity, axis_phi = coordinates(subjets)
    away = None
    for k in range(int(ak.num(axis_phi)[0])):
        dphi = (phi - axis_phi[:, k] + np.pi) % (2 * np.pi) - np.pi
        here = np.hypot(rapidity - axis_rapidity[:, k], dphi)
        away = here if away is None else np.minimum(away, here)
    return ak.to_numpy(ak.sum(pt * away, axis=1) / (JET_RADIUS * ak.sum(pt, axis=1)))


def observe(table: Any) -> dict[str, Floats]:
    """All observables of the study, one number per jet."""
    p4, counts = table.momenta, table.counts
    jets = np.add.reduceat(p4, np.cumsum(counts) - counts)
    mass = np.sqrt(np.maximum(jets[:, 0] ** 2 - (jets[:, 1:] ** 2).sum(axis=1), 0.0))
    observables = {"mass": mass, "multiplicity": counts.astype(np.float64), "pt": np.hypot(jets[:, 1], jets[:, 2])}
    energy, px, py, pz = (ak.unflatten(p4[:, k], counts) for k in range(4))
    try:
        observables |= substructure(ak.zip({"px": px, "py": py, "pz": pz, "E": energy}))
    except MissingExtraError as error:
        print(f"without substructure: {error}")
    return observables


def median(values: Floats, q: float = 50) -> tuple[float, float]:
    """A percentile and its statistical error, from the ordered values around it."""
    values = np.sort(values[np.isfinite(values)])
    n, p = len(values), q / 100
    spread = np.sqrt(n * p * (1 - p))
    low, high = (values[int(np.clip(n * p + side * spread, 0, n - 1))] for side in (-1, 1))
    return float(np.percentile(values, q)), float(high - low) / 2


def mode(values: Floats, low: float, high: float, width: float = 10.0) -> tuple[float, float]:
    """Place of the peak: the interval of the given width with most values, refined as the median inside; error by bootstrap."""
    centres = np.arange(low, high, 0.5)

    def place(sample: Floats) -> float:
        ordered = np.sort(sample)
        inside = np.searchsorted(ordered, centres + width / 2) - np.searchsorted(ordered, centres - width / 2)
        return float(np.median(sample[np.abs(sample - centres[int(np.argmax(inside))]) < width / 2]))

    rng = np.random.default_rng(1)
    return place(values), float(np.std([place(rng.choice(values, len(values))) for _ in range(50)]))


def auc(signal: Floats, background: Floats) -> tuple[float, float]:
    """Probability that a top jet has the larger value, and its error (Hanley and McNeil, Radiology 143 (1982) 29)."""
    signal, background = signal[np.isfinite(signal)], background[np.isfinite(background)]
    n, m = len(signal), len(background)
    a = float(mannwhitneyu(signal, background).statistic) / (n * m)
    variance = a * (1 - a) + (n - 1) * (a / (2 - a) - a**2) + (m - 1) * (2 * a**2 / (1 + a) - a**2)
    return a, float(np.sqrt(variance / (n * m)))


def quantities(seen: dict[str, dict[str, Floats]]) -> list[Quantity]:
    """The lines of the table."""
    top, qcd = seen["top"], seen["QCD"]

    def mean(values: Floats) -> tuple[float, float]:
        values = values[np.isfinite(values)]
        return float(values.mean()), float(values.std() / np.sqrt(len(values)))

    lines = [
        Quantity("constituents, top", *mean(top["multiplicity"]), 50.0, 54.8),
        Quantity("constituents, QCD", *mean(qcd["multiplicity"]), 38.5, 43.4),
    ]
    percentiles = {
        "top": {16: (157, 157), 50: (173, 174), 84: (188, 193)},
        "QCD": {16: (None, 50), 50: (None, 82), 84: (None, 146)},
    }
    for name, marks in percentiles.items():
        lines += [Quantity(f"mass {q} %, {name} [GeV]", *median(seen[name]["mass"], q), *marks[q]) for q in marks]
    lines.append(Quantity("mass below 36 GeV, QCD", *mean((qcd["mass"] < 36).astype(float)), 0.10, 0.046))
    for name in CLASSES:
        for k in range(5):
            inside = (seen[name]["pt"] >= PT_EDGES[k]) & (seen[name]["pt"] < PT_EDGES[k + 1])
            target = PT_TARGET[name][k] if name in PT_TARGET else None
            title = f"pT {PT_EDGES[k]:.0f}-{PT_EDGES[k + 1]:.0f} GeV, {name}"
            lines.append(Quantity(title, *mean(inside.astype(float)), target, PT_REAL[name][k]))
    lines.append(
        Quantity("AUC of |m - 173 GeV|", *auc(-np.abs(top["mass"] - TOP_MASS), -np.abs(qcd["mass"] - TOP_MASS)), 0.944, 0.926)
    )
    lines.append(Quantity("AUC of multiplicity", *auc(top["multiplicity"], qcd["multiplicity"]), 0.720, 0.703))
    if "tau32" in top:
        lines += [
            Quantity("soft-drop mass, median, top [GeV]", *median(top["soft_drop"]), 170),
            Quantity("soft-drop mass, median, QCD [GeV]", *median(qcd["soft_drop"]), 35),
            Quantity("pair mass peak, top [GeV]", *mode(top["pair_mass"][np.isfinite(top["pair_mass"])], 60, 100), 78),
            Quantity("tau32, median, top", *median(top["tau32"]), 0.52),
            Quantity("tau32, median, QCD", *median(qcd["tau32"]), 0.74),
            Quantity("AUC of tau32", *auc(-top["tau32"], -qcd["tau32"]), 0.846),
        ]
    return lines


def draw(seen: dict[str, dict[str, Floats]], stem: str) -> None:
    """The six panels: generated jets as histograms, reference values as marks."""
    with style():
        grid = axes(rows=2, columns=3)
        for ax, (key, panel) in zip(grid.flat, PANELS.items(), strict=True):
            if key not in seen["top"]:
                ax.set_axis_off()
                continue
            for colour, name in zip(("C0", "C1"), CLASSES, strict=True):
                values = seen[name][key][np.isfinite(seen[name][key])]
                counts, _ = np.histogram(values, panel.bins)
                width = np.diff(panel.bins)
                scale = 1 / (len(values) * (1 if key == "pt" else width))
                ax.stairs(counts * scale, panel.bins, color=colour, fill=True, alpha=0.25)
                ax.stairs(counts * scale, panel.bins, color=colour, linewidth=1.7, label=f"{name}, generated")
                centres = panel.bins[:-1] + width / 2
                ax.errorbar(centres, counts * scale, np.sqrt(counts) * scale, fmt="none", ecolor=colour, elinewidth=1)
            ax.set_ylim(0, ax.get_ylim()[1] * (1.25 if key == "pt" else 1.45))
            for colour, name in zip(("C0", "C1"), CLASSES, strict=True):
                _marks(ax, panel, name, colour)
                if key == "pt":
                    ax.plot(centres, PT_REAL[name], "o", color=colour, markerfacecolor="none")
                    if name in PT_TARGET:
                        ax.plot(centres, PT_TARGET[name], "x", color=colour)
            ax.set_xlabel(panel.name + (f" [{panel.unit}]" if panel.unit else ""))
            per = {"pt": "fraction of jets"}.get(key, "jets, normalised" + (f" [1/{panel.unit}]" if panel.unit else ""))
            ax.set_ylabel(per)
            ax.set_xlim(panel.bins[0], panel.bins[-1])
            ax.set_title(LABEL, loc="right")
        first = grid.flat[0]
        first.plot([], [], "x", color="black", label="recipe's target (bar: 16 to 84 %)")
        first.plot([], [], "o", color="black", markerfacecolor="none", label="real reference set")
        first.legend(loc="upper left")
        save(grid.flat[0].figure, stem)


def _marks(ax: Any, panel: Distribution, name: str, colour: str) -> None:
    """Reference values high in the panel: a cross (target) or circle (real) at the central value, a bar from 16 to 84 %."""
    for values, marker, height in ((panel.target, "x", 0.0), (panel.real, "o", 0.06)):
        if name not in values:
            continue
        numbers = values[name]
        place = ax.get_ylim()[1] * ((0.76 if panel.name == "jet mass" else 0.9) - height - 0.03 * (name == "QCD"))
        ax.plot(numbers[len(numbers) // 2], place, marker, color=colour, markerfacecolor="none")
        if len(numbers) == 3:
            ax.hlines(place, numbers[0], numbers[2], color=colour, linewidth=1)


def main() -> None:
    """Read, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", default="sample", help="PATH[#ROWS] of generated jets (default: the shipped sample)")
    parser.add_argument("--jets", type=int, help="only so many jets")
    parser.add_argument("--out", default="runs/validation/generated_jets", metavar="STEM", help="figure (default: %(default)s)")
    args = parser.parse_args()
    table = ln.data.read(args.file, stop=args.jets)
    if table.classes != ("qcd", "top"):
        raise DataError(f"{args.file}: this study compares the classes qcd and top, found {', '.join(table.classes) or 'none'}")
    observed = observe(table)
    seen = {name: {key: values[table.labels == label] for key, values in observed.items()} for name, label in CLASSES.items()}
    print(f"{args.file}: {len(seen['top']['mass'])} top and {len(seen['QCD']['mass'])} QCD jets, {LABEL}")
    print(f"{'':<36}{'generated':>20}{'target':>10}{'real':>10}")
    for line in quantities(seen):
        marks = "".join(f"{'' if mark is None else f'{mark:g}':>10}" for mark in (line.target, line.real))
        digits = 3 if abs(line.value) < 2 else 1
        print(f"{line.name:<36}{f'{line.value:.{digits}f} +- {line.error:.{digits}f}':>20}{marks}")
    draw(seen, args.out)
    print(f"figure: {args.out}.png, {args.out}.pdf")


if __name__ == "__main__":
    try:
        main()
    except LorentznetError as error:
        sys.exit(f"generated_jets: error: {error}")
