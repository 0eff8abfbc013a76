"""`defdelegate reserve(items), to: Shop.Stock` is a function whose body is one call."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.reading.builders import ClauseBuilder
from otp_genesis_analyzers.facts.reading.read_terms import module_name
from otp_genesis_analyzers.scopes import Scope


def delegated_call(node: Node, clause: ClauseBuilder, scope: Scope) -> Call | None:
    """The call that a `defdelegate` makes with its parameters; None where its target is not literal."""
    arguments = syntax.arguments(node)
    options = arguments[-1] if len(arguments) > 1 else None
    module = module_name(syntax.keyword(options, "to"), scope)
    renamed = syntax.keyword(options, "as")
    if not module or (renamed is not None and renamed.type != "atom"):
        return None
    return Call(
        module,
        syntax.text(renamed).removeprefix(":") if renamed is not None else clause.name,
        clause.arity,
        clause.name_span,
        clause.span,
        "apply",
        "returned",
        "here",
        -1,
        args=clause.head,
    )
