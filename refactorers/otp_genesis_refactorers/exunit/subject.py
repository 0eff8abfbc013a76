"""What a test is for: the process of one module, and the functions by which others talk to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.clause_results import results
from otp_genesis_analyzers.facts.messages.client_api import Request, client_api, looked_up
from otp_genesis_analyzers.facts.messages.shapes import may_match, taken
from otp_genesis_analyzers.facts.model import Call, Clause, Function, Module
from otp_genesis_analyzers.facts.processes.kinds import Kind, kinds
from otp_genesis_analyzers.facts.state.server_returns import tag_of
from otp_genesis_analyzers.project import ModuleEntry, Project
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.exunit.reach import calls_from, reach_of_clauses, varies
from otp_genesis_refactorers.exunit.samples import Samples, specs_of

SERVER = "{server}"
"""Stands in a call for the process that is tested."""
_TESTABLE: frozenset[Kind] = frozenset({"GenServer", "GenStage", "gen_statem", "Agent"})
_OF_AGENTS = frozenset({"get", "get_and_update", "update", "cast"})
_ACTING = frozenset({"Agent", "File", "GenServer", "Kernel", "Process", "Task", "Task.Supervisor", ":dets"})
_WRITING = frozenset((":ets", name) for name in ("insert", "insert_new", "delete", "take", "update_counter"))
_WHY_NOT: dict[Kind, str] = {
    "LiveView": "is a LiveView: it is tested through a page, with Phoenix.LiveViewTest",
    "LiveComponent": "is a LiveComponent: it is tested through a page, with Phoenix.LiveViewTest",
    "Channel": "is a channel: it is tested through a socket, with Phoenix.ChannelTest",
    "Supervisor": "is a supervisor: it has no messages of its own; test the processes that it starts",
    "Application": "is an application: every test runs with it started",
    "Task": "is a task, which takes no messages: test the function that it runs",
    "Job": "is a job: call its perform/1 with Oban.Testing",
    "Mix task": "is a mix task",
    "Test": "is a test",
    "Broadway": "is a Broadway pipeline: send it messages with Broadway.test_message/3",
    "WebSockex": "is a client of a web socket: it needs a server to connect to",
}


@dataclass(frozen=True)
class ClientFunction:
    """`call` is Elixir text, `SERVER` in the place of the process if the function is given that."""

    function: Function
    call: str
    waits: bool
    """For an answer of the server."""
    requests: tuple[Request, ...]
    agent_calls: tuple[Call, ...] = ()
    reads_only: bool = False
    """Nothing is changed by asking."""

    @property
    def id(self) -> str:
        return self.function.id


@dataclass(frozen=True)
class Subject:
    project: Project
    entry: ModuleEntry
    source: Source
    graph: CallGraph
    samples: Samples
    clients: tuple[ClientFunction, ...]
    left_out: tuple[str, ...]
    """Client functions that are not tested, with why, a sentence each."""

    @property
    def module(self) -> Module:
        return self.entry.module

    def varies(self, client: ClientFunction) -> bool:
        """Whether what the function gives may be something else another time."""
        return varies(self.graph, (*client.function.clauses, *_handlers(self.graph, client.requests)))

    @property
    def is_agent(self) -> bool:
        return "Agent" in kinds(self.module)


def subject_of(project: Project, module_name: str) -> Subject | Refused:
    """The process of a module of the project; why it can't be tested by itself."""
    entry = project.module(module_name)
    if entry is None:
        return Refused(f"there is no module {module_name} in the project")
    if not entry.module.complete:
        return Refused(f"{entry.path} has syntax errors: correct them first")
    why_not = why_no_process(entry.module)
    if why_not:
        return Refused(why_not)
    source = Source(entry.path, project.read(entry.path))
    graph = call_graph(entry.module)
    samples = Samples(source, graph, specs_of(source.node_at(entry.module.span)))
    clients, left_out = _clients(samples, graph)
    return Subject(project, entry, source, graph, samples, tuple(clients), tuple(left_out))


