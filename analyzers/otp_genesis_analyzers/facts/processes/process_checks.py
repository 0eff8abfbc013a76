"""Questions whether a process is there, and what is done because of the answer.

Between the answer and the act the process may end, or another process may start it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.exiting import exits
from otp_genesis_analyzers.facts.calls.guarded import guarded_in, guards_of
from otp_genesis_analyzers.facts.calls.provenance import argument_nodes, binding_of, handed_to
from otp_genesis_analyzers.facts.calls.value_flow import Flow, branches_of, flow_of
from otp_genesis_analyzers.facts.model import Call, Clause
from otp_genesis_analyzers.facts.processes.addresses import constant_name
from otp_genesis_analyzers.facts.processes.starts import start_of
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

Step = Literal["ask", "hand", "send", "start"]
"""What follows: a call that exits without the process, a function of another module that may make such a
call, a `send` that raises without the name, a start."""

_BY_NAME = frozenset(
    {
        ("Process", "whereis"),
        ("GenServer", "whereis"),
        ("Registry", "whereis_name"),
        ("Registry", "lookup"),
        (":global", "whereis_name"),
        (":erlang", "whereis"),
        ("Swarm", "whereis_name"),
        ("Horde.Registry", "whereis_name"),
        (":syn", "whereis_name"),
    }
)
_SUPERVISOR_CALLS = frozenset(
    {
        "start_child",
        "terminate_child",
        "delete_child",
        "restart_child",
        "which_children",
        "count_children",
        "stop",
    }
)
_SUPERVISORS = frozenset({"Supervisor", "DynamicSupervisor"})
_LANGUAGE = frozenset(
    {"Access", "Agent", "Enum", "GenServer", "IO", "Inspect", "Kernel", "Keyword", "List", "Logger", "Map"}
    | {"MapSet", "Node", "Port", "Process", "Registry", "String", "System", "Task", "Tuple"}
)
"""Modules whose functions are known: none asks a process besides those that `exits` tells."""
_MISSING = frozenset({"nil", "[]", ":undefined", "false"})


class Check(NamedTuple):
    """A check and the first act that its answer leads to; both in one clause, in one process."""

    question: Call
    act: Call
    step: Step


def asks_for_process(call: Call) -> bool:
    return call.form == "call" and (is_alive(call) or (call.module, call.name) in _BY_NAME)


def is_alive(call: Call) -> bool:
    return call.is_to("Process", "alive?")


def checks(source: Source, graph: CallGraph, clause: Clause) -> Iterator[Check]:
    """Each question of a clause with what is done because of the answer."""
    questions = [call for call in clause.calls if asks_for_process(call)]
    if not questions:
        return
    definition = source.node_at(clause.span)
    caught = guarded_in(source, clause)
    for question in questions:
        flow = flow_of(definition, _whole(source.node_at(question.span), question))
        handed: Check | None = None
        for act in clause.calls:
            if act.span.start <= question.span.end or not _same_run(question, act):
                continue
            step = _step(source, graph, flow, question, act)
            if step is None or any(guarded.handlers for guarded in guards_of(caught, clause, act)):
                continue
            if step != "hand":
                yield Check(question, act, step)
                break
            handed = handed or Check(question, act, step)
        else:
            if handed is not None:
                yield handed


def starts_process(call: Call) -> bool:
    """A start that tells `{:error, {:already_started, pid}}` to whoever comes second."""
    if call.form != "call":
        return False
    if call.module in _SUPERVISORS and call.name == "start_child":
        return True
    start = start_of(call)
    if start is not None:
        return start.name is not None
    return (
        call.name in ("start_link", "start")
        and call.module[:1].isupper()
        and not call.module.startswith("Task")
    )


def knows_already_started(source: Source, clause: Clause) -> bool:
    """`already_started` is spoken of somewhere in the clause."""
    return b"already_started" in source.content[clause.span.start : clause.span.end]


def _whole(node: Node, question: Call) -> Node:
    """With what is piped in, and with the match around it: `pid = name |> Process.whereis()`."""
    parent = node.parent
    return parent if question.piped and parent is not None else node


def _same_run(question: Call, act: Call) -> bool:
    return act.form == "call" and act.closure == question.closure and act.runs == question.runs


def _step(source: Source, graph: CallGraph, flow: Flow, question: Call, act: Call) -> Step | None:
    node = source.node_at(act.span)
    generator = _generator_before(flow, source.node_at(question.span), node)
    if not flow.decides(node) and generator is None:
        return None
    if _is_about(flow, question, source, act):
        if is_alive(question) and not exits(act) and not _is_supervisor_call(act):
            return None
        if exits(act) or _is_supervisor_call(act):
            return "ask"
        by_name = constant_name(act.args[0]) and (question.module, question.name) != ("Registry", "lookup")
        return "send" if act.is_to("Kernel", "send") and by_name else None
    if _gets_process(flow, question, source, act):
        if graph.target(act) is not None:
            return "ask" if _asks_in(source, graph, act) else None
        return "hand"
    missing = generator is not None and syntax.text(generator) in _MISSING
    if is_alive(question) or not (missing or any(_is_missing(choice, node) for choice in flow.choices)):
        return None
    return "start" if _starts(source, graph, act) else None


def _generator_before(flow: Flow, question: Node, act: Node) -> Node | None:
    """The `[]` of `with [] <- Registry.lookup(...), {:ok, pid} <- start_child(...)` for the act behind it."""
    for choice in flow.choices:
        generators = syntax.arguments(choice) if syntax.local_name(choice) == "with" else []
        for at, generator in enumerate(generators):
            asks = generator.start_byte <= question.start_byte and question.end_byte <= generator.end_byte
            behind = generators[at + 1 :] if asks and generator.type == "binary_operator" else []
            if any(node.start_byte <= act.start_byte and act.end_byte <= node.end_byte for node in behind):
                return syntax.left(generator)
    return None


def _asks_in(source: Source, graph: CallGraph, act: Call) -> bool:
    """A function of the same module that asks the process whatever comes, and doesn't catch the failure."""
    target = graph.target(act)
    for clause in target.clauses if target is not None and len(target.clauses) == 1 else ():
        caught = guarded_in(source, clause)
        for call in clause.calls:
            is_sure = exits(call) and call.runs == "here" and not call.branch
            if is_sure and not any(guarded.handlers for guarded in guards_of(caught, clause, call)):
                return True
    return False


