"""Selections of jets: ``(jet_pt > 550) & (abs(jet_eta) < 2)``, evaluated on columns, never by ``eval``.

The expression is parsed by Python's own parser and walked; only names of columns, numbers, comparisons, arithmetic, ``&``,
``|``, ``~`` (or ``and``, ``or``, ``not``) and a few functions are allowed.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from lorentznet.errors import ConfigError, nearest

FUNCTIONS: Mapping[str, Callable[..., Any]] = {"abs": np.abs, "log": np.log, "sqrt": np.sqrt}

_ARITHMETIC: Mapping[type[ast.operator], Callable[..., Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
_LOGIC: Mapping[type[ast.AST], tuple[str, Callable[..., Any]]] = {
    ast.BitAnd: ("&", np.logical_and),
    ast.BitOr: ("|", np.logical_or),
    ast.And: ("and", np.logical_and),
    ast.Or: ("or", np.logical_or),
    ast.Not: ("not", np.logical_not),
    ast.Invert: ("~", np.logical_not),
}
_COMPARISONS: Mapping[type[ast.cmpop], Callable[..., Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}


def names(expression: str) -> tuple[str, ...]:
    """Names of the columns that a selection reads, in order of appearance.

    Raises
    ------
    ConfigError
        If the expression uses anything that is not allowed.

    Examples
    --------
    >>> names("(jet_pt > 550) & (abs(jet_eta) < 2)")
    ('jet_pt', 'jet_eta')
    """
    found: dict[str, None] = {}

    def look_up(name: str) -> Any:
        found[name] = None
        return np.zeros(1)

    _walk(expression, look_up)
    return tuple(found)


def check(expression: str, columns: Collection[str], where: str = "selection") -> None:
    """Refuse a selection that reads anything but these columns.

    Raises
    ------
    ConfigError
        For an unknown name (with the nearest match), or anything that is not allowed.
    """
    for name in names(expression):
        if name not in columns:
            raise ConfigError(f"{where}: selection '{expression}' reads '{name}', which is not there; {nearest(name, columns)}")


def evaluate(expression: str, columns: Mapping[str, Any], where: str = "selection") -> np.ndarray:
    """Which jets pass.

    Parameters
    ----------
    expression
        The selection.
    columns
        One number per jet for every name, shape (n_jets,).
    where
        The file or card, for error messages.

    Returns
    -------
    numpy.ndarray, shape (n_jets,), bool
        A comparison with a number that is not defined (the logarithm of a negative one) is False.

    Raises
    ------
    ConfigError
        For an unknown name (with the nearest match), or anything that is not allowed.

    Examples
    --------
    >>> evaluate("x > 1 and sqrt(x) < 2", {"x": np.array([1.0, 2.0, 5.0])})
    array([False,  True, False])
    """

    check(expression, columns, where)
    passed: np.ndarray = np.asarray(_walk(expression, columns.__getitem__))
    return passed


def _walk(expression: str, look_up: Callable[[str], Any]) -> Any:
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise ConfigError(f"selection '{expression}' cannot be read ({getattr(error, 'msg', error)})") from None
    with np.errstate(all="ignore"):
        value = _value(tree, look_up, expression)
    if getattr(value, "dtype", None) != np.bool_ or np.ndim(value) != 1:
        raise ConfigError(f"selection '{expression}' is not a condition on jets; write a comparison such as jet_pt > 500")
    return value


def _value(node: ast.expr, look_up: Callable[[str], Any], expression: str) -> Any:
    def inner(child: ast.expr) -> Any:
        return _value(child, look_up, expression)

    def condition(child: ast.expr, sign: str) -> Any:
        value = inner(child)
        if getattr(value, "dtype", None) != np.bool_:
            raise ConfigError(
                f"selection '{expression}': '{ast.unparse(child)}' beside '{sign}' is a number; put comparisons in parentheses, "
                "(a > 1) & (b < 2), and write flag == 1 for a flag"
            )
        return value

    match node:
        case ast.Name(id=name):
            return look_up(name)
        case ast.Constant(value=bool() | int() | float() as number):
            return np.float64(number)
        case ast.BinOp(op=op) if type(op) in _LOGIC:
            sign, combine = _LOGIC[type(op)]
            return combine(condition(node.left, sign), condition(node.right, sign))
        case ast.BinOp(op=op) if type(op) in _ARITHMETIC:
            return _ARITHMETIC[type(op)](inner(node.left), inner(node.right))
        case ast.BoolOp(op=op):
            sign, combine = _LOGIC[type(op)]
            result = condition(node.values[0], sign)
            for child in node.values[1:]:
                result = combine(result, condition(child, sign))
            return result
        case ast.UnaryOp(op=ast.Not() | ast.Invert() as op):
            sign, negate = _LOGIC[type(op)]
            return negate(condition(node.operand, sign))
        case ast.UnaryOp(op=ast.USub()):
            return np.negative(np.asarray(inner(node.operand), dtype=np.float64))
        case ast.Compare():
            values = [inner(child) for child in (node.left, *node.comparators)]
            result = np.True_
            if all(type(sign) in _COMPARISONS for sign in node.ops):
                for comparison, left, right in zip(node.ops, values[:-1], values[1:], strict=True):
                    result = np.logical_and(result, _COMPARISONS[type(comparison)](left, right))
                return result
        case ast.Call(func=ast.Name(id=function), args=[argument], keywords=[]) if function in FUNCTIONS:
            return FUNCTIONS[function](inner(argument))
        case ast.Call(func=ast.Name(id=function)):
            raise ConfigError(
                f"selection '{expression}': '{ast.unparse(node)}' is not allowed; of functions {nearest(function, FUNCTIONS)}"
            )
    raise ConfigError(
        f"selection '{expression}': '{ast.unparse(node)}' is not allowed; use names, numbers, comparisons, + - * / **, & | ~, "
        f"{', '.join(FUNCTIONS)}"
    )
