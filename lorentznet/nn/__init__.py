"""Equivariant layers. Each states its equation, the laws of its inputs and outputs, and small examples for the contract tests."""

from lorentznet.nn.base import EquivariantModule, collected_layers
from lorentznet.nn.cg_product import SelfProduct, VectorProduct
from lorentznet.nn.cgenn_weights import load_published
from lorentznet.nn.covariant_readout import CovariantReadout
from lorentznet.nn.edge import EdgeFunctions
from lorentznet.nn.embedding import ParticleScalars
from lorentznet.nn.frame import FrameConditioner, JetFrame
from lorentznet.nn.gate import InvariantGate, ScalarGate
from lorentznet.nn.geometric_product import geometric_product, vector_product
from lorentznet.nn.graph import DenseGraph, EdgeSum, SparseGraph
from lorentznet.nn.message import CGMessage, CliffordMessage
from lorentznet.nn.mixing import IrrepMixing
from lorentznet.nn.multivector import MultivectorMixing, MultivectorNorm
from lorentznet.nn.norm import RestFrameNorm
from lorentznet.nn.pool import JetPool
from lorentznet.nn.radial import PairBasis, RadialWeights
from lorentznet.nn.readout import InvariantReadout
from lorentznet.nn.second_order import SecondOrderMessage

__all__ = [
    "CGMessage",
    "CliffordMessage",
    "CovariantReadout",
    "DenseGraph",
    "EdgeFunctions",
    "EdgeSum",
    "EquivariantModule",
    "FrameConditioner",
    "InvariantGate",
    "InvariantReadout",
    "IrrepMixing",
    "JetFrame",
    "JetPool",
    "MultivectorMixing",
    "MultivectorNorm",
    "PairBasis",
    "ParticleScalars",
    "RadialWeights",
    "RestFrameNorm",
    "ScalarGate",
    "SecondOrderMessage",
    "SelfProduct",
    "SparseGraph",
    "VectorProduct",
    "collected_layers",
    "geometric_product",
    "load_published",
    "vector_product",
]
