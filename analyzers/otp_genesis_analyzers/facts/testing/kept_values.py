"""Assertions that want what was there before to be there still."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.testing.test_blocks import asserts


def wants_same(earlier: Node, looks: Node) -> bool:
    """`assert run.status == :cancelled` before the sleep, `assert fresh.status == :cancelled` behind it."""
    compared = [_field_and_value(check) for check in (earlier, looks)]
    return compared[0] is not None and compared[0] == compared[1]


def _field_and_value(check: Node) -> tuple[str, str] | None:
    """`status` and `:cancelled` of `assert run.status == :cancelled`."""
    asserted = next(iter(syntax.arguments(check)), None) if asserts(check) else None
    if asserted is None or asserted.type != "binary_operator" or syntax.operator(asserted) != "==":
        return None
    left, right = syntax.left(asserted), syntax.right(asserted)
    field = syntax.call_target(left) if left is not None and left.type == "call" else None
    if left is None or field is None or field.type != "dot" or syntax.arguments(left):
        return None
    if right is None or right.type not in ("atom", "string", "integer", "boolean"):
        return None
    return syntax.text(syntax.right(field) or field), syntax.text(right)


def gave_the_same(earlier: Node, looks: Node) -> bool:
    """`{:ok, date} = get(pid)` before the sleep, `assert {:ok, ^date} = get(pid)` behind it."""
    asserted = next(iter(syntax.arguments(looks)), None)
    if earlier.type != "binary_operator" or asserted is None or asserted.type != "binary_operator":
        return False
    if syntax.operator(earlier) != "=" or syntax.operator(asserted) not in ("=", "=="):
        return False
    pattern, value = syntax.left(earlier), syntax.right(earlier)
    sides = (syntax.left(asserted), syntax.right(asserted))
    if pattern is None or value is None or value.type != "call" or None in sides:
        return False
    written = [syntax.text(side).replace("^", "") for side in sides if side is not None]
    return sorted(written) == sorted((syntax.text(pattern), syntax.text(value)))
