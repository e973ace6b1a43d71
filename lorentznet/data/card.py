"""Dataset cards: what the branches of a jet file mean.

A card is a short YAML file. It names the branches with the momenta, their unit, the classes and their order, and what else to
keep of each jet; nothing of this is ever guessed from the position of a column::

    name: toptag-generated
    units: GeV
    momenta: {px: part_px, py: part_py, pz: part_pz, E: part_energy}
    classes: {qcd: label_QCD, top: label_Tbqq}     # class 0 first: the background when tagging
    observers: [jet_pt, jet_eta]
    splits: {train: [0, 16000], val: [16000, 18000], test: [18000, 20000]}

The card of a file is the one that is named, else ``<stem>.yaml`` beside the file, else ``card.yaml`` in its folder, else one
made from the branches if they follow a known naming (:func:`builtin_card`).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lorentznet.config import build, plain, read_yaml
from lorentznet.data import selection
from lorentznet.errors import ConfigError, DataError, nearest
from lorentznet.files import atomic

MOMENTUM_SETS: tuple[tuple[str, ...], ...] = (
    ("px", "py", "pz", "E"),
    ("px", "py", "pz", "mass"),
    ("pt", "eta", "phi", "mass"),
    ("pt", "eta", "phi", "E"),
)
"""The sets of components that determine a four-momentum."""

RESERVED = frozenset({"constituents", "label", "weight", "id"})
"""Fields that every jet has; no observer may take their name."""


@dataclass(frozen=True)
class Momenta:
    """Names of the branches with the momenta of the particles: one of :data:`MOMENTUM_SETS`.

    In a pandas table they are the stems of numbered columns: ``px: PX`` stands for PX_0, PX_1, ...
    """

    px: str | None = None
    py: str | None = None
    pz: str | None = None
    pt: str | None = None
    eta: str | None = None
    phi: str | None = None
    E: str | None = None
    mass: str | None = None

    @property
    def branches(self) -> dict[str, str]:
        """Component -> branch, of the components that are given."""
        named = {name: getattr(self, name) for name in ("px", "py", "pz", "pt", "eta", "phi", "E", "mass")}
        return {component: branch for component, branch in named.items() if branch is not None}


@dataclass(frozen=True)
class LabelColumn:
    """One branch that holds the class of a jet as a number."""

    branch: str
    values: dict[str, int]


@dataclass(frozen=True)
class DatasetCard:
    """What the branches of a jet file mean.

    Attributes
    ----------
    name, description
        Of the dataset.
    units
        Unit of the momenta in the file: ``GeV`` or ``MeV``. A table is always in GeV.
    momenta
        Branches with the momenta of the particles.
    classes
        Class -> branch that is 1 for the jets of this class and 0 for others; the order is that of the labels 0, 1, ...
    label
        Instead of ``classes``: one branch with a number for each class. A card with neither describes unlabelled jets.
    format
        Container of the file: ``root``, ``pandas-hdf5`` or that of another reader.
    tree
        Name of the TTree or RNTuple, or of the HDF5 group; needed only if the file holds several.
    weight
        Branch with the weight of each jet; all weights are 1 without it.
    observers
        Further branches with one number per jet that are kept beside it.
    scalars
        Branches with one Lorentz-invariant number per particle (charge, identity) that taggers may use.
    selection
        Condition on jets for training (see :mod:`lorentznet.data.selection`); it never cuts jets that are only scored.
    splits
        Name -> [first row, row after the last].
    sort
        Order the particles of each jet by falling transverse momentum.
    licence, citation
        Of the dataset.
    """

    name: str
    units: Literal["GeV", "MeV"]
    momenta: Momenta
    classes: dict[str, str] = field(default_factory=dict)
    label: LabelColumn | None = None
    description: str = ""
    format: str = "root"
    tree: str | None = None
    weight: str | None = None
    observers: tuple[str, ...] = ()
    scalars: tuple[str, ...] = ()
    selection: str | None = None
    splits: dict[str, tuple[int, int]] = field(default_factory=dict)
    sort: bool = True
    licence: str = ""
    citation: str = ""

    def __post_init__(self) -> None:
        problem = self._problem()
        if problem:
            raise ConfigError(f"dataset card '{self.name}': {problem}")

    def _problem(self) -> str | None:
        from lorentznet.data.readers import formats

        given = set(self.momenta.branches)
        if given not in [set(components) for components in MOMENTUM_SETS]:
            possible = "; or ".join(", ".join(components) for components in MOMENTUM_SETS)
            return f"momenta are given by {', '.join(self.momenta.branches) or 'nothing'}; give {possible}"
        if self.classes and self.label:
            return "both 'classes' and 'label' are given; keep the one that the file has"
        if (self.classes or self.label) and len(self.class_names) < 2:
            return f"names {len(self.class_names)} class; name at least two, or none for jets without labels"
        numbers = list(self.label.values.values()) if self.label else []
        if len(set(numbers)) < len(numbers):
            return f"two classes share one value of '{self.label.branch if self.label else ''}'"
        if self.format not in formats():
            return f"unknown format '{self.format}'; {nearest(self.format, formats())}"
        clash = RESERVED & set(self.observers)
        if clash:
            return f"an observer cannot be called '{min(clash)}': every jet has a field of that name"
        for name, (start, stop) in self.splits.items():
            if not name.isidentifier():
                return f"split '{name}' cannot be named behind a '#'; call it by a word of letters, digits and _, e.g. fold_1"
            if not 0 <= start < stop:
                return f"split '{name}' is [{start}, {stop}]; give [first row, row after the last]"
        if self.selection is not None:
            selection.names(self.selection)
        return None

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes in the order of their labels 0, 1, ..."""
        return tuple(self.label.values if self.label else self.classes)

    @property
    def jet_branches(self) -> dict[str, str]:
        """Branch -> what it is for, of the branches with one number per jet that a file must have."""
        roles = {branch: f"class '{name}'" for name, branch in self.classes.items()}
        if self.label:
            roles[self.label.branch] = "label"
        if self.weight:
            roles[self.weight] = "weight"
        return roles | {branch: "observer" for branch in self.observers if branch not in roles}

    @property
    def particle_branches(self) -> dict[str, str]:
        """Branch -> what it is for, of the branches with one number per particle that a file must have."""
        roles = {branch: f"momenta: {component}" for component, branch in self.momenta.branches.items()}
        return roles | {branch: "scalar" for branch in self.scalars if branch not in roles}

    @property
    def digest(self) -> str:
        """SHA-256 of the content, in hexadecimal: two cards with the same digest give the same jets."""
        return hashlib.sha256(json.dumps(plain(self), ensure_ascii=False).encode()).hexdigest()

    def as_mapping(self) -> dict[str, Any]:
        """The card as plain values, without the settings that are not used."""
        values = {key: value for key, value in plain(self).items() if value not in (None, "", [], {})}
        values["momenta"] = self.momenta.branches
        return {key: value for key, value in values.items() if key not in ("format", "sort") or value != getattr(type(self), key)}

    def write(self, path: str | Path) -> Path:
        """Write the card as YAML, whole or not at all; :class:`OutputError` if that is not possible."""
        import yaml

        path = Path(path)
        text = yaml.safe_dump(self.as_mapping(), sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
        with atomic(path) as temporary:
            temporary.write_text(text)
        return path

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str = "dataset card") -> DatasetCard:
        """Make a card from plain values; :class:`ConfigError` for an unknown key (with the nearest match) or a bad value."""
        try:
            return build(cls, values, where)
        except ConfigError as error:
            text = str(error)
            raise ConfigError(text if text.startswith(where) else f"{where}: {text}") from None

    @classmethod
    def from_file(cls, path: str | Path) -> DatasetCard:
        """Read a card from a YAML file."""
        return cls.from_mapping(read_yaml(path), str(path))

    def replace(self, **changes: Any) -> DatasetCard:
        """The card with some entries changed."""
        return dataclasses.replace(self, **changes)


