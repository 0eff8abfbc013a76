"""What a process that a call starts will run, as far as its own module shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.model import Call, Clause, Closure, Function, Receive
from otp_genesis_analyzers.facts.reading.process_boundaries import closure_runs
from otp_genesis_analyzers.terms import Term

_WAITS_FOR_THE_WORLD = {
    (":gen_tcp", "accept"),
    (":gen_tcp", "recv"),
    (":gen_udp", "recv"),
    (":ssl", "transport_accept"),
    (":ssl", "recv"),
    (":socket", "accept"),
    ("IO", "gets"),
    ("IO", "read"),
}

_STOPS_OR_TELLS = {
    "Process": {"exit", "send", "send_after"},
    "Kernel": {"exit", "send"},
    "GenServer": {"stop", "cast"},
    "Agent": {"stop"},
    "Task": {"shutdown"},
    "Supervisor": {"stop", "terminate_child"},
    "DynamicSupervisor": {"stop", "terminate_child"},
    "Application": {"stop"},
    "System": {"halt", "stop", "restart"},
    ":gen_server": {"stop", "cast"},
    ":gen_statem": {"stop", "cast"},
    ":init": {"stop", "restart"},
    ":erlang": {"send", "exit", "halt"},
    "Logger": {"debug", "info", "notice", "warn", "warning", "error", "log", "metadata"},
}
_LOOKS_ONLY = frozenset({"Enum", "Map", "List", "Keyword", "String", "Integer", "Float", ":timer"})
_LOOKS_ONLY_FUNCTIONS = {
    "Kernel": {"self", "then", "tap"},
    "Process": {"alive?", "whereis", "info", "sleep", "monitor", "demonitor", "flag", "unlink"},
}
_PLAIN_FUNCTIONS = frozenset(
    {"inspect", "to_string", "elem", "hd", "tl", "length", "is_pid", "is_nil", "node", "max", "min", "div"}
)
_ENDS_THE_SYSTEM = frozenset(
    {"System.halt", "System.stop", "System.restart", ":init.stop", ":init.restart", ":erlang.halt"}
    | {"Nerves.Runtime.reboot", "Nerves.Runtime.poweroff", "Nerves.Runtime.halt"}
)
ENDS_THE_SYSTEM_BY = frozenset(name.rpartition(".")[2] for name in _ENDS_THE_SYSTEM)
"""The names of the functions alone."""


@dataclass(frozen=True)
class Work:
    """`functions` are those of the module that the process goes through, `calls` all that it does.

    `foreign` is the function of another module that it starts in. Nothing is known of a function
    that is only a value here.
    """

    calls: tuple[Call, ...] = ()
    functions: tuple[Function, ...] = ()
    receives: tuple[Receive, ...] = ()
    foreign: str = ""


def started_work(graph: CallGraph, clause: Clause, call: Call) -> Work:
    """The work of the process that `call` in `clause` starts."""
    closure = _closure_given_to(clause, call)
    if closure is not None:
        return _of_closure(graph, clause, closure)
    made = _closure_made_for(graph, call)
    if made is not None:
        return _of_closure(graph, *made)
    reference = _function_named_by(call.args)
    if not reference:
        return Work()
    module, _, function = reference.rpartition(".")
    local = graph.named(function) if module in ("", graph.module.name) else None
    if local is None:
        return Work(foreign=reference)
    return _through(graph, [local], [], [])


def unending_function(graph: CallGraph, work: Work) -> Function | None:
    """A function of the work that goes on for ever: it waits again and again, or calls itself always.

    Recursion alone is no sign: a function that walks a list or tries three times ends.
    """
    for function in work.functions:
        turn = [member for member in _called_by(graph, function) if function in _called_by(graph, member)]
        if function in turn and (any(_waits(member) for member in turn) or _never_returns(graph, function)):
            return function
    return None


def only_stops_or_tells(graph: CallGraph, work: Work) -> bool:
    """All that the process does is to stop another one, send a message or write a log line."""
    acts = [call for call in work.calls if call.name in _STOPS_OR_TELLS.get(call.module, ())]
    logged = [call.span for call in acts if call.module == "Logger"]
    return bool(acts) and all(
        call in acts
        or call.module in _LOOKS_ONLY
        or call.name in _LOOKS_ONLY_FUNCTIONS.get(call.module, ())
        or (not call.module and (call.name in _PLAIN_FUNCTIONS or graph.target(call) is not None))
        or any(span.contains(call.span) for span in logged)
        for call in work.calls
    )


def only_sleeps_for_ever(work: Work) -> bool:
    """A placeholder: a pid that is nothing but alive."""
    return bool(work.calls) and all(
        call.name == "sleep" and call.args and call.args[0].is_atom("infinity") for call in work.calls
    )


def halts_the_system(work: Work) -> bool:
    """The process is there to stop or restart the virtual machine."""
    return work.foreign.rpartition("/")[0] in _ENDS_THE_SYSTEM or any(map(halts, work.calls))


def stops(call: Call) -> bool:
    """Ends another process."""
    return call.name in ("stop", "exit", "terminate_child", "shutdown") and call.name in _STOPS_OR_TELLS.get(
        call.module, ()
    )


def halts(call: Call) -> bool:
    return f"{call.module}.{call.name}" in _ENDS_THE_SYSTEM


def _called_by(graph: CallGraph, function: Function) -> list[Function]:
    """All functions that run before this one returns; itself only when it is recursive."""
    reached = graph.reached(target for _, target in graph.edges(function))
    return [graph.functions[function_id] for function_id in reached]


def _closure_given_to(clause: Clause, call: Call) -> int | None:
    """Index of the closure that `call` is handed, as an argument or through a pipe."""
    own = [
        index
        for index, closure in enumerate(clause.closures)
        if closure.receiver == call.target
        and closure.parent == call.closure
        and (call.span.contains(closure.span) or (call.piped and closure.span.end <= call.span.start))
    ]
    return own[-1] if own else None


def _closure_made_for(graph: CallGraph, call: Call) -> tuple[Clause, int] | None:
    """The `fn` that a function of the module gives back: `spawn(guard(path))`."""
    made = call.args[0] if len(call.args) == 1 else None
    maker = graph.named(f"{made.value}/{len(made.items)}") if made and made.kind == "call" else None
    if maker is None or len(maker.clauses) != 1:
        return None
    clause = maker.clauses[0]
    own = [index for index, closure in enumerate(clause.closures) if closure.parent < 0]
    if not own or clause.closures[own[-1]].receiver:
        return None
    is_last = all(other.span.start < clause.closures[own[-1]].span.end for other in clause.calls)
    return (clause, own[-1]) if is_last else None


def _function_named_by(arguments: tuple[Term, ...]) -> str:
    """`Module.name/arity` or `name/arity` of a capture or of module, function, arguments."""
    for index, argument in enumerate(arguments):
        if argument.kind == "capture":
            return argument.value
        if argument.kind == "module" and len(arguments) > index + 2:
            name, rest = arguments[index + 1], arguments[index + 2]
            if name.kind == "atom" and rest.kind == "list":
                return f"{argument.value}.{name.value}/{len(rest.items)}"
    return ""


def _of_closure(graph: CallGraph, clause: Clause, closure: int) -> Work:
    inside = frozenset(_same_process(clause.closures, closure))
    calls = [call for call in clause.calls if call.closure in inside]
    receives = [receive for receive in clause.receives if receive.closure in inside]
    roots = [target for call in calls if call.form == "call" and (target := graph.target(call)) is not None]
    return _through(graph, roots, calls, receives)


def _same_process(closures: tuple[Closure, ...], outermost: int) -> Iterator[int]:
    """The closure and those inside it that don't start a process of their own."""
    found = {outermost}
    yield outermost
    for index, closure in enumerate(closures):
        if closure.parent in found:
            module, _, name = closure.receiver.rpartition("/")[0].rpartition(".")
            if closure_runs(module, name) != "elsewhere":
                found.add(index)
                yield index


def _through(graph: CallGraph, roots: list[Function], calls: list[Call], receives: list[Receive]) -> Work:
    functions = [graph.functions[function_id] for function_id in graph.reached(roots)]
    clauses = [clause for function in functions for clause in function.clauses]
    return Work(
        calls=(*calls, *(call for clause in clauses for call in clause.calls if call.runs == "here")),
        functions=tuple(functions),
        receives=(
            *receives,
            *(found for clause in clauses for found in clause.receives if found.runs == "here"),
        ),
    )


def _waits(function: Function) -> bool:
    return any(
        clause.receives or any((call.module, call.name) in _WAITS_FOR_THE_WORLD for call in clause.calls)
        for clause in function.clauses
    )


def _never_returns(graph: CallGraph, function: Function) -> bool:
    """Its only clause calls itself whatever happens."""
    return len(function.clauses) == 1 and any(
        target is function and not call.branch for call, target in graph.edges(function)
    )
