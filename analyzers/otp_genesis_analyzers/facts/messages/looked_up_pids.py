"""Whose pid a function has got: looked up by a name, found in a Registry, or of a server just started."""

from __future__ import annotations

from otp_genesis_analyzers.facts.calls.provenance import argument_nodes, binding_of
from otp_genesis_analyzers.facts.messages.client_api import LOOKUPS
from otp_genesis_analyzers.facts.model import Call, Clause
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_VIA_REGISTRY = (Term("atom", "via"), Term("module", "Registry"))
_STARTS = frozenset({"start_link", "start"})


def name_behind(clause: Clause, call: Call, pid: Term) -> Term | None:
    """What the process in `pid`, a variable, goes by: the last before `call` that can have given it.

    A name, `{:via, Registry, {registry, key}}`, or the module of a server that was started.
    """
    source = _origin(clause, call, pid)
    return _named_by(source) if source is not None else None


def surely_from_there(source: Source, clause: Clause, call: Call, pid: Term) -> bool:
    """The variable that is the call's first argument holds what that gave, and nothing else."""
    origin, arguments = _origin(clause, call, pid), argument_nodes(source, call)
    if origin is None or not arguments or arguments[0].type != "identifier":
        return False
    binding = binding_of(arguments[0])
    if binding is None or binding.value is None:
        return False
    return binding.value.end_byte == origin.span.end and binding.value.start_byte <= origin.span.start


def _origin(clause: Clause, call: Call, pid: Term) -> Call | None:
    found: Call | None = None
    for other in clause.calls:
        if other.form != "call" or other.span.end > call.head.start or _named_by(other) is None:
            continue
        binds = other.bound_to is not None and pid in other.bound_to.walk()
        same_way = call.branch[: len(other.branch)] == other.branch and other.closure in (-1, call.closure)
        if same_way and (binds or other.result == "subject"):
            found = other
    return found


def _named_by(origin: Call) -> Term | None:
    if f"{origin.module}.{origin.name}" in LOOKUPS:
        return origin.args[0] if origin.args else None
    if origin.is_to("Registry", "lookup") and len(origin.args) == 2:
        return Term("tuple", "", (*_VIA_REGISTRY, Term("tuple", "", origin.args)))
    if origin.name not in _STARTS:
        return None
    if origin.module == "GenServer":
        return origin.args[0] if origin.args else None
    return Term("module", origin.module) if origin.module[:1].isupper() else None
