"""OTP203: `Process.flag(:trap_exit, true)` as the first statement of `init/1`."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.messages.mailbox import takes_exits
from otp_genesis_analyzers.facts.model import Call, Clause, Function, Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.definitions import clauses_before, with_first_statement
from otp_genesis_refactorers.rewriting.places import place_of, written
from otp_genesis_refactorers.rewriting.test_site import read_source
from otp_genesis_refactorers.whole_project import WholeProject

_LINKING = frozenset({"start_link", "spawn_link", "link", "open_port"})
_LINKING_CALLS = frozenset(
    {("Task", "async"), ("Task.Supervisor", "async"), ("Port", "open"), ("StringIO", "open")}
    | {("System", "cmd"), ("System", "shell")}
)
"""A command that has ended leaves the `:EXIT` of its port behind."""
_MAX_HOPS = 3
"""Over how many modules a call is followed."""
_EXIT_CLAUSES: tuple[str, ...] = (
    "def handle_info({:EXIT, _pid, :normal}, state), do: {:noreply, state}",
    "def handle_info({:EXIT, _pid, reason}, state), do: {:stop, reason, state}",
)


def fix(finding: Finding, project: Project) -> Change | Refused:
    source = read_source(finding, project)
    if isinstance(source, Refused):
        return source
    module = _module_at(source, finding)
    if module is None:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    init = module.function("init", 1)
    if init is None:
        return Refused(
            f"{module.name} has no `init/1`: add `Process.flag(:trap_exit, true)` where it is started"
        )
    edits = _flags(source, init)
    if isinstance(edits, Refused):
        return edits
    notes = ["`terminate/2` still does not run when the process is killed or the machine fails."]
    linking = _links_others(WholeProject(project), module)
    if linking and not takes_exits(module):
        if "GenServer" not in kinds(module):
            return Refused(
                f"`{module.name}` is linked to others by `{linking}`, and their `:EXIT` is a message once it "
                "traps exits: add a clause of `handle_info/2` for that first"
            )
        edits.append(_exit_clauses(source, module, init))
        notes.append(
            "A linked process that ends is now a message; the new clauses stop the server as its exit did."
        )
    return Change(
        title=f"Trap exits in {module.name}",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, source.content, edits),),
        notes=tuple(notes),
    )


def _module_at(source: Source, finding: Finding) -> Module | None:
    for module in read_facts(source).modules:
        terminate = module.function("terminate", 2)
        if terminate is not None and any(clause.name_span == finding.span for clause in terminate.clauses):
            return module
    return None


def _flags(source: Source, init: Function) -> list[Edit] | Refused:
    edits: list[Edit] = []
    for clause in init.clauses:
        if _starts_a_process(source, clause):
            process = written("Process", place_of(source, clause.body or clause.span).scope)
            statement = f"{process}.flag(:trap_exit, true)"
            added = with_first_statement(source, source.node_at(clause.span), statement)
            if isinstance(added, Refused):
                return added
            edits += added
    # Clauses that become blocks side by side both want the blank line between them.
    return sorted(set(edits)) or Refused(
        f"no clause of `init/1` at {place(source, init.clauses[0].name_span.start)} starts the server in a "
        "body of its own: set the flag where it starts"
    )


def _starts_a_process(source: Source, clause: Clause) -> bool:
    """Not a mere head, and not one that only says `:ignore` or `{:stop, reason}`."""
    if clause.body is None:
        return False
    definition = source.node_at(clause.span)
    value = syntax.body_keywords(definition).get("do")
    return value is None or not _ends_at_once(value)


def _ends_at_once(value: Node) -> bool:
    first = value if value.type == "atom" else next(iter(syntax.children(value)), value)
    return value.type in ("atom", "tuple") and syntax.text(first) in (":ignore", ":stop")


def _links_others(whole: WholeProject, module: Module) -> str:
    """A call by which the server is linked to a process or a port; empty without one.

    Also one that another module of the project makes for it.
    """
    graph = call_graph(module)
    waiting = [(module, graph.functions[name], 0) for name in callback_chains(graph)]
    seen: set[tuple[str, str]] = set()
    while waiting:
        owner, function, hops = waiting.pop()
        if (key := (owner.name, function.id)) in seen:
            continue
        seen.add(key)
        for call in (
            call for clause in function.clauses for call in clause.calls if call.runs != "elsewhere"
        ):
            if _links(call):
                return call.target
            other = whole.module(call.module or owner.name) if hops < _MAX_HOPS else None
            called = other.module.function(call.name, call.arity) if other is not None else None
            if other is not None and called is not None:
                waiting.append((other.module, called, hops + (other.module.name != owner.name)))
    return ""


def _links(call: Call) -> bool:
    return call.name in _LINKING or (call.module, call.name) in _LINKING_CALLS


def _exit_clauses(source: Source, module: Module, init: Function) -> Edit:
    """Above the first clause of `handle_info/2`, so that no catch-all takes the message."""
    neighbour = module.function("handle_info", 2) or module.function("terminate", 2) or init
    clauses = list(_EXIT_CLAUSES)
    if any(clause.impl for function in module.functions for clause in function.clauses):
        clauses.insert(0, "@impl true")
    return clauses_before(source, source.node_at(neighbour.clauses[0].span), clauses)
