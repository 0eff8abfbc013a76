"""Tables that a module only ever adds rows to."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.state.state_shapes import bindings
from otp_genesis_analyzers.facts.tables.ets_tables import (
    TableUse,
    is_table_name,
    table_uses,
    tables,
    tables_behind,
)
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_ADDS = frozenset({"insert", "insert_new", "update_counter"})
_TIME_WORDS = frozenset({"date", "day", "hour", "minute", "now", "second", "time", "timestamp", "window"})


def only_added_to(module: Module) -> Iterator[TableUse]:
    """For each named table to which the module adds rows and never deletes one, the first place that adds.

    The key is one of many, as far as it shows: no atom, no number.
    """
    writes = [use for use in table_uses(module) if use.action == "write" and is_table_name(use.table)]
    if writes and _makes_unknown_table(module):
        return
    for table in dict.fromkeys(use.table for use in writes):
        own = [use for use in writes if use.table == table]
        if all(use.call.name in _ADDS for use in own):
            adding = (use for use in own if use.key is not None and _adds(use) and _is_one_of_many(use.key))
            yield from list(adding)[:1]


def speaks_of_time(source: Source, use: TableUse) -> bool:
    """The key holds a moment, so that no key ever comes again: `{user, window}`."""
    clause = use.site.clause
    bound = bindings(source.node_at(clause.body)) if clause.body is not None else {}
    names = [part.value for part in use.key.walk() if part.kind == "variable"] if use.key is not None else []
    values = (bound[name] for name in names if name in bound)
    names += [
        syntax.text(node) for value in values for node in syntax.below(value) if node.type == "identifier"
    ]
    return any(not _TIME_WORDS.isdisjoint(name.split("_")) for name in names)


def deletes(module: Module) -> list[TableUse]:
    """Where it writes to a table, and does more than to add a row."""
    return [use for use in table_uses(module) if use.action == "write" and use.call.name not in _ADDS]


def deletes_from(module: Module, table: Term) -> bool:
    """Surely, or perhaps: it makes the table, and deletes from one that is only known at run time."""
    deleting = deletes(module)
    if any(use.table == table for use in deleting):
        return True
    return bool(tables_behind(module, table)) and any(not is_table_name(use.table) for use in deleting)


def _adds(use: TableUse) -> bool:
    """`update_counter/3` raises where the row is missing."""
    return use.call.name != "update_counter" or use.call.arity == 4


def _makes_unknown_table(module: Module) -> bool:
    """Its name is only known at run time, so all that is done with one may be about it."""
    return any(made.named and not is_table_name(made.name) for made in tables(module))


def _is_one_of_many(key: Term) -> bool:
    return any(part.kind in ("variable", "call", "operator", "interpolation") for part in key.walk())
