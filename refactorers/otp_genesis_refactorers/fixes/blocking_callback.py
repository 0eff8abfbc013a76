"""OTP304: a clause that only answers hands the answer to a task and returns `{:noreply, state}`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.clause_results import statements
from otp_genesis_analyzers.facts.model import Call, Clause
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.facts.state.plain_reply import PlainReply, plain_reply
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Change, Edit, Refused, edited
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site, place
from otp_genesis_refactorers.rewriting.definitions import body_replaced
from otp_genesis_refactorers.rewriting.direct_calls import direct_call_refusal
from otp_genesis_refactorers.rewriting.places import place_of, written
from otp_genesis_refactorers.supervision.supervised_task import supervised_task

_BY_HAND = "let a task send the result back as a message, and answer when it comes"
_ONE_AT_A_TIME = frozenset({"Port", ":gen_tcp", ":gen_udp", ":ssl", ":socket", ":file", ":dets"})
_READS = (
    "lookup",
    "member",
    "match",
    "select",
    "info",
    "tab2list",
    "foldl",
    "first",
    "last",
    "next",
    "whereis",
)
_NOTES = (
    "Calls are answered side by side, in any order, and any number of them at once.",
    "A crash of the work no longer ends the server: its caller gets no answer and exits after its timeout.",
)


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    graph = call_graph(site.site.module)
    facts = read_facts(site.source)
    reply = plain_reply(site.source, facts, graph, site.site.function, site.site.clause)
    if reply is None:
        where = place(site.source, site.site.clause.name_span.start)
        return Refused(f"the clause at {where} {_what_hinders(site)}: {_BY_HAND}")
    owned = _owned(graph, site)
    if owned is not None:
        return Refused(
            f"`{owned.target}` at {place(site.source, owned.head.start)} works with what is the server's "
            "own, one call after the other: let it stay there, and give the callers a longer timeout"
        )
    called = direct_call_refusal(
        project, site.site.module, "handle_call/3", "would return `{:noreply, state}`"
    )
    if called is not None:
        return called
    if reply.value.start_point.row != reply.value.end_point.row:
        return Refused(
            f"the answer at {site.place} spans several lines: move it to a function of its own first"
        )
    return supervised_task(finding, project, site, partial(_rewritten, site, reply), _NOTES)


def _what_hinders(site: CallSite) -> str:
    """Why another process can't give the answer."""
    source, clause = site.source, site.site.clause
    if site.site.function.id != "handle_call/3":
        return "answers nobody"
    if clause.head[1].kind != "variable":
        return "takes its caller apart, which is needed whole to answer later"
    found = statements(source, clause)
    if len(found) != 1:
        return f"has {len(found)} statements, and not one answer"
    answer = syntax.children(found[0]) if found[0].type == "tuple" else []
    if not answer or syntax.text(answer[0]) != ":reply":
        return "gives no `{:reply, value, state}` that is written out"
    if len(answer) != 3:
        return f"gives `{syntax.text(answer[-1])}` besides the answer and the state"
    if answer[2].type != "identifier" or syntax.text(answer[2]) not in _names_of_state(clause):
        return "changes the state with its answer"
    asking = next(filter(_means_the_server, _calls(call_graph(site.site.module), site)), None)
    if asking is not None:
        return f"runs `{asking.target}`, which means the server's own process"
    if any(_is_whole(node, syntax.text(answer[2])) for node in syntax.below(answer[1])):
        return "uses the state as a whole in its answer"
    return "reads a field of the state that other messages change"


def _names_of_state(clause: Clause) -> set[str]:
    return {term.value for term in clause.head[2].walk() if term.kind == "variable"}


def _calls(graph: CallGraph, site: CallSite) -> Iterator[Call]:
    """The calls of the clause, and of the functions beside it that it reaches."""
    yield from site.site.clause.calls
    targets = [to for call in site.site.clause.calls if (to := graph.target(call)) is not None]
    for name in graph.reached(targets):
        for clause in graph.functions[name].clauses:
            yield from clause.calls


