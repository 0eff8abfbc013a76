"""State that a module declares to a framework: `use Shop.Agent, schema: [task_queue: [default: []]]`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.state.persistence import names_store
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_analyzers.terms import Term


class DeclaredField(NamedTuple):
    """A field that starts as an empty collection; `span` covers its name.

    `framework` is the module used, `store` a module for keeping data that the module names, if any.
    """

    name: str
    span: Span
    framework: str
    store: str


def declared_collections(source: Source, module: Module) -> Iterator[DeclaredField]:
    """The fields of a `schema:` given to `use` whose default is an empty map, list, set or queue."""
    for use in module.uses:
        schema = use.options.get("schema") if use.options is not None and use.options.kind == "list" else None
        if schema is None or schema.kind != "list":
            continue
        empty = {name.value for name, options in schema.pairs if _starts_empty(options)}
        store = _store_in(source.node_at(module.span)) if empty else ""
        for name, span in _keys(source.node_at(use.span)):
            if name in empty:
                yield DeclaredField(name, span, use.module, store)


def _store_in(node: Node) -> str:
    if node.type == "alias":
        return syntax.text(node) if names_store(syntax.text(node)) else ""
    return next((store for child in node.named_children if (store := _store_in(child))), "")


def _starts_empty(options: Term) -> bool:
    default = options.get("default") if options.kind == "list" else None
    if default is None:
        return False
    is_new = default.kind == "call" and default.value.endswith(".new") and not default.items
    return is_new or (default.kind in ("map", "list") and not default.items)


def _keys(use: Node) -> Iterator[tuple[str, Span]]:
    arguments = syntax.arguments(use)
    schema = syntax.keyword(arguments[-1], "schema") if arguments else None
    pairs = syntax.children(schema) if schema is not None else []
    for holder in pairs[-1:]:
        for pair in syntax.children(holder) if holder.type == "keywords" else []:
            key = pair.child_by_field_name("key")
            if key is not None:
                name = syntax.keyword_name(key)
                yield name, Span(key.start_byte, len(name.encode()))