def _is_supervisor_call(call: Call) -> bool:
    return call.module in _SUPERVISORS and call.name in _SUPERVISOR_CALLS


def _is_about(flow: Flow, question: Call, source: Source, act: Call) -> bool:
    """The act goes to the process that was asked for, by the pid found or by the name asked."""
    if not act.args or not question.args:
        return False
    server = act.args[0]
    if server == question.args[-1] and server.kind in ("variable", "atom", "module", "call", "tuple"):
        return True
    if server.kind != "variable" or is_alive(question):
        return False
    arguments = syntax.arguments(source.node_at(act.span))
    written = arguments[0] if arguments and not act.piped else None
    return written is not None and flow.reaches(written)


def _gets_process(flow: Flow, question: Call, source: Source, act: Call) -> bool:
    """A function of the project or of a library gets the pid first: `Shop.Till.close(till)`."""
    if act.module in _LANGUAGE | _SUPERVISORS or act.module.startswith(":"):
        return False
    asked, given = argument_nodes(source, question), argument_nodes(source, act)
    if not asked or not given or given[0].type not in ("identifier", "call"):
        return False
    if is_alive(question):
        return syntax.text(given[0]) == syntax.text(asked[-1])
    return given[0].type == "identifier" and flow.reaches(given[0])


def _starts(source: Source, graph: CallGraph, act: Call) -> bool:
    if starts_process(act):
        return True
    target = graph.target(act)
    return target is not None and any(_starts_only(source, clause) for clause in target.clauses)


