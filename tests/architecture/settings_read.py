"""The environment variables that ``minirag/settings`` reads, with the defaults it writes."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from tests.architecture.tree import ROOT


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. ``default`` is None where the code computes it, or has none."""

    name: str
    default: object | None


def variables() -> list[Variable]:
    """In the order of the files; each once."""
    files = sorted((ROOT / "minirag" / "settings").glob("*.py"))
    calls = (
        node
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
    )
    found = [_variable(call) for call in calls]
    by_name = {one.name: one for one in found if one is not None}
    return list(by_name.values())


def _variable(call: ast.Call) -> Variable | None:
    function = call.func
    reads = (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "env"
    ) or (isinstance(function, ast.Name) and function.id == "_secret")
    if not reads or not call.args or not isinstance(call.args[0], ast.Constant):
        return None
    default = next((word.value for word in call.keywords if word.arg == "default"), None)
    return Variable(str(call.args[0].value), _value(default))


def _value(node: ast.expr | None) -> object | None:
    """A literal, or a product of literals such as ``8 * 1024 * 1024``."""
    if node is None:
        return None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = _value(node.left), _value(node.right)
        return left * right if isinstance(left, int) and isinstance(right, int) else None
    try:
        found: object = ast.literal_eval(node)
    except ValueError:
        return None
    return found
