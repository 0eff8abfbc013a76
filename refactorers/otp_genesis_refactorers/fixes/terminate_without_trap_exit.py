"""OTP203: `Process.flag(:trap_exit, true)` as the first statement of `init/1`."""

from __future__ import annotations

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.messages.mailbox import takes_exits
from otp_genesis_analyzers.facts.model import Call, Clause, Function, Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.definitions import clauses_before, with_first_statement
from otp_genesis_refactorers.rewriting.places import place_of, written

_LINKING = frozenset({"start_link", "spawn_link", "link", "open_port"})
_LINKING_CALLS = frozenset({("Task", "async"), ("Task.Supervisor", "async"), ("Port", "open")})
_EXIT_CLAUSES: tuple[str, ...] = (
    "def handle_info({:EXIT, _pid, :normal}, state), do: {:noreply, state}",
    "def handle_info({:EXIT, _pid, reason}, state), do: {:stop, reason, state}",
)


def fix(finding: Finding, project: Project) -> Change | Refused:
    source = Source(finding.path, project.read(finding.path))
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
    if _links_others(module) and not takes_exits(module):
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
        "no clause of `init/1` has a body of its own: set the flag where the server starts"
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


def _links_others(module: Module) -> bool:
    graph = call_graph(module)
    return any(
        _links(call)
        for function_id in callback_chains(graph)
        for clause in graph.functions[function_id].clauses
        for call in clause.calls
        if call.runs != "elsewhere"
    )


def _links(call: Call) -> bool:
    return call.name in _LINKING or (call.module, call.name) in _LINKING_CALLS


def _exit_clauses(source: Source, module: Module, init: Function) -> Edit:
    """Above the first clause of `handle_info/2`, so that no catch-all takes the message."""
    neighbour = module.function("handle_info", 2) or module.function("terminate", 2) or init
    clauses = list(_EXIT_CLAUSES)
    if any(clause.impl for function in module.functions for clause in function.clauses):
        clauses.insert(0, "@impl true")
    return clauses_before(source, source.node_at(neighbour.clauses[0].span), clauses)
