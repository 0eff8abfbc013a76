"""Atoms that are made after all, where the conversion to an existing one has failed."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.atoms.made_atoms import MadeAtom
from otp_genesis_analyzers.source import Source


def is_made_after_all(source: Source, made: MadeAtom) -> bool:
    """`rescue ArgumentError -> String.to_atom(text)`, behind a `String.to_existing_atom(text)`."""
    rescued = source.node_at(made.head)
    while rescued.type != "rescue_block":
        if rescued.parent is None or rescued.start_byte <= made.clause.span.start:
            return False
        rescued = rescued.parent
    tried = rescued.parent
    wanted = syntax.text(made.value)
    return tried is not None and any(
        _is_existing(call) and [wanted] == [syntax.text(node) for node in syntax.arguments(call)[:1]]
        for call in syntax.below(tried)
        if call.end_byte <= rescued.start_byte and call.type == "call"
    )


def _is_existing(call: Node) -> bool:
    target = syntax.call_target(call)
    return target is not None and syntax.text(target).endswith("to_existing_atom")