CardLike = DatasetCard | Mapping[str, Any] | str | Path
"""A card, its plain values, or the path of its YAML file."""


def find_card(path: str | Path, card: CardLike | None = None) -> tuple[DatasetCard | None, str]:
    """The card of a jet file, and where it was found: named, beside the file, or in its folder.

    Returns
    -------
    (card, origin)
        ``(None, "")`` if there is none; the branches may still follow a known naming, see :func:`builtin_card`.
    """
    if isinstance(card, DatasetCard):
        return card, f"card '{card.name}'"
    if isinstance(card, Mapping):
        return DatasetCard.from_mapping(card), "the given mapping"
    if card is not None:
        return DatasetCard.from_file(card), str(card)
    path = Path(path)
    if not path.name:  # a folder
        return None, ""
    for beside in (path.with_suffix(".yaml"), path.parent / "card.yaml"):
        if beside.is_file():
            try:
                return DatasetCard.from_file(beside), str(beside)
            except ConfigError as error:
                raise ConfigError(f"{error} ({beside.name} is taken as the dataset card of {path.name})") from None
    return None, ""


JETCLASS_ORDER = ("QCD", "Hbb", "Hcc", "Hgg", "H4q", "Hqql", "Zqq", "Wqq", "Tbqq", "Tbl")
"""The ten classes of JetClass in the order of its publication: the background first."""

