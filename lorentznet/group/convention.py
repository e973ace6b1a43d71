"""The order of irreps and the basis that trained weights rely on, as one line to be stored with them.

Weights of a network are numbers *per irrep, component and path*: with another order of the irreps, other real bases of them, or
other Clebsch-Gordan paths they would load and mean something else. What stands in :func:`convention` is therefore written into
every checkpoint and compared when it is read.
"""

from __future__ import annotations

from lorentznet.group.irreps import real_irreps

BASIS = 1
"""Version of the real bases and of number, order, sign and normalisation of the product paths; raised when any of them changes."""


def convention() -> str:
    """The canonical order of the real irreps and the version of their bases and product paths.

    Examples
    --------
    >>> convention()
    '(0,0) (1,1) ((2,0)+(0,2)) (2,2) ((3,1)+(1,3)) (3,3); basis 1'
    """
    return f"{' '.join(map(str, real_irreps(4)))}; basis {BASIS}"
