"""Jets in memory: :class:`JetTable`.

The canonical store is flat numpy: the momenta of all particles, jet after jet, and the offsets of the jets in them. The awkward
array with vector's four-momenta is a view of the same memory, made when it is asked for.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lorentznet.data.card import RESERVED, DatasetCard
from lorentznet.errors import DataError, nearest

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DERIVED = ("jet_pt", "jet_eta", "jet_phi", "jet_mass", "jet_nparticles")
"""Observers that every table has: computed from the particles where the file does not give them."""


@cache
def _register_vector() -> None:
    """Give awkward records of four-momenta their physics (``.pt``, ``.mass``, ``.boost``)."""
    import vector

    vector.register_awkward()


def _derived(name: str, meaning: str) -> property:
    return property(lambda table: table.observer(name), doc=meaning)


@dataclass(frozen=True, eq=False, repr=False)
class JetTable:
    """Jets with their particles, labels, weights and observers.

    ``len(table)`` is the number of jets; ``table[10:20]``, ``table[mask]`` and ``table[indices]`` are tables again.

    Attributes
    ----------
    momenta
        Four-momenta (E, px, py, pz) in GeV of the particles of all jets, shape (n_particles, 4), float64.
    offsets
        The particles of jet ``k`` are ``momenta[offsets[k]:offsets[k + 1]]``; shape (n_jets + 1,).
    labels, classes
        Number of the class of each jet, an index into the names of the classes; -1 where it is unknown.
    weights, ids
        Weight of each jet, and its row in the file.
    columns
        Observer -> one number per jet, as the file has them (``jet_pt``, ``jet_mass``, ``jet_energy`` in GeV).
    scalars, scalar_names
        Lorentz-invariant numbers of each particle, shape (n_particles, s), or None; and what they are.
    source, card
        Where the jets come from, and the dataset card they were read with.
    pt_sorted
        True if the particles of each jet were sorted by falling transverse momentum on reading.
    """

    momenta: Floats
    offsets: Integers
    labels: Integers
    weights: Floats
    ids: Integers
    classes: tuple[str, ...] = ()
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)
    scalars: Floats | None = None
    scalar_names: tuple[str, ...] = ()
    source: str = "memory"
    card: DatasetCard | None = None
    pt_sorted: bool = False

    @classmethod
    def from_arrays(
        cls,
        p4: ArrayLike,
        counts: ArrayLike,
        labels: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        classes: Sequence[str] = (),
        observers: Mapping[str, ArrayLike] | None = None,
        ids: ArrayLike | None = None,
        source: str = "memory",
        scalars: ArrayLike | None = None,
    ) -> JetTable:
        """Make a table from flat arrays.

        Parameters
        ----------
        p4
            (E, px, py, pz) in GeV, jet after jet, shape (n_particles, 4).
        counts
            Number of particles of each jet, shape (n_jets,).
        labels, weights, ids
            Of each jet, shape (n_jets,); unknown (-1), 1, and 0, 1, 2, ... when not given.
        classes, source
            As the attributes.
        observers
            Further numbers, each of shape (n_jets,).
        scalars
            Invariant numbers of the particles, shape (n_particles, s).

        Raises
        ------
        ValueError
            If the shapes do not agree, or a label numbers no class.

        Examples
        --------
        >>> momenta = [[5, 3, 4, 0], [2, 0, 2, 0], [1, 1, 0, 0]]
        >>> table = JetTable.from_arrays(momenta, counts=[2, 1], labels=[1, 0], classes=("qcd", "top"))
        >>> table.observer("jet_pt").round(3).tolist()
        [6.708, 1.0]
        """
        momenta = np.ascontiguousarray(p4, dtype=np.float64)
        number = np.asarray(counts, dtype=np.int64)
        if momenta.ndim != 2 or momenta.shape[1] != 4:
            raise ValueError(f"p4 must have shape (n_particles, 4), got {momenta.shape}")
        if number.ndim != 1 or (number < 0).any() or number.sum() != len(momenta):
            raise ValueError(f"counts must be one number per jet and add up to {len(momenta)} particles, got {number.sum()}")
        n_jets = len(number)
        table = cls(
            momenta=momenta,
            offsets=np.concatenate([[0], np.cumsum(number)]),
            labels=np.full(n_jets, -1) if labels is None else np.asarray(labels, dtype=np.int64),
            weights=np.ones(n_jets) if weights is None else np.asarray(weights, dtype=np.float64),
            ids=np.arange(n_jets) if ids is None else np.asarray(ids, dtype=np.int64),
            classes=tuple(classes),
            columns={name: np.asarray(values) for name, values in (observers or {}).items()},
            scalars=None if scalars is None else np.asarray(scalars, dtype=np.float64),
            scalar_names=() if scalars is None else tuple(f"scalar_{i}" for i in range(np.shape(scalars)[1])),
            source=source,
        )
        per_jet = {"labels": table.labels, "weights": table.weights, "ids": table.ids, **table.columns}
        for name, values in per_jet.items():
            if values.shape != (n_jets,):
                raise ValueError(f"{name} must have shape ({n_jets},), got {values.shape}")
        if table.scalars is not None and len(table.scalars) != len(momenta):
            raise ValueError(f"scalars must have one row for each of the {len(momenta)} particles, got {len(table.scalars)}")
        if classes and n_jets and not (table.labels.min() >= -1 and table.labels.max() < len(classes)):
            raise ValueError(f"labels must be -1 or number the classes {', '.join(classes)}, got {np.unique(table.labels)}")
        if RESERVED & set(table.columns):
            raise ValueError(f"an observer cannot be called {', '.join(sorted(RESERVED & set(table.columns)))}")
        return table

    @property
    def counts(self) -> Integers:
        """Number of particles of each jet."""
        return np.diff(self.offsets)

    @property
    def observers(self) -> tuple[str, ...]:
        """Names of the observers that came with the jets; those in :data:`DERIVED` are always there besides."""
        return tuple(self.columns)

    def observer(self, name: str) -> np.ndarray:
        """One number per jet: an observer that came with the jets, else one of :data:`DERIVED` from the sum of the particles.

        Raises
        ------
        DataError
            If there is none of this name (with the nearest match).
        """
        if name in self.columns:
            return self.columns[name]
        if name not in DERIVED:
            raise DataError(f"{self.source}: no observer '{name}'; {nearest(name, {*self.columns, *DERIVED})}")
        return self.counts if name == "jet_nparticles" else self.from_particles(name)

    def from_particles(self, name: str) -> np.ndarray:
        """``jet_pt``, ``jet_eta``, ``jet_phi`` or ``jet_mass`` of the summed particles, whatever the file says of it."""
        values: np.ndarray = np.asarray(getattr(self.jets, name.removeprefix("jet_")))
        return values

    jet_pt = _derived("jet_pt", "Transverse momentum of each jet in GeV, shape (n_jets,).")
    jet_eta = _derived("jet_eta", "Pseudorapidity of each jet, shape (n_jets,).")
    jet_phi = _derived("jet_phi", "Azimuth of each jet, shape (n_jets,).")
    jet_mass = _derived("jet_mass", "Invariant mass of each jet in GeV, shape (n_jets,).")
    jet_nparticles = _derived("jet_nparticles", "Number of particles of each jet, shape (n_jets,).")

    @cached_property
    def jets(self) -> Any:
        """Four-momenta of the jets, summed over their particles: an awkward array of vector's Momentum4D."""
        import awkward as ak

        return ak.sum(self.constituents, axis=1)

    @cached_property
    def constituents(self) -> Any:
        """Four-momenta of the particles: a jagged awkward array of vector's Momentum4D (``.pt``, ``.eta``, ``.mass``, ...)."""
        import awkward as ak

        _register_vector()
        content = ak.contents.RecordArray(
            [ak.contents.NumpyArray(self.momenta[:, column]) for column in (1, 2, 3, 0)],
            ["px", "py", "pz", "E"],
            parameters={"__record__": "Momentum4D"},
        )
        return ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(self.offsets - self.offsets[0]), content))

    @cached_property
    def array(self) -> Any:
        """Everything as one awkward array of jets, with fields constituents, label, weight, id and the observers."""
        import awkward as ak

        fields = {"label": self.labels, "weight": self.weights, "id": self.ids, **self.columns}
        layouts = [ak.to_layout(self.constituents), *(ak.contents.NumpyArray(np.asarray(values)) for values in fields.values())]
        return ak.Array(ak.contents.RecordArray(layouts, ["constituents", *fields], length=len(self)))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, which: Any) -> JetTable:
        """The jets of a slice, a mask or a list of indices, as a table; a single number gives a table of one jet."""
        if isinstance(which, slice) and which.step in (None, 1):
            start, stop, _ = which.indices(len(self))
            stop = max(start, stop)
            inside = slice(int(self.offsets[start]), int(self.offsets[stop]))
            return self._taken(slice(start, stop), inside, self.offsets[start : stop + 1] - self.offsets[start])
        rows = np.arange(len(self))[which].reshape(-1)
        first, number = self.offsets[rows], self.counts[rows]
        offsets = np.concatenate([[0], np.cumsum(number)])
        return self._taken(rows, np.repeat(first - offsets[:-1], number) + np.arange(offsets[-1]), offsets)

    def _taken(self, rows: Any, particles: Any, offsets: Integers) -> JetTable:
        return replace(
            self,
            momenta=self.momenta[particles],
            offsets=offsets,
            labels=self.labels[rows],
            weights=self.weights[rows],
            ids=self.ids[rows],
            columns={name: values[rows] for name, values in self.columns.items()},
            scalars=None if self.scalars is None else self.scalars[particles],
        )

    @classmethod
    def concatenate(cls, tables: Sequence[JetTable]) -> JetTable:
        """One table of all jets, in the order given.

        Raises
        ------
        DataError
            If there is no table, or they differ in their classes, observers or scalars.
        """
        if not tables:
            raise DataError("there are no tables to put together")
        first = tables[0]
        for other in tables[1:]:
            for what in ("classes", "observers", "scalar_names"):
                here, there = getattr(first, what), getattr(other, what)
                if (set(here) != set(there)) if what == "observers" else (here != there):
                    lists = f"{', '.join(there) or 'none'}; {', '.join(here) or 'none'} in {first.source}"
                    raise DataError(f"{other.source}: other {what.replace('_', ' ')} ({lists}); read both with one card")
        if len(tables) == 1:
            return first
        counts = np.concatenate([table.counts for table in tables])
        sources = list(dict.fromkeys(table.source for table in tables))
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(table, name) for table in tables]) for name in ("momenta", "labels", "weights", "ids")
        }
        scalars = [table.scalars for table in tables if table.scalars is not None]
        return replace(
            first,
            **arrays,
            offsets=np.concatenate([[0], np.cumsum(counts)]),
            columns={name: np.concatenate([table.columns[name] for table in tables]) for name in first.columns},
            scalars=np.concatenate(scalars) if scalars else None,
            source=sources[0] if len(sources) == 1 else f"{sources[0]} and {len(sources) - 1} more",
            pt_sorted=all(table.pt_sorted for table in tables),
        )

    def class_counts(self) -> dict[str, int]:
        """Number of jets of each class, and of unknown class if there are any."""
        numbers = {name: int((self.labels == label).sum()) for label, name in enumerate(self.classes)}
        unknown = len(self) - sum(numbers.values())
        return numbers | ({"unknown": unknown} if unknown else {})

    def __repr__(self) -> str:
        return f"JetTable({', '.join(f'{name} {value}' for name, value in self._facts().items())})"

    def _repr_html_(self) -> str:
        left = "style='text-align:left'"
        facts = [(html.escape(name), html.escape(value)) for name, value in self._facts().items()]
        rows = "".join(f"<tr><th {left}>{name}</th><td {left}>{value}</td></tr>" for name, value in facts)
        return f"<table><caption>JetTable</caption>{rows}</table>"

    def _facts(self) -> dict[str, str]:
        facts = {"jets": str(len(self)), "classes": ", ".join(f"{name} {number}" for name, number in self.class_counts().items())}
        if len(self):
            facts["particles per jet"] = f"{self.counts.mean():.1f} (at most {self.counts.max()})"
            facts["median pT"] = f"{np.median(self.jet_pt):.4g} GeV"
            facts["median mass"] = f"{np.median(self.jet_mass):.4g} GeV"
        return facts | {"observers": ", ".join(self.observers) or "none", "source": self.source}
