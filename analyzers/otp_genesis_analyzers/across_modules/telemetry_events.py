"""Who emits the telemetry events that a file handles."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers.facts.model import Call, FileFacts
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.terms import Term

_EVENT_AT = {"attach": 1, "attach_many": 1}
_EMITTING = ("execute", "span")


def handled_events(facts: FileFacts) -> frozenset[Term]:
    """The names of events, as they are written, that a file attaches handlers to."""
    return frozenset(event for call in _telemetry_calls(facts) for event in _attached(call))


def emitters(project: Project, events: frozenset[Term]) -> Iterator[str]:
    """The files that emit one of these events. Reads every file that names telemetry."""
    if not events:
        return
    for facts in project.naming(":telemetry"):
        if any(_emits(call, events) for call in _telemetry_calls(facts)):
            yield facts.path


def _attached(call: Call) -> Iterator[Term]:
    at = _EVENT_AT.get(call.name)
    if at is None or len(call.args) <= at:
        return
    named = call.args[at]
    yield from named.items if call.name == "attach_many" else (named,)


def _emits(call: Call, events: frozenset[Term]) -> bool:
    """`span` emits its event with `:start`, `:stop` or `:exception` at the end."""
    if call.name not in _EMITTING or not call.args:
        return False
    if call.name == "execute":
        return call.args[0] in events
    return any(event.items[:-1] == call.args[0].items for event in events if event.kind == "list")


def _telemetry_calls(facts: FileFacts) -> Iterator[Call]:
    for module in facts.modules:
        for function in module.functions:
            for clause in function.clauses:
                yield from (call for call in clause.calls if call.module == ":telemetry")
