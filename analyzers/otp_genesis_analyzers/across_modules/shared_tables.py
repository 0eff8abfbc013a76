"""Whether several processes may write an ETS table, as far as the module and the project show it."""

from __future__ import annotations

from collections.abc import Iterable

from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.tables.ets_tables import (
    Table,
    TableUse,
    is_table_name,
    tables,
    tables_behind,
)
from otp_genesis_analyzers.facts.tables.table_growth import deletes, deletes_from
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.terms import Term


def can_be_raced(module: Module, write: TableUse) -> bool:
    """Another process may write the row too; assumed of a table that the module doesn't make itself."""
    made_here = tables_behind(module, write.table)
    return not made_here or _open_to(made_here, write)


def is_closed_elsewhere(project: Project, use: TableUse) -> bool:
    """Another module makes the table, and only its owner may write it."""
    if not is_table_name(use.table) or tables_behind(use.site.module, use.table):
        return False
    made = [table for table in project.derived(_named_tables) if table.name == use.table]
    return bool(made) and not _open_to(made, use)


def is_deleted_from(project: Project, table: Term) -> bool:
    """Some module of the application deletes rows of the table, or perhaps does."""
    return any(deletes_from(module, table) for module in project.derived(_deleting))


def is_handed_in(use: TableUse) -> bool:
    """The table is an argument or part of one: perhaps of a process that alone has it."""
    found_here = any(call.bound_to == use.table for call in use.site.clause.calls)
    found_here |= use.table.kind == "call" and not use.table.value.startswith("?")
    return not is_table_name(use.table) and not found_here


def _named_tables(project: Project) -> tuple[Table, ...]:
    made = (table for entry in project.application_modules.values() for table in tables(entry.module))
    return tuple(table for table in made if table.named)


def _deleting(project: Project) -> tuple[Module, ...]:
    return tuple(entry.module for entry in project.application_modules.values() if deletes(entry.module))


def _open_to(made: Iterable[Table], write: TableUse) -> bool:
    """An `insert` into a bag adds to what is there, so nothing is lost."""
    adds = write.call.name == "insert"
    return any(table.many_write and not (table.is_bag and adds) for table in made)
