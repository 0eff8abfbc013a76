"""Atoms that are tested only after they were made."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.atoms.made_atoms import From, MadeAtom
from otp_genesis_analyzers.facts.atoms.membership_tests import membership_tests
from otp_genesis_analyzers.source import Source


def is_checked_too_late(source: Source, made: MadeAtom, origin: From) -> bool:
    """`field = String.to_atom(key)`, and only then `field in fields`.

    To look in a map for something that may be there is no check, unless the text comes from outside.
    """
    bound = made.call.bound_to if made.call is not None else None
    if bound is None or bound.kind != "variable":
        return False
    return any(
        node.start_byte > made.head.end
        and tested == bound.value
        and (origin != "unknown" or not _looks_in_map(node))
        for node, tested in membership_tests(source, made.clause)
    )


def _looks_in_map(test: Node) -> bool:
    target = syntax.call_target(test) if test.type == "call" else None
    return target is not None and syntax.text(target) in ("Map.has_key?", "is_map_key")
