"""What code keeps in the dictionary of its process, under which key, and for how long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.branches import deciding_calls
from otp_genesis_analyzers.facts.calls.provenance import argument_nodes, binding_of
from otp_genesis_analyzers.facts.calls.results import kept_variables
from otp_genesis_analyzers.facts.calls.sites import Site, sites
from otp_genesis_analyzers.facts.calls.value_flow import flow_of
from otp_genesis_analyzers.facts.model import Call, Module
from otp_genesis_analyzers.facts.processes.starts import spawn_tie
from otp_genesis_analyzers.facts.state.state_shapes import adds, bindings
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

Act = Literal["put", "get", "delete"]

_ACTS: dict[tuple[str, str], Act] = {
    ("Process", "put"): "put",
    (":erlang", "put"): "put",
    ("Process", "get"): "get",
    (":erlang", "get"): "get",
    ("Process", "delete"): "delete",
    (":erlang", "erase"): "delete",
}
_RUNTIME_KEYS = frozenset({"rand_seed", "iex_history", "elixir_checker_info"})
"""Keys of the standard library; those of OTP begin with `$`."""
_FRESH = frozenset({"make_ref", "Kernel.make_ref", ":erlang.make_ref", "System.unique_integer"})
_COLLECTIONS = ("Map.", "MapSet.", "List.", "Keyword.", "Enum.")
_CONSTANT = frozenset({"atom", "string", "int", "module", "tuple"})


class Slot(NamedTuple):
    """A place where the dictionary is written or read; `key` is its key as data."""

    site: Site
    act: Act
    key: Term

    @property
    def is_constant(self) -> bool:
        """The key is the same at each call: `:tenant`, `{Shop.Cart, :items}`."""
        return all(part.kind in _CONSTANT for part in self.key.walk())


def slots(module: Module) -> Iterator[Slot]:
    """Every use of a key; keys of the runtime (`:"$callers"`) and fresh references are left out."""
    for site in sites(module):
        act = _ACTS.get((site.call.module, site.call.name))
        if act is not None and site.call.form != "capture" and site.call.args:
            key = site.call.args[0]
            if not _belongs_to_runtime(key) and not _is_fresh(key):
                yield Slot(site, act, key)


def is_temporary(slot: Slot) -> bool:
    """The clause that puts the value takes it out again, or puts the old one back."""
    return bool(_endings(slot))


def is_scoped(source: Source, slot: Slot) -> bool:
    """The clause does so in an `after`, whatever happens in between."""
    return any(_stands_in_after(source.node_at(call.span)) for call in _endings(slot))


def _endings(slot: Slot) -> list[Call]:
    calls = [call for call in slot.site.clause.calls if call.args[:1] == (slot.key,)]
    puts = [call for call in calls if _act(call) == "put"]
    old = {name for call in calls if _act(call) != "delete" for name in kept_variables(call)}
    back = [call for call in puts[1:] if len(call.args) > 1 and call.args[1].value in old]
    return [*back, *(call for call in calls if puts and _act(call) == "delete")]


def _stands_in_after(node: Node) -> bool:
    outer = node.parent
    while outer is not None and syntax.local_name(outer) not in syntax.DEFINITIONS:
        if outer.type == "after_block" or (outer.type == "pair" and syntax.text(outer).startswith("after:")):
            return True
        outer = outer.parent
    return False


def is_cached(slot: Slot) -> bool:
    """The value is put where a look at the same key has found nothing."""
    looks = deciding_calls(slot.site.clause, slot.site.call)
    return slot.act == "put" and any(_reads(call, slot.key) for call in looks)


def accumulates(source: Source, slot: Slot) -> bool:
    """A collection comes out of the dictionary, is changed, and goes back under the same key."""
    arguments = argument_nodes(source, slot.site.call)
    clause = slot.site.clause
    if len(arguments) < 2 or clause.body is None:
        return False
    definition, value = source.node_at(clause.span), arguments[1]
    if not _changes_collection(bindings(source.node_at(clause.body)), value):
        return False
    readers = set(_readers(slot.site.module, slot.key))
    return any(
        slot.site.call.span.contains(call.span)
        or flow_of(definition, source.node_at(call.span)).reaches(value)
        for call in clause.calls
        if _reads(call, slot.key) or (not call.module and f"{call.name}/{call.arity}" in readers)
    )


def keeps_process(source: Source, slot: Slot) -> bool:
    """The value is the pid of a process that was started here, with no link to it: the only handle on it."""
    arguments = argument_nodes(source, slot.site.call)
    if len(arguments) < 2 or arguments[1].type != "identifier":
        return False
    binding = binding_of(arguments[1])
    if binding is None or binding.value is None:
        return False
    last = next((c for c in slot.site.clause.calls if c.span.end == binding.value.end_byte), None)
    if last is None or spawn_tie(last) == "link" or last.name.endswith("_link"):
        return False
    return spawn_tie(last) is not None or last.name.startswith(("start", "spawn"))


def _changes_collection(bound: Mapping[str, Node], value: Node) -> bool:
    made = bound.get(syntax.text(value), value)
    return adds(bound, value) or any(
        node.type == "dot" and syntax.text(node).startswith(_COLLECTIONS) for node in syntax.below(made)
    )


def _act(call: Call) -> Act | None:
    return _ACTS.get((call.module, call.name)) if call.args else None


def _reads(call: Call, key: Term) -> bool:
    return _act(call) == "get" and call.args[0] == key


def _readers(module: Module, key: Term) -> Iterator[str]:
    """`name/arity` of the functions of the module that give what is kept under the key."""
    for site in sites(module):
        if site.call.result in ("returned", "tested") and _reads(site.call, key):
            yield site.function.id


def _belongs_to_runtime(key: Term) -> bool:
    name = key.tag or ""
    return name.startswith("$") or name in _RUNTIME_KEYS


def _is_fresh(key: Term) -> bool:
    """A reference made for this one use: `ref = make_ref()`, a parameter of that name, `{:rows, ref}`."""
    if key.kind == "tuple":
        return any(map(_is_fresh, key.items))
    if key.kind == "call":
        return key.value in _FRESH
    return key.kind == "variable" and (key.value == "ref" or key.value.endswith("_ref"))