def _means_the_server(call: Call) -> bool:
    return call.is_to("Kernel", "self") or (call.module == "Process" and call.name != "sleep")


def _is_whole(node: Node, state: str) -> bool:
    around = node.parent
    is_state = node.type == "identifier" and syntax.text(node) == state
    return is_state and (around is None or around.type != "dot")


def _owned(graph: CallGraph, site: CallSite) -> Call | None:
    """A call that only the server may make, or that must not be made by several processes at once."""
    for call in _calls(graph, site):
        writes = call.module == ":ets" and not call.name.startswith(_READS)
        if writes or call.module in _ONE_AT_A_TIME or call.is_to("Logger", "metadata"):
            return call
        if call.module == ":ets" and b":private" in site.source.content:
            return call
    return None


def _rewritten(site: CallSite, reply: PlainReply, supervisor: str, _line_length: int) -> bytes | Refused:
    clause, source = site.site.clause, site.source
    definition = source.node_at(clause.span)
    scope = place_of(source, Span.of(reply.returned)).scope
    caller = _caller_name(site)
    head = f"{written('Task', scope)}.Supervisor.start_child({written(supervisor, scope)}, fn ->"
    bindings, value = _with_fields_bound(source, definition, reply)
    answer = f"{written('GenServer', scope)}.reply({caller}, {value})"
    lines = [*bindings, head, f"  {answer}", "end)", "", f"{{:noreply, {syntax.text(reply.state)}}}"]
    body = body_replaced(source, definition, reply.returned, lines)
    if isinstance(body, Refused):
        return body
    return edited(source.content, tuple(sorted([*body, *_renamed_caller(site, caller)])))


def _with_fields_bound(source: Source, definition: Node, reply: PlainReply) -> tuple[list[str], str]:
    """The fields of the state that the answer reads, bound for the task, and the answer with them.

    A function takes along all of what it names: with `state.url` in it, the whole state would be copied.
    """
    state = syntax.text(reply.state)
    inside = list(syntax.below(reply.value))
    fields = [node for node in inside if _is_field_of(node, state)]
    named = [node for node in inside if node.type == "identifier" and syntax.text(node) == state]
    whole = syntax.text(reply.value)
    if not fields or len(named) != len(fields):
        return [], whole
    variables = (
        node for node in syntax.below(definition) if node.type == "identifier" and not _is_behind_dot(node)
    )
    taken = {syntax.text(node) for node in variables}
    names = {
        syntax.text(node): field if field not in taken else f"{state}_{field}"
        for node in fields
        for field in (syntax.text(node).rpartition(".")[2],)
    }
    start = reply.value.start_byte
    edits = [Edit(Span.of(node).shifted(-start), names[syntax.text(node)]) for node in fields]
    value = edited(source.content[start : reply.value.end_byte], tuple(sorted(edits))).decode()
    return [*(f"{name} = {path}" for path, name in names.items()), ""], value


def _is_behind_dot(node: Node) -> bool:
    return node.prev_sibling is not None and node.prev_sibling.type == "."


def _is_field_of(node: Node, state: str) -> bool:
    """`state.url`, and not `state.module.run()`."""
    if node.type != "call" or syntax.has_arguments(node):
        return False
    return syntax.text(node).partition(".")[0] == state and syntax.text(node).count(".") == 1


def _caller_name(site: CallSite) -> str:
    """The variable of the second parameter; a new name where it is not to be used."""
    name = site.site.clause.head[1].value
    if not name.startswith("_"):
        return name
    taken = {term.value for parameter in site.site.clause.head for term in parameter.walk()}
    return "from" if "from" not in taken else "caller_ref"


def _renamed_caller(site: CallSite, caller: str) -> list[Edit]:
    head, _ = syntax.definition_head(site.source.node_at(site.site.clause.span))
    parameter = syntax.arguments(head)[1] if head is not None else None
    if parameter is None or syntax.text(parameter) == caller:
        return []
    return [Edit(Span.of(parameter), caller)]
