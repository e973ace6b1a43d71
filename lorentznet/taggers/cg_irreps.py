"""The irreps that a Clebsch-Gordan tagger may be given: in order, with scalars, real, and each within reach of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lorentznet.errors import ConfigError
from lorentznet.group.clebsch_gordan import CGPath, product_paths, self_product_paths, vector_product_paths
from lorentznet.group.irreps import AnyIrrep, Irreps, real_irreps
from lorentznet.nn.invariants import VECTOR
from lorentznet.nn.mixing import SCALAR
from lorentznet.nn.second_order import TENSOR


def sorted_irreps(text: str, maxdim: int | None = None) -> Irreps:
    """The features' irreps, merged, in the package's order, scalars first.

    Parameters
    ----------
    text
        Irreps with their multiplicities.
    maxdim
        Add all real irreps below, see :class:`~lorentznet.taggers.cg.CGConfig`.

    Raises
    ------
    ConfigError
        If scalars are missing, or an irrep is a lone complex one, (k, n) with k != n, or not below ``maxdim``.

    Examples
    --------
    >>> sorted_irreps("8x(0,0)+4x(1,1)", maxdim=3)
    8x(0,0)+4x(1,1)+4x((2,0)+(0,2))+4x(2,2)
    """
    irreps = Irreps(text).simplify()
    present = [irrep for _, irrep in irreps]
    if SCALAR not in present:
        raise ConfigError(f"irreps: '{text}' lacks {SCALAR}; the tagger needs scalars (0,0)")
    if not irreps.is_real:
        raise ConfigError(f"irreps: '{text}' has a lone (k,n) with k != n, which is complex; write the pair, e.g. ((2,0)+(0,2))")
    if maxdim is None:
        return irreps
    if maxdim < 1:
        raise ConfigError(f"maxdim must be at least 1, got {maxdim}")
    below = real_irreps(maxdim)
    for irrep in present:
        if irrep not in below:
            raise ConfigError(
                f"maxdim: {irrep} of irreps '{text}' is not among those below {maxdim}: {', '.join(map(str, below))}"
            )
    fewest = min(irreps.multiplicities)
    return Irreps([*irreps, *((fewest, irrep) for irrep in below if irrep not in present)]).simplify()


def check_without_vectors(irreps: Irreps, needing: Mapping[str, bool]) -> None:
    """Refuse what needs vectors, of irreps that have none, by :class:`~lorentznet.errors.ConfigError`.

    Parameters
    ----------
    irreps
        Irreps without vectors.
    needing
        What needs vectors, and whether it is asked for.
    """
    others = [str(irrep) for _, irrep in irreps if irrep != SCALAR]
    for what, wanted in {f"{', '.join(others)}, which are made of them": bool(others), **needing}.items():
        if wanted:
            raise ConfigError(f"irreps: '{irreps}' lacks {VECTOR}; add vectors for {what}")


def check_reached(irreps: Irreps, hodge: bool = False, order: int = 1) -> None:
    """Refuse irreps whose features would be zero for ever, because no product of the others makes them.

    Particles bring scalars and vectors; all else comes from products with vectors and of features with themselves.

    Parameters
    ----------
    irreps
        Scalars first.
    hodge, order
        As :class:`~lorentznet.taggers.cg.CGConfig` has them.

    Raises
    ------
    ConfigError
        With the irreps out of reach.

    Examples
    --------
    >>> check_reached(Irreps("4x(0,0)+2x(1,1)+1x(2,2)"))
    >>> check_reached(Irreps("4x(0,0)+2x(1,1)+1x(3,3)"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    lorentznet.errors.ConfigError: irreps: nothing makes (3,3) out of (0,0), (1,1); leave out what is not reached, ...
    """
    present = [irrep for _, irrep in irreps]
    reached: list[AnyIrrep] = [irrep for irrep in present if irrep in (SCALAR, VECTOR)]
    while True:
        made = {path.out for path in _paths(reached, present, order) if path.parity > 0 or hodge}
        further = [irrep for irrep in present if irrep in made and irrep not in reached]
        if not further:
            break
        reached += further
    dead = [irrep for irrep in present if irrep not in reached]
    if dead:
        cure = "leave out what is not reached, or add what leads there, e.g. (2,2) for (3,3)"
        if any((irrep.k + irrep.n) % 2 for irrep in dead):
            cure = "leave out (k,n) with odd k + n, which is never made of vectors"
        found, of = (", ".join(map(str, some)) for some in (dead, reached))
        raise ConfigError(f"irreps: nothing makes {found} out of {of}; {cure}")


def _paths(reached: Sequence[AnyIrrep], outputs: Sequence[AnyIrrep], order: int) -> Sequence[CGPath]:
    if VECTOR not in reached:
        return ()
    second = product_paths((TENSOR,), reached, outputs) if order == 2 else ()
    return (*self_product_paths(reached, outputs), *vector_product_paths(reached, outputs), *second)