def _starts_only(source: Source, clause: Clause) -> bool:
    """A helper that starts and doesn't know that it may come second."""
    return any(map(starts_process, clause.calls)) and not knows_already_started(source, clause)


def _is_missing(choice: Node, target: Node) -> bool:
    """The branch that is taken when the process was not there."""
    negated = _is_negated(choice)
    for position, (pattern, body) in enumerate(branches_of(choice)):
        if body.start_byte <= target.start_byte and target.end_byte <= body.end_byte:
            if pattern is None:
                return (position == 0) == negated
            written = syntax.text(pattern)
            return written in _MISSING or (
                position > 0 and pattern.type == "identifier" and _is_first_found(choice)
            )
    return False


def _is_first_found(choice: Node) -> bool:
    """`[{pid, _}] -> ...` comes first, so that what comes after it is the other answer."""
    first = next((pattern for pattern, _ in branches_of(choice) if pattern is not None), None)
    return first is not None and first.type in ("list", "binary_operator")


def _is_negated(choice: Node) -> bool:
    """The first branch is for "not there": `unless`, `if !`, `if is_nil(pid)`, `whereis(name) ||`."""
    if syntax.local_name(choice) == "unless":
        return True
    if choice.type == "binary_operator":
        return syntax.operator(choice) in ("||", "or")
    arguments = syntax.arguments(choice)
    condition = arguments[0] if arguments else None
    if condition is None:
        return False
    if condition.type == "unary_operator":
        return syntax.operator(condition) in ("!", "not")
    if condition.type == "binary_operator":
        return (
            syntax.operator(condition) == "=="
            and syntax.text(syntax.right(condition) or condition) in _MISSING
        )
    return syntax.local_name(condition) == "is_nil"


def polled_pids(source: Source, clause: Clause) -> Iterator[Call]:
    """`Process.alive?` about a pid that was kept: a field, taken out of an argument, one of many in a field.

    Not what is only told on: `%{alive: Process.alive?(state.pid)}`.
    """
    kept = {name for term in clause.head for name in _inside(term)}
    for call in clause.calls:
        if is_alive(call) and call.form == "call" and call.args and call.runs == "here":
            pid, node = call.args[0], source.node_at(call.span)
            is_kept = (pid.kind == "call" and pid.value.startswith("?.")) or pid.value in kept
            is_told = node.parent is not None and node.parent.type == "pair" and _is_in_map(node.parent)
            if not is_told and (is_kept or _is_one_of_kept(source, clause, call)):
                yield call


def _is_in_map(pair: Node) -> bool:
    keywords = pair.parent
    return keywords is not None and keywords.parent is not None and keywords.parent.type == "map_content"


def _is_one_of_kept(source: Source, clause: Clause, call: Call) -> bool:
    """`fn pid -> if Process.alive?(pid), do: ... end` over `state.pids`."""
    pid = next(iter(argument_nodes(source, call)), None)
    binding = binding_of(pid) if pid is not None and pid.type == "identifier" else None
    if binding is None or binding.way != "closure" or not clause.head:
        return False
    closure = binding.pattern.parent
    while closure is not None and closure.type != "anonymous_function":
        closure = closure.parent
    collection = handed_to(closure) if closure is not None else None
    if collection is None or collection.type != "call" or syntax.has_arguments(collection):
        return False
    target = syntax.call_target(collection)
    holder = syntax.left(target) if target is not None and target.type == "dot" else None
    state = clause.head[-1]
    names = {part.value for part in (state, *state.items) if part.kind == "variable"}
    return holder is not None and syntax.text(holder) in names


def _inside(parameter: Term) -> Iterator[str]:
    """Variables bound inside a map or struct of a head: `%State{pid: pid}`."""
    for part in parameter.walk():
        if part.kind in ("map", "struct"):
            for _, value in part.pairs:
                if value.kind == "variable":
                    yield value.value
