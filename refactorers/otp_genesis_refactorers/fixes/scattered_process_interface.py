"""OTP307: a call of a server by its name becomes a call of its client function, added where there is none."""

from __future__ import annotations

from typing import NamedTuple

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.across_modules.servers import server_named
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.clause_results import statements
from otp_genesis_analyzers.facts.messages.client_api import Request, client_api
from otp_genesis_analyzers.facts.messages.shapes import Way, has_shape_of, sent_by, taken
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term
from otp_genesis_refactorers.change import Change, Edit, FileChange, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site, place
from otp_genesis_refactorers.rewriting.client_call import call_of_client
from otp_genesis_refactorers.rewriting.client_function import client_function


class _Server(NamedTuple):
    source: Source
    module: Module
    name: Term


class _Client(NamedTuple):
    """A function that sends the message; `order` says which part of the message each argument is."""

    name: str
    order: tuple[int, ...]


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    message = sent_by(site.call)
    server = _server(project, message[1]) if message is not None else None
    if message is None or server is None:
        return Refused(
            f"`{site.call.target}` at {site.place} is not a call or cast of a server: give "
            "its module a function for what is done here"
        )
    refusal = _unfit(site)
    if refusal is not None:
        return refusal
    way, _, content = message
    known = _known_client(server, way, content)
    added: list[Edit] = []
    if known is None:
        new = _new_client(server, way, content)
        if isinstance(new, Refused):
            return new
        known, edit = new
        added.append(edit)
    parts = _parts(site)
    call = call_of_client(site, server.module.name, known.name, [parts[part] for part in known.order])
    if isinstance(call, Refused):
        return call
    return Change(
        title=f"Call {server.module.name}.{known.name}/{len(known.order)}",
        kind=FixKind.UNSAFE,
        files=_files(site, server, added, call),
    )


def _files(site: CallSite, server: _Server, added: list[Edit], call: Edit) -> tuple[FileChange, ...]:
    here = site.source
    if server.source.path == here.path:
        return (file_change(here.path, here.content, [*added, call]),)
    there = (file_change(server.source.path, server.source.content, added),) if added else ()
    return (*there, file_change(here.path, here.content, [call]))


def _server(project: Project, name: Term) -> _Server | None:
    entry = server_named(project, name)
    if entry is None:
        return None
    source = Source(entry.path, project.read(entry.path))
    module = next((found for found in read_facts(source).modules if found.name == entry.module.name), None)
    return _Server(source, module, name) if module is not None else None


def _unfit(site: CallSite) -> Refused | None:
    if site.call.form != "call":
        return Refused(f"the call at {site.place} is made through `apply`: write it out first")
    if site.call.piped:
        return Refused(
            f"the server is piped into the call at {site.place}: write it as the first argument first"
        )
    if len(site.call.args) > 2:
        return Refused(
            f"the call at {site.place} has a timeout of its own: give the server a function that takes one"
        )
    message = syntax.arguments(site.node)[1]
    tag = syntax.children(message)[0] if message.type == "tuple" and syntax.children(message) else message
    if tag.type != "atom":
        return Refused(
            f"the message at {site.place} has no plain atom as its tag, by which a function could be named: "
            "give the server's module a function for it by hand"
        )
    return None


def _parts(site: CallSite) -> list[str]:
    """The parts of the message behind its tag, as they are written."""
    message = syntax.arguments(site.node)[1]
    return [syntax.text(part) for part in syntax.children(message)[1:]] if message.type == "tuple" else []


def _known_client(server: _Server, way: Way, message: Term) -> _Client | None:
    """The public function that does nothing but to send a message of this form, its arguments the parts."""
    graph = call_graph(server.module)
    for function_id, sent in client_api(graph).items():
        function = graph.functions[function_id]
        if len(sent) != 1 or sent[0].way != way or len(sent[0].call.args) > 2:
            continue
        order = _order(function, sent[0].message, message)
        if order is not None and _does_nothing_else(server, function, sent[0]):
            return _Client(function.name, order)
    return None


def _does_nothing_else(server: _Server, function: Function, sent: Request) -> bool:
    """Its one clause takes anything, and gives what this very server answers."""
    clause = function.clauses[0]
    found = statements(server.source, clause)
    whole = server.source.node_at(sent.call.span)
    if sent.call.piped and whole.parent is not None:
        whole = whole.parent
    return clause.guard is None and found == [whole] and sent.server == server.module.name


def _order(function: Function, sent: Term, wanted: Term) -> tuple[int, ...] | None:
    """For each parameter its part of the message; None where the function does or needs something else."""
    if sent.tag is None or sent.tag != wanted.tag or len(sent.items) != len(wanted.items):
        return None
    if len(function.clauses) != 1 or function.defaults or len(function.clauses[0].calls) != 1:
        return None
    head, parts = function.clauses[0].head, sent.items[1:]
    variables = all(term.kind == "variable" for term in (*head, *parts))
    if not variables or set(head) != set(parts) or len(head) != len(parts):
        return None
    return tuple(parts.index(parameter) for parameter in head)


def _new_client(server: _Server, way: Way, message: Term) -> tuple[_Client, Edit] | Refused:
    clause = next(
        (
            found
            for found in taken(server.module)
            if found.way == way and has_shape_of(found.pattern, message)
        ),
        None,
    )
    if clause is None or way not in ("call", "cast"):
        where = place(server.source, server.module.name_span.start)
        blanks = ", _" * max(len(message.items) - 1, 0)
        shape = f"{{:{message.tag}{blanks}}}" if message.items else f":{message.tag}"
        return Refused(f"no clause of `{server.module.name}` at {where} takes `{shape}`: give it one first")
    edit = client_function(server.source, server.module, clause.pattern, server.name, way)
    if isinstance(edit, Refused):
        return edit
    count = max(len(message.items) - 1, 0)
    return _Client(message.tag or "", tuple(range(count))), edit
