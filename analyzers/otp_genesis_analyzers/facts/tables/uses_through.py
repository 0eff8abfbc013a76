"""Uses of a table through a function of the module that does nothing else with tables: `get(key) + 1`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import structs

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.provenance import argument_nodes
from otp_genesis_analyzers.facts.calls.sites import sites
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.reading.read_terms import read_term
from otp_genesis_analyzers.facts.tables.ets_tables import TableUse, is_table_name
from otp_genesis_analyzers.scopes import Scope
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term


def uses_through(source: Source, module: Module, uses: Iterable[TableUse]) -> Iterator[TableUse]:
    """For each call of a function with one use of a named table, by a key that it is given: that use.

    Its site is the call, which reads as if it were the use itself: `get(ip)` as `:ets.lookup(:hits, ip)`.
    """
    behind = _behind(uses)
    if not behind:
        return
    graph = call_graph(module)
    for site in sites(module):
        target = graph.target(site.call)
        if target is None or target.id not in behind or site.call.form != "call" or target is site.function:
            continue
        use = behind[target.id]
        position = use.site.clause.head.index(use.key) if use.key is not None else 0
        values = argument_nodes(source, site.call)
        if position >= target.arity - target.defaults or position >= len(values):
            continue
        key = read_term(values[position], Scope(module=module.name))
        call = structs.replace(
            site.call, module=":ets", name=use.call.name, arity=use.call.arity, args=_arguments_with(use, key)
        )
        yield TableUse(use.action, use.table, key, site._replace(call=call), target.id)


def _behind(uses: Iterable[TableUse]) -> dict[str, TableUse]:
    """The functions with one use, by `name/arity`."""
    found: dict[str, list[TableUse]] = {}
    for use in uses:
        found.setdefault(use.site.function.id, []).append(use)
    return {name: only for name, (only, *more) in found.items() if not more and _is_given_key(only)}


def _is_given_key(use: TableUse) -> bool:
    plain = use.call.form == "call" and use.call.runs == "here" and is_table_name(use.table)
    return plain and use.key is not None and use.key.kind == "variable" and use.key in use.site.clause.head


def _arguments_with(use: TableUse, key: Term) -> tuple[Term, ...]:
    """The arguments of the use, with the key that its function is given here."""
    table, place, *more = use.call.args
    row = structs.replace(place, items=(key, *place.items[1:])) if place.kind == "tuple" else key
    return (table, row, *more)