def why_no_process(module: Module) -> str:
    """Why a module can't be tested as a process; empty when it can."""
    found = kinds(module)
    if found & _TESTABLE and not found & {"Supervisor", "LiveView", "Channel"}:
        return ""
    for kind, reason in _WHY_NOT.items():
        if kind in found:
            return f"{module.name} {reason}"
    return f"{module.name} is no process: it neither uses GenServer nor Agent, nor has their callbacks"


def _clients(samples: Samples, graph: CallGraph) -> tuple[list[ClientFunction], list[str]]:
    clients: list[ClientFunction] = []
    left_out: list[str] = []
    own = client_api(graph)
    for function in graph.module.functions:
        requests = tuple(each for each in own.get(function.id, ()) if each.server == graph.module.name)
        agents = tuple(_agent_calls(graph, function))
        if not requests and not agents:
            continue
        arguments = _arguments(samples, function, requests, agents)
        if isinstance(arguments, str):
            left_out.append(f"{function.id} is left out: {arguments}")
            continue
        waits = any(each.way == "call" for each in requests) or any(each.name != "cast" for each in agents)
        call = f"{graph.module.name}.{function.name}({', '.join(arguments)})"
        reach = reach_of_clauses(graph, (*function.clauses, *_handlers(graph, requests)))
        if reach:
            left_out.append(
                f"{function.id} is left out: it calls {reach}, which a test should not do for real"
            )
            continue
        reads_only = _reads_only(samples.source, graph, requests, agents)
        clients.append(ClientFunction(function, call, waits, requests, agents, reads_only))
    return clients, left_out


def _reads_only(
    source: Source, graph: CallGraph, requests: tuple[Request, ...], agents: tuple[Call, ...]
) -> bool:
    """Whether the process surely is as it was when it has answered."""
    if agents:
        return all(call.name == "get" for call in agents)
    handlers = _handlers(graph, requests)
    return bool(handlers) and all(
        _keeps_state(source, clause) and not _acts(graph, clause) for clause in handlers
    )


def _keeps_state(source: Source, clause: Clause) -> bool:
    """`{:reply, value, state}` with the state that came in, at the end of all branches."""
    names = {part.value for part in (clause.head[-1], *clause.head[-1].items) if part.kind == "variable"}
    return all(
        node.type == "tuple"
        and tag_of(node) == "reply"
        and len(items := syntax.children(node)) == 3
        and syntax.text(items[2]) in names
        for node in results(source, clause)
    )


def _handlers(graph: CallGraph, requests: tuple[Request, ...]) -> list[Clause]:
    """The clauses that may take what is sent."""
    return [
        handler.clause
        for request in requests
        for handler in taken(graph.module)
        if handler.way == request.way and may_match(handler.pattern, request.message)
    ]


def _acts(graph: CallGraph, clause: Clause) -> bool:
    return any(
        call.module in _ACTING or (call.module, call.name) in _WRITING for call in calls_from(graph, clause)
    )


def _agent_calls(graph: CallGraph, function: Function) -> Iterator[Call]:
    if "Agent" in kinds(graph.module) and function.public:
        for clause in function.clauses:
            for call in clause.calls:
                if call.module == "Agent" and call.runs == "here" and call.name in _OF_AGENTS:
                    yield call


def _arguments(
    samples: Samples, function: Function, requests: tuple[Request, ...], agents: tuple[Call, ...]
) -> list[str] | str:
    """What the function is called with; a text says why that is not known."""
    servers = [request.call.args[0] for request in requests] + [call.args[0] for call in agents if call.args]
    arguments: list[str] = []
    for position in range(function.arity):
        if any(_is_parameter(clause, position, servers) for clause in function.clauses):
            arguments.append(SERVER)
            continue
        text = samples.argument(function, position)
        if text is None:
            return f"what it takes as argument {position + 1} can't be told from its clauses"
        arguments.append(text)
    return arguments


def _is_parameter(clause: Clause, position: int, servers: list[Term]) -> bool:
    """Whether the process itself is given at this position."""
    if position >= len(clause.head):
        return False
    pattern = clause.head[position]
    if pattern.kind == "operator" and pattern.value == "\\\\":
        pattern = pattern.items[0]
    return pattern.kind == "variable" and any(looked_up(server) == pattern for server in servers)
