"""OTP401: a plain message becomes a call: a clause of `handle_call/3`, a client function, and a call of it.

The three belong together, in one change over both files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.across_modules.own_messages import is_carried
from otp_genesis_analyzers.across_modules.servers import server_named
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.messages.client_api import addressee, looked_up
from otp_genesis_analyzers.facts.messages.shapes import (
    Sent,
    Taken,
    has_shape_of,
    may_match,
    sent,
    sent_by,
    taken,
    unwrapped,
)
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term
from otp_genesis_refactorers.change import Change, Edit, FileChange, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site, place
from otp_genesis_refactorers.rewriting.clause_to_call import clause_as_call
from otp_genesis_refactorers.rewriting.client_call import call_of_client
from otp_genesis_refactorers.rewriting.client_function import client_function
from otp_genesis_refactorers.rewriting.direct_calls import direct_call_refusal
from otp_genesis_refactorers.rewriting.returned_value import use_of_value
from otp_genesis_refactorers.whole_project import WholeProject


class _Server(NamedTuple):
    source: Source
    module: Module
    clause: Taken
    name: Term


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    message = sent_by(site.call)
    server = _server(project, message[1], message[2]) if message is not None else None
    if message is None or server is None:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    then = f"would find no clause for `:{message[2].tag}`"
    refusal = (
        _unfit_site(site, project)
        or direct_call_refusal(project, server.module, "handle_info/2", then)
        or _sent_elsewhere(project, site, server, message[2])
    )
    if refusal is not None:
        return refusal
    added = client_function(server.source, server.module, server.clause.pattern, server.name)
    moved = clause_as_call(server.source, server.module, server.clause)
    if isinstance(added, Refused):
        return added
    if isinstance(moved, Refused):
        return moved
    call = call_of_client(site, server.module.name, message[2].tag or "", _values(site))
    if isinstance(call, Refused):
        return call
    return Change(
        title=f"Call {server.module.name}.{message[2].tag} instead of sending a plain message",
        kind=FixKind.UNSAFE,
        files=_files(site, server, [added, *moved], call),
        notes=_notes(site, server),
    )


def _files(site: CallSite, server: _Server, edits: list[Edit], call: Edit) -> tuple[FileChange, ...]:
    if server.source.path == site.source.path:
        return (file_change(site.source.path, site.source.content, [*edits, call]),)
    return (
        file_change(server.source.path, server.source.content, edits),
        file_change(site.source.path, site.source.content, [call]),
    )


def _notes(site: CallSite, server: _Server) -> tuple[str, ...]:
    waits = f"The caller now waits for {server.module.name}, and exits when no answer comes in five seconds."
    if site.call.result != "returned":
        return (waits,)
    return (waits, f"`{site.site.scope}` gives `:ok` instead of the message.")


def _server(project: Project, target: Term, message: Term) -> _Server | None:
    name = looked_up(target)
    entry = server_named(project, name)
    if entry is None:
        return None
    source = Source(entry.path, project.read(entry.path))
    module = next((found for found in read_facts(source).modules if found.name == entry.module.name), None)
    if module is None or not module.complete:
        return None
    for clause in taken(module):
        if clause.way == "info" and has_shape_of(clause.pattern, message):
            return _Server(source, module, clause, name)
    return None


def _unfit_site(site: CallSite, project: Project) -> Refused | None:
    if site.call.form != "call":
        return Refused(f"the `send` at {site.place} is made through `apply`: write it out first")
    if site.call.piped:
        return Refused(
            f"the server is piped into the `send` at {site.place}: write it as the first argument first"
        )
    if looked_up(site.call.args[0]) != site.call.args[0]:
        return Refused(
            f"the message at {site.place} goes to a pid that is looked up by name: send it to the name first"
        )
    if site.call.result not in ("discarded", "returned"):
        return Refused(
            f"the value of the `send` at {site.place} is used: it is the message, a call gives `:ok` instead"
        )
    chain = callback_chains(call_graph(site.site.module)).get(site.site.function.id)
    if chain is not None and site.call.runs == "here":
        return Refused(
            f"{site.place} runs in the callback `{chain[0]}`: a call would make that server wait for the "
            "other one. See first that they never wait for each other"
        )
    return _unfit_value(site, project)


def _unfit_value(site: CallSite, project: Project) -> Refused | None:
    if site.call.result != "returned":
        return None
    used = use_of_value(WholeProject(project), site.site.module, site.site.function)
    if used is None:
        return None
    where = used.place(project)
    return Refused(
        f"`{site.site.scope}` gives the message, which {where} uses, and a call gives `:ok`: let {where} do "
        "without it first"
    )


def _sent_elsewhere(project: Project, site: CallSite, server: _Server, message: Term) -> Refused | None:
    """The clause moves away from `handle_info/2`, so nobody else may go on sending to it."""
    pattern = unwrapped(server.clause.pattern)
    others = [clause for clause in taken(server.module) if has_shape_of(clause.pattern, message)]
    if sum(clause.way == "info" for clause in others) > 1:
        return Refused(
            f"several clauses of `handle_info/2` in `{server.module.name}` take `:{message.tag}`: turn them "
            "into clauses of `handle_call/3` by hand"
        )
    for path, other in _other_senders(project, server, message):
        if path == site.source.path and other.site.call.head == site.call.head:
            continue
        if may_match(pattern, other.message):
            source = Source(path, project.read(path))
            return Refused(
                f"`:{message.tag}` is sent at {place(source, other.site.call.head.start)} too: "
                f"give {server.module.name} a client function that all of them call"
            )
    if is_carried(project, server.module, "info", pattern):
        return Refused(
            f"`:{message.tag}` may come to {server.module.name} by a timer, a broadcast or a test as well, "
            "and those can't call: keep the clause, and give the server another message for this one"
        )
    return None


def _other_senders(project: Project, server: _Server, message: Term) -> Iterator[tuple[str, Sent]]:
    for path, analysis in project.files.items():
        for module in analysis.facts.modules:
            for other in sent(module):
                if other.way == "info" and other.message.tag == message.tag:
                    addressed = addressee(module, other.server)
                    if module.name == server.module.name or addressed in (
                        "",
                        server.module.name,
                        _as_name(server),
                    ):
                        yield path, other


def _as_name(server: _Server) -> str:
    return f":{server.name.value}" if server.name.kind == "atom" else server.name.value


def _values(site: CallSite) -> list[str]:
    """The parts of the message behind its tag, as they are written."""
    message = syntax.arguments(site.node)[1]
    return [syntax.text(value) for value in syntax.children(message)[1:]] if message.type == "tuple" else []
