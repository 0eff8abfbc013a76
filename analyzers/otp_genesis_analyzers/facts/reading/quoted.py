"""What a statement inside `quote` gives to the module that it ends up in."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax

_DEFINES = frozenset({"def", "defp", "defmacro", "defmacrop", "defdelegate"})
_DEFINES_NOTHING = frozenset(
    {
        "use",
        "import",
        "alias",
        "require",
        "defoverridable",
        "defstruct",
        "defexception",
        "defguard",
        "defguardp",
    }
)
_HOOKS = ("@before_compile", "@on_definition", "@after_compile")


def defined_by(statement: Node) -> str:
    """`start_link/1` for a definition, "" for what defines nothing, `?` for what may define anything."""
    name = syntax.local_name(statement) if statement.type == "call" else ""
    if name in _DEFINES:
        head, _ = syntax.definition_head(statement)
        target = syntax.call_target(head) if head is not None and head.type == "call" else head
        if head is None or target is None or target.type != "identifier":
            return "?"
        return f"{syntax.text(target)}/{len(syntax.arguments(head)) if head.type == 'call' else 0}"
    if statement.type == "unary_operator" and syntax.operator(statement) == "@":
        return "?" if syntax.text(statement).startswith(_HOOKS) else ""
    return "" if name in _DEFINES_NOTHING or statement.type in ("atom", "nil", "comment") else "?"
