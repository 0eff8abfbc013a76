"""Tasks that are asked for their result by a process that did not start them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph
from otp_genesis_analyzers.facts.calls.clause_results import results
from otp_genesis_analyzers.facts.calls.provenance import (
    Binding,
    argument_nodes,
    binding_of,
    handed_to,
    variables_in,
)
from otp_genesis_analyzers.facts.calls.sites import Site, sites
from otp_genesis_analyzers.facts.model import Call, Function
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.facts.reading.process_boundaries import closure_runs
from otp_genesis_analyzers.source import Source, Span

_QUERIES = frozenset({"await", "await_many", "yield", "yield_many", "shutdown", "ignore"})
_SERVER_CALLS = frozenset({"GenServer", "GenStage", ":gen_server", ":gen_statem", "GenStateMachine"})
_REQUESTS = frozenset({"handle_call/3", "handle_cast/2"})
_MAY_RUN_IN_CALLER = frozenset({"GenServer", "Supervisor", "DynamicSupervisor", ":telemetry"})
"""A `fn` that these are handed may after all run in the process that hands it over."""
_GO_OVER_EACH = frozenset({"Enum", "Stream", "Task", "Task.Supervisor"})
_HANDED_ON = frozenset({"list", "tuple", "binary_operator", "keywords", "pair"})
_MAX_HOPS = 2
"""Through how many functions of the module a task is followed."""

Road = Literal["started", "answer", "request"]
"""Who started a task: the function in sight, a server that answers with it, a caller who sends it."""


class Origin(NamedTuple):
    """Where a task comes from. `receiver` is the function that was handed a `fn` on the way: `spawn/1`."""

    road: Road
    place: Span
    receiver: str = ""

    @property
    def is_foreign(self) -> bool:
        """Another process started it."""
        return self.road != "started" or bool(self.receiver)


class ForeignQuery(NamedTuple):
    """`site` asks for the result of a task that another process started."""

    site: Site
    origin: Origin


class AnsweredTask(NamedTuple):
    """A server starts a task at `start`, and gives it to its caller in the reply `answer`."""

    function: Function
    start: Span
    answer: Span


def is_task_query(call: Call) -> bool:
    """`Task.await` and its like: only the process that started the task may call them."""
    return call.module == "Task" and call.name in _QUERIES


def starts_task(call: Call) -> bool:
    """`async` gives a task that belongs to the process that calls it."""
    return call.is_to("Task", "async") or call.is_to("Task.Supervisor", "async", "async_nolink")


def foreign_queries(source: Source, graph: CallGraph) -> Iterator[ForeignQuery]:
    for site in sites(graph.module):
        if is_task_query(site.call):
            search = _Search(source, graph, site)
            origins = (search.origin_of(task) for task in _tasks_asked(source, site.call))
            found = next((origin for origin in origins if origin is not None and origin.is_foreign), None)
            if found is not None:
                yield ForeignQuery(site, found)


def answered_tasks(source: Source, graph: CallGraph) -> Iterator[AnsweredTask]:
    """Tasks that a server's callbacks, or the functions that they go through, reply with."""
    if not any(starts_task(site.call) for site in sites(graph.module)):
        return
    for function_id in callback_chains(graph):
        function = graph.functions[function_id]
        for clause in function.clauses:
            for result in results(source, clause):
                parts = syntax.children(result) if result.type == "tuple" else []
                if len(parts) >= 3 and syntax.text(parts[0]) == ":reply" and clause.calls:
                    search = _Search(source, graph, Site(graph.module, function, clause, clause.calls[0]))
                    origin = search.origin_of(parts[1])
                    if origin is not None and origin.road == "started" and not origin.receiver:
                        yield AnsweredTask(function, origin.place, Span.of(parts[1]))
                        break