USUAL_MOMENTA = ("part_px", "part_py", "part_pz", "part_energy")
"""The momenta of the particles in files that follow JetClass."""


def builtin_card(jet_branches: Collection[str], particle_branches: Collection[str]) -> DatasetCard | None:
    """A card made from the branches alone, if they follow the naming of JetClass or of the top-tagging reference.

    Parameters
    ----------
    jet_branches, particle_branches
        Names of the branches with one number per jet, and per particle (stems of numbered columns in a pandas table).
    """
    if set(USUAL_MOMENTA) <= set(particle_branches):
        flags = [name.removeprefix("label_") for name in jet_branches if name.startswith("label_")]
        order = [name for name in JETCLASS_ORDER if name in flags] + sorted(set(flags) - set(JETCLASS_ORDER))
        classes = {name: f"label_{name}" for name in order}
        if set(flags) == {"QCD", "Tbqq"}:
            classes = {"qcd": "label_QCD", "top": "label_Tbqq"}
        return DatasetCard(
            name="jetclass-like" if set(flags) != {"QCD", "Tbqq"} else "top-tagging",
            description="made from the branch names, which are those of JetClass",
            units="GeV",
            momenta=Momenta(*USUAL_MOMENTA[:3], E=USUAL_MOMENTA[3]),
            classes=classes if len(classes) > 1 else {},
            observers=tuple(sorted(name for name in jet_branches if name.startswith(("jet_", "aux_")))),
        )
    if {"E", "PX", "PY", "PZ"} <= set(particle_branches) and "is_signal_new" in jet_branches:
        return DatasetCard(
            name="top-tagging-reference",
            description="made from the column names, which are those of the top-tagging reference dataset",
            format="pandas-hdf5",
            units="GeV",
            momenta=Momenta(px="PX", py="PY", pz="PZ", E="E"),
            label=LabelColumn("is_signal_new", {"qcd": 0, "top": 1}),
            observers=tuple(name for name in ("truthE", "truthPX", "truthPY", "truthPZ", "ttv") if name in jet_branches),
            citation="Kasieczka, Plehn, Thompson, Russell, https://doi.org/10.5281/zenodo.2603256",
        )
    return None


def split_rows(card: DatasetCard, name: str, where: str) -> tuple[int, int]:
    """First row and row after the last of a split; :class:`DataError` with the nearest match if the card has no such split."""
    if name not in card.splits:
        possible = nearest(name, card.splits) if card.splits else "it has no splits"
        raise DataError(f"{where}: card '{card.name}' has no split '{name}'; {possible}; rows are written #start:stop")
    return card.splits[name]
