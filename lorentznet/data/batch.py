"""From ragged jets to one batch of tensors: columnar, from offsets, never a Python object per jet.

A :class:`JetBatch` *is* a ``torch_geometric`` data object with the attributes ``batch`` and ``ptr``, so that any PyG model takes
it as it is. Momenta stay float64 (E, px, py, pz) in GeV until the front end of a tagger is done with them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch_geometric.data import Data

if TYPE_CHECKING:
    from lorentznet.data.table import JetTable


class JetBatch(Data):
    """A batch of jets.

    Attributes
    ----------
    p4 : Tensor, shape (n_particles, 4), float64
        Four-momenta (E, px, py, pz) in GeV of the particles of all jets, jet after jet.
    ptr : Tensor, shape (n_jets + 1,), int64
        The particles of jet ``k`` are ``p4[ptr[k]:ptr[k + 1]]``.
    batch : Tensor, shape (n_particles,), int64
        The jet of each particle.
    y : Tensor, shape (n_jets,), int64, or absent
        Class of each jet, -1 where it is unknown.
    weight : Tensor, shape (n_jets,), float64
        Weight of each jet in losses and metrics.
    scalars : Tensor, shape (n_particles, s), float64, or absent
        Lorentz-invariant numbers of each particle (charge, identity, ...).
    references : Tensor, shape (n_jets, r, 4), float64, or absent
        Reference vectors (beams, time) of each jet in the frame of ``p4``; absent means those of the laboratory.
    """

    @classmethod
    def from_arrays(
        cls,
        p4: Any,
        counts: Any,
        y: Any = None,
        weight: Any = None,
        scalars: Any = None,
    ) -> JetBatch:
        """Build a batch from flat arrays.

        Parameters
        ----------
        p4
            Array or tensor, shape (n_particles, 4), (E, px, py, pz) in GeV.
        counts
            Number of particles of each jet, shape (n_jets,).
        y, weight
            Class and weight of each jet, shape (n_jets,); weights are 1 when not given.
        scalars
            Invariant features, shape (n_particles, s).

        Raises
        ------
        ValueError
            If the counts do not add up to the number of particles.
        """
        momenta = torch.as_tensor(p4, dtype=torch.float64)
        number = torch.as_tensor(counts, dtype=torch.int64)
        if momenta.ndim != 2 or momenta.shape[1] != 4:
            raise ValueError(f"p4 must have shape (n_particles, 4), got {tuple(momenta.shape)}")
        if int(number.sum()) != momenta.shape[0]:
            raise ValueError(f"counts add up to {int(number.sum())} particles, but p4 holds {momenta.shape[0]}")
        ptr = torch.zeros(number.numel() + 1, dtype=torch.int64)
        torch.cumsum(number, 0, out=ptr[1:])
        fields: dict[str, Tensor] = {
            "p4": momenta,
            "ptr": ptr,
            "batch": torch.repeat_interleave(torch.arange(number.numel()), number),
            "weight": torch.ones(number.numel(), dtype=torch.float64),
        }
        if weight is not None:
            fields["weight"] = torch.as_tensor(weight, dtype=torch.float64)
        if y is not None:
            fields["y"] = torch.as_tensor(y, dtype=torch.int64)
        if scalars is not None:
            fields["scalars"] = torch.as_tensor(scalars, dtype=torch.float64)
        return cls(num_nodes=momenta.shape[0], **fields)

    @property
    def n_jets(self) -> int:
        """Number of jets."""
        return int(self.ptr.numel()) - 1

    @property
    def num_graphs(self) -> int:
        """Number of jets, under PyG's name."""
        return self.n_jets

    @property
    def counts(self) -> Tensor:
        """Number of particles of each jet, shape (n_jets,)."""
        ptr: Tensor = self.ptr
        return ptr[1:] - ptr[:-1]

    def with_momenta(self, p4: Tensor, references: Tensor | None = None) -> JetBatch:
        """The same jets with other momenta (and reference vectors); this batch is left as it is."""
        changed: JetBatch = self.clone()
        changed.p4 = p4
        if references is not None:
            changed.references = references
        return changed

    def select(self, jets: Any) -> JetBatch:
        """Some of the jets, in the order asked for.

        Parameters
        ----------
        jets
            What indexes the jets: a slice, a mask of shape (n_jets,), or their numbers.
        """
        index = torch.arange(self.n_jets, device=self.ptr.device)[jets]
        counts = self.counts[index]
        ptr = torch.zeros(index.numel() + 1, dtype=torch.int64, device=self.ptr.device)
        torch.cumsum(counts, 0, out=ptr[1:])
        owner = torch.repeat_interleave(torch.arange(index.numel(), device=self.ptr.device), counts)
        rows = torch.arange(owner.numel(), device=self.ptr.device) - ptr[owner] + self.ptr[index][owner]
        fields = {key: self[key][rows] for key in ("p4", "scalars") if key in self}
        fields |= {key: self[key][index] for key in ("y", "weight", "references") if key in self}
        return JetBatch(num_nodes=rows.numel(), ptr=ptr, batch=owner, **fields)

    def transformed(self, matrix: Tensor) -> JetBatch:
        """The same jets seen from another frame; reference vectors that the batch carries are transformed along.

        Parameters
        ----------
        matrix
            Lorentz transform, shape (4, 4), or one per jet, shape (n_jets, 4, 4).
        """
        matrix = matrix.to(self.p4)
        per_jet = matrix.expand(self.n_jets, 4, 4)
        p4 = torch.einsum("pij,pj->pi", per_jet[self.batch], self.p4)
        references = getattr(self, "references", None)
        if references is not None:
            references = torch.einsum("bij,brj->bri", per_jet, references)
        return self.with_momenta(p4, references)

    def __cat_dim__(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        return 0


def collate(table: JetTable) -> JetBatch:
    """All jets of a table as one batch, without a copy of the momenta: treat them as read-only, as taggers do.

    Labels are left out where no jet has one.

    Examples
    --------
    >>> from lorentznet.data.table import JetTable
    >>> batch = collate(JetTable.from_arrays([[5, 3, 4, 0], [2, 0, 2, 0]], counts=[2], labels=[1]))
    >>> batch.n_jets, batch.p4.shape, batch.y
    (1, torch.Size([2, 4]), tensor([1]))
    """
    labels = table.labels
    return JetBatch.from_arrays(
        table.momenta,
        table.counts,
        y=None if (labels < 0).all() else labels,
        weight=table.weights,
        scalars=table.scalars,
    )