def _tasks_asked(source: Source, call: Call) -> Iterator[Node]:
    """The expressions that give the tasks of a query."""
    if call.form == "capture":
        task = handed_to(source.node_at(call.span))
    else:
        task = next(iter(argument_nodes(source, call)), None)
    if task is not None:
        yield from syntax.children(task) if task.type == "list" else [task]


@dataclass(frozen=True)
class _Search:
    """The way back from a place in the clause of `site` to where a task was started.

    `receiver` is what was handed a `fn` for another process between that place and the query.
    """

    source: Source
    graph: CallGraph
    site: Site
    receiver: str = ""
    hops: int = _MAX_HOPS

    def origin_of(self, task: Node) -> Origin | None:
        if task.type == "identifier":
            binding = binding_of(task)
            if binding is None:
                return None
            return self._crossing(*binding.closures)._of_binding(binding, syntax.text(task))
        if task.type == "unary_operator" and syntax.operator(task) == "&":
            return self._of_each(_capture_around(task))
        return self._of_call(task) or self._of_parts(task)

    def _of_call(self, value: Node) -> Origin | None:
        """`value` starts the task, or asks a server or a function of the module for it."""
        calls = self._calls_in(value)
        started = next((call for call in calls if starts_task(call)), None)
        if started is not None:
            asked = any(is_task_query(call) for call in calls)
            return None if asked else Origin("started", started.head, self.receiver)
        last = next((call for call in calls if call.span.end == value.end_byte and call.closure < 0), None)
        if last is None or last.form != "call":
            return None
        return Origin("answer", last.head) if _asks_server(last) else self._of_function(last)

    def _calls_in(self, value: Node) -> list[Call]:
        inside = Span.of(value)
        return [call for call in self.site.clause.calls if inside.contains(call.span)]

    def _of_function(self, call: Call) -> Origin | None:
        """A function of the module that returns a task it starts, or the answer of a server."""
        target = self.graph.target(call)
        for clause in target.clauses if target is not None else ():
            for inner in clause.calls:
                if inner.result == "returned" and inner.closure < 0 and inner.form == "call":
                    if starts_task(inner):
                        return Origin("started", inner.head, self.receiver)
                    if _asks_server(inner):
                        return Origin("answer", inner.head)
        return None

    def _of_parts(self, value: Node) -> Origin | None:
        if value.type not in _HANDED_ON and not _goes_over(value):
            return None
        if any(is_task_query(call) for call in self._calls_in(value)):
            return None  # the result, no longer the task
        origins = (self.origin_of(variable) for variable in variables_in(value) if not _is_receiver(variable))
        return next((origin for origin in origins if origin is not None), None)

    def _of_binding(self, binding: Binding, name: str) -> Origin | None:
        if binding.way == "closure":
            return self._of_each(_fn_of(binding.pattern))
        if binding.way == "head":
            return self._of_parameter(binding.pattern)
        if binding.value is None or _is_field_in(binding.pattern, name):
            return None
        return self.origin_of(binding.value)

    def _of_each(self, closure: Node | None) -> Origin | None:
        """What a closure is handed: the tasks of `Enum.map(tasks, closure)`."""
        tasks = handed_to(closure) if closure is not None else None
        if closure is None or tasks is None or self._module_given(closure) not in _GO_OVER_EACH:
            return None
        return self._crossing(closure).origin_of(tasks)

    def _of_parameter(self, pattern: Node) -> Origin | None:
        function = self.site.function
        place = Span.of(pattern)
        position = _position_of(pattern)
        if position == 0 and function.id in _REQUESTS and kinds(self.graph.module) & SERVERS:
            own = callback_chains(self.graph)
            starts_own = any(
                starts_task(site.call) and site.function.id in own for site in sites(self.graph.module)
            )
            return None if starts_own else Origin("request", place)
        for site, receiver, arguments in self._ways_into(function) if self.hops else ():
            if position < len(arguments) and site.clause is not self.site.clause:
                search = _Search(self.source, self.graph, site, self.receiver or receiver, self.hops - 1)
                origin = search.origin_of(arguments[position])
                if origin is not None and origin.is_foreign:
                    return origin
        return None

    def _ways_into(self, function: Function) -> Iterator[tuple[Site, str, list[Node]]]:
        """Each call of a private function, and each process that starts in the function."""
        if function.kind == "defp":
            for caller, clause, call in self.graph.callers(function):
                if call.form == "call":
                    site = Site(self.graph.module, caller, clause, call)
                    yield site, "", argument_nodes(self.source, call)
        for site in sites(self.graph.module):
            names = [argument.value for argument in site.call.args]
            if function.name in names[1:-1] and _starts_process(site.call.target):
                at = names.index(function.name, 1)
                arguments = syntax.children(argument_nodes(self.source, site.call)[at + 1])
                if names[at - 1] == self.graph.module.name and len(arguments) == function.arity:
                    yield site, site.call.target, arguments

    def _crossing(self, *closures: Node) -> _Search:
        """The search outside these closures."""
        if self.receiver:
            return self
        receivers = map(self._receiver_of, closures)
        foreign = next((receiver for receiver in receivers if _starts_process(receiver)), "")
        return _Search(self.source, self.graph, self.site, foreign, self.hops)

    def _receiver_of(self, closure: Node) -> str:
        span = Span.of(closure)
        receiver = next((known.receiver for known in self.site.clause.closures if known.span == span), "")
        return receiver or self._receiver_of_bound(closure)

    def _receiver_of_bound(self, closure: Node) -> str:
        """What a `fn` is handed to under a name: `work = fn ... end`, `spawn(work)`."""
        match = closure.parent
        name = syntax.left(match) if match is not None and match.type == "binary_operator" else None
        if name is None or name.type != "identifier":
            return ""
        given = (
            call.target
            for call in self.site.clause.calls
            if any(argument.value == syntax.text(name) for argument in call.args)
        )
        return next((target for target in given if _starts_process(target)), "")

    def _module_given(self, closure: Node) -> str:
        captured = Span.of(closure)
        if any(call.form == "capture" and call.span == captured for call in self.site.clause.calls):
            return "Enum"
        return self._receiver_of(closure).rpartition("/")[0].rpartition(".")[0]


