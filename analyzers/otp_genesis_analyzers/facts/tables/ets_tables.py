"""ETS tables: who creates them and with which options, who reads and writes which key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from otp_genesis_analyzers.facts.calls.sites import Site, sites
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.terms import Term

Access = Literal["public", "protected", "private", "unknown"]

_READS = frozenset({"lookup/2", "lookup_element/3", "lookup_element/4", "member/2"})
_WRITES = frozenset(
    {
        "insert/2",
        "insert_new/2",
        "delete/2",
        "delete_object/2",
        "update_element/3",
        "update_element/4",
        "update_counter/3",
        "update_counter/4",
        "take/2",
    }
)
_WHOLE_TABLE_WRITES = frozenset(
    {"delete/1", "delete_all_objects/1", "match_delete/2", "select_delete/2", "select_replace/2"}
)


class Table(NamedTuple):
    """One `:ets.new`; `access` is unknown where the options are only known at run time."""

    name: Term
    named: bool
    access: Access
    is_bag: bool
    site: Site

    @property
    def many_write(self) -> bool:
        """Other processes than the owner may write it."""
        return self.access in ("public", "unknown")


class TableUse(NamedTuple):
    """A call that reads or writes a table. `key` is None when it is the whole table, or out of sight."""

    action: Literal["read", "write"]
    table: Term
    key: Term | None
    site: Site
    through: str = ""
    """`get/1`, where the site is a call of that function of the module, which does it. See `uses_through`."""

    @property
    def call(self) -> Call:
        return self.site.call


def tables(module: Module) -> Iterator[Table]:
    """Every table that the functions of a module create."""
    for site in sites(module):
        if site.call.is_to(":ets", "new") and len(site.call.args) == 2:
            name, options = site.call.args
            known = options.kind == "list" and all(_is_literal(item) for item in options.items)
            yield Table(
                name,
                any(item.is_atom("named_table") for item in options.items),
                _access(options, known),
                any(item.is_atom("bag", "duplicate_bag") for item in options.items),
                site,
            )


def tables_behind(module: Module, name: Term) -> list[Table]:
    """The tables of a module that a term can mean: the one of that name, any for a term known at run time."""
    return [table for table in tables(module) if table.name == name or not is_table_name(name)]


def is_table_name(table: Term) -> bool:
    """A named table, known without running code."""
    return table.kind in ("atom", "module")


def table_uses(module: Module) -> Iterator[TableUse]:
    """Every read and write of a table by a function of a module."""
    for site in sites(module):
        call = site.call
        if call.module != ":ets" or not call.args:
            continue
        operation = f"{call.name}/{call.arity}"
        if operation in _READS:
            yield TableUse("read", call.args[0], call.args[1], site)
        elif operation in _WRITES:
            yield TableUse("write", call.args[0], _written_key(call), site)
        elif operation in _WHOLE_TABLE_WRITES:
            yield TableUse("write", call.args[0], None, site)


def _written_key(call: Call) -> Term | None:
    """The key that a write is about; of an inserted tuple, also of one alone in a list, its first element."""
    if call.name not in ("insert", "insert_new", "delete_object"):
        return call.args[1]
    row = written_row(call)
    return row.items[0] if row.kind == "tuple" and row.items else None


def written_row(call: Call) -> Term:
    """The tuple of `:ets.insert(table, row)` and of `:ets.insert(table, [row])`; any other term as it is."""
    row = call.args[1]
    return row.items[0] if row.kind == "list" and len(row.items) == 1 else row


def _access(options: Term, known: bool) -> Access:
    for item in options.items:
        if item.is_atom("public"):
            return "public"
        if item.is_atom("private"):
            return "private"
    return "protected" if known else "unknown"


def _is_literal(option: Term) -> bool:
    return option.kind in ("atom", "pair", "tuple")
