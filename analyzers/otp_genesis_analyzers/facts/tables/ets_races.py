"""Reads of an ETS table on which the same clause bases a write: two steps where only one is atomic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.clause_results import ends_of
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.calls.value_flow import Flow, branches_of, flow_of, is_in_branch_without
from otp_genesis_analyzers.facts.model import Call, Clause, Module
from otp_genesis_analyzers.facts.processes.registered_names import is_self
from otp_genesis_analyzers.facts.tables.ets_tables import TableUse, table_uses, written_row
from otp_genesis_analyzers.facts.tables.uses_through import uses_through
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

Step = Literal[
    "update",  # the row that is written is made of the row that was read
    "claim",  # a key that was free is taken by this process
    "fill",  # a missing row is computed and stored
    "overwrite",  # what is written has nothing to do with what was read
    "delete",  # a row is deleted because of what was read
    "rollback",  # a counter is raised, and lowered again when it came out too high
]

_WORST_FIRST: tuple[Step, ...] = ("update", "claim", "delete", "rollback", "fill", "overwrite")
_ACTS = frozenset({"insert", "delete", "update_element"})
_LOCKS = frozenset({"lock", "locked", "mutex", "synchronize", "synchronized", "isolated", "trans"})
"""Words of the functions that let one process in at a time: `Registry.lock`, `acquire_lock`, `with_lock`."""
_EMPTY = ("[]", "false")
"""What a lookup gives where the key is not there."""
_UNKNOWN = frozenset({"other", "fn", "interpolation", "capture"})


class Race(NamedTuple):
    """`read` and `write` stand in the same clause; another process may come between them."""

    read: TableUse
    write: TableUse
    step: Step


def races(source: Source, module: Module, shared: frozenset[str]) -> Iterator[Race]:
    """Reads followed by writes of the same key, in the functions `shared` that run in many processes.

    Also where both are in what such a function gives to a task: each call starts one.
    """
    uses = list(table_uses(module))
    if len(uses) < 2 or _locks(module):
        return
    uses += uses_through(source, module, uses)
    for read in uses:
        if read.site.function.id in shared and _is_first_step(read) and not _is_locked(read):
            found = [race for write in uses if (race := _race(source, read, write)) is not None]
            if found:
                yield min(found, key=lambda race: _WORST_FIRST.index(race.step))


def _locks(module: Module) -> bool:
    """Somewhere in the module a lock is taken; what it protects is not asked."""
    return any(
        call.is_to(":global", "trans", "set_lock")
        for function in module.functions
        for clause in function.clauses
        for call in clause.calls
    )


def _is_locked(read: TableUse) -> bool:
    """A lock was taken before in the clause, or is held around the read."""
    at = read.call.span
    return any(
        not _LOCKS.isdisjoint(call.name.rstrip("!?").split("_")) and call.span.start < at.start
        for call in read.site.clause.calls
    )


def _is_first_step(use: TableUse) -> bool:
    if use.call.form != "call" or use.call.runs == "unknown" or not _is_shared_key(use.site, use.key):
        return False
    if _is_own_table(use.site.clause, use.table):
        return False
    return use.action == "read" or use.call.name == "update_counter"


def _is_shared_key(site: Site, key: Term | None) -> bool:
    """Not `self()`: a key that is the pid of the process belongs to it alone."""
    if key is None or any(part.kind in _UNKNOWN for part in key.walk()):
        return False
    own = [call.bound_to for call in site.clause.calls if call.is_to("Kernel", "self")]
    return not any(is_self(part) or part in own for part in key.walk())


def _is_own_table(clause: Clause, table: Term) -> bool:
    """Made in the same clause: nobody else knows it yet."""
    return any(call.is_to(":ets", "new") and call.bound_to == table for call in clause.calls)


def _race(source: Source, read: TableUse, write: TableUse) -> Race | None:
    if not _follows(read, write):
        return None
    definition = source.node_at(read.site.clause.span)
    flow = flow_of(definition, node_of(source, read.call))
    target = node_of(source, write.call)
    key = read.key.walk() if read.key is not None else ()
    made_of_it = write.call.span.contains(read.call.span) or flow.reaches(
        target, besides=frozenset(part.value for part in key)
    )
    if read.call.name == "update_counter":
        if write.call.name == "update_counter" and flow.decides(target) and _undoes(read.call, write.call):
            return Race(read, write, "rollback")
        return None
    if write.call.name not in _ACTS:
        return None
    if write.call.name == "delete":
        return Race(read, write, "delete") if flow.decides(target) or made_of_it else None
    if made_of_it:
        return Race(read, write, "update")
    return Race(read, write, _step_of_choice(flow, target, write.call)) if flow.decides(target) else None


def node_of(source: Source, call: Call) -> Node:
    return source.node_at(call.span)


def _follows(read: TableUse, write: TableUse) -> bool:
    """The write comes after the read of the same key, or is given what it reads, in the same process."""
    before, after = read.call, write.call
    return (
        write.action == "write"
        and read.site.clause is write.site.clause
        and after.form == "call"
        and (after.span.start >= before.span.end or after.span.contains(before.span))
        and after.runs == before.runs
        and before.closure == after.closure
        and after.branch[: len(before.branch)] == before.branch
        and read.table == write.table
        and read.key == write.key
    )


def _step_of_choice(flow: Flow, target: Node, write: Call) -> Step:
    if any(_refuses(choice) for choice in flow.choices):
        return "claim"
    if not any(is_in_branch_without(choice, target, _EMPTY) for choice in flow.choices):
        return "overwrite"
    row = written_row(write)
    values = row.items[1:] if row.kind == "tuple" else ()
    return "claim" if values and any(map(_marks_owner, values)) else "fill"


def _refuses(choice: Node) -> bool:
    """Some branch gives `{:error, ...}`: whoever comes second is told so."""
    return any(
        end.type == "tuple" and syntax.text(syntax.children(end)[0]) == ":error"
        for _, body in branches_of(choice)
        for end in ends_of(syntax.stab_parts(body)[2] if body.type == "stab_clause" else [body])
        if syntax.children(end)
    )


def _marks_owner(value: Term) -> bool:
    """`self()` or a fixed word: who wrote it is the point of it."""
    return value.kind in ("atom", "int") or any(is_self(part) for part in value.walk())


def _undoes(raised: Call, lowered: Call) -> bool:
    """`update_counter(t, k, 1)` and `update_counter(t, k, -1)`."""
    amount, back = _amount(raised), _amount(lowered)
    return amount is not None and back is not None and amount > 0 and back == -amount


def _amount(call: Call) -> int | None:
    step = call.args[2]
    if step.kind == "tuple" and len(step.items) == 2:
        step = step.items[1]
    if step.kind == "int":
        return int(step.value)
    if step.kind == "operator" and step.value == "-" and len(step.items) == 1 and step.items[0].kind == "int":
        return -int(step.items[0].value)
    return None