def _starts_process(receiver: str) -> bool:
    module, _, name = receiver.rpartition("/")[0].rpartition(".")
    return module not in _MAY_RUN_IN_CALLER and closure_runs(module, name) == "elsewhere"


def _asks_server(call: Call) -> bool:
    return call.module in _SERVER_CALLS and call.name == "call"


def _goes_over(value: Node) -> bool:
    """`Enum.reverse(tasks)`."""
    target = syntax.call_target(value) if value.type == "call" else None
    module = syntax.left(target) if target is not None and target.type == "dot" else None
    return module is not None and syntax.text(module) == "Enum"


def _is_receiver(variable: Node) -> bool:
    """`state` of `state.tasks`: what the field holds is another matter."""
    return variable.parent is not None and variable.parent.type in ("dot", "access_call")


def _is_field_in(pattern: Node, name: str) -> bool:
    """`pid` of `%Task{pid: pid} = task`."""
    if pattern.type == "binary_operator":
        sides = (syntax.left(pattern), syntax.right(pattern))
        return all(side is None or side.type != "identifier" or syntax.text(side) != name for side in sides)
    return pattern.type == "map"


def _fn_of(pattern: Node) -> Node | None:
    node = pattern.parent
    while node is not None and node.type != "anonymous_function":
        node = node.parent
    return node


def _capture_around(placeholder: Node) -> Node | None:
    node = placeholder.parent
    while node is not None and not (node.type == "unary_operator" and syntax.operator(node) == "&"):
        node = node.parent
    return node


def _position_of(pattern: Node) -> int:
    siblings = syntax.children(pattern.parent) if pattern.parent is not None else []
    return siblings.index(pattern) if pattern in siblings else 0
