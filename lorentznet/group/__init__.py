"""The mathematics of Lorentz symmetry; imports torch and numpy only.

Conventions, once for the whole package: metric (+, -, -, -), component order (E, px, py, pz), active transforms of
contravariant components, GeV.
"""

from lorentznet.group.clebsch_gordan import (
    CGPath,
    clebsch_gordan,
    null_space_intertwiners,
    product_paths,
    real_clebsch_gordan,
    self_product_paths,
    vector_product_paths,
)
from lorentznet.group.clifford import CliffordAlgebra, compound
from lorentznet.group.irreps import AnyIrrep, Irrep, IrrepPair, Irreps, real_irreps
from lorentznet.group.minkowski import METRIC, SIGNATURE, minkowski_dot, minkowski_square
from lorentznet.group.multivectors import Multivectors
from lorentznet.group.subgroup import Subgroup, subgroup_names
from lorentznet.group.transform import GENERATOR_NAMES, GENERATORS, LorentzTransform, boost_matrix, rotation_matrix

__all__ = [
    "GENERATORS",
    "GENERATOR_NAMES",
    "METRIC",
    "SIGNATURE",
    "AnyIrrep",
    "CGPath",
    "CliffordAlgebra",
    "Irrep",
    "IrrepPair",
    "Irreps",
    "LorentzTransform",
    "Multivectors",
    "Subgroup",
    "boost_matrix",
    "clebsch_gordan",
    "compound",
    "minkowski_dot",
    "minkowski_square",
    "null_space_intertwiners",
    "product_paths",
    "real_clebsch_gordan",
    "real_irreps",
    "rotation_matrix",
    "self_product_paths",
    "subgroup_names",
    "vector_product_paths",
]
