"""OTP403: a cast becomes a call: its clause one of `handle_call/3`, and every cast of the message a call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from otp_genesis_analyzers.across_modules.own_messages import is_carried
from otp_genesis_analyzers.across_modules.servers import server_named
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import sites
from otp_genesis_analyzers.facts.messages.client_api import addressee, looked_up
from otp_genesis_analyzers.facts.messages.shapes import (
    Sent,
    Taken,
    may_match,
    sent,
    sent_by,
    taken,
    unwrapped,
)
from otp_genesis_analyzers.facts.model import FileFacts, Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.facts.state.stateless_server import is_stateless_server
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Change, Edit, Refused, edited, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site, place
from otp_genesis_refactorers.rewriting.clause_to_call import clause_as_call
from otp_genesis_refactorers.rewriting.direct_calls import direct_call_refusal
from otp_genesis_refactorers.whole_project import WholeProject

_CAST = "cast"


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    message = sent_by(site.call)
    tag = message[2].tag if message is not None else None
    module = site.site.module
    clause = _only_clause(module, tag or "")
    if tag is None or clause is None:
        return Refused(
            f"`handle_cast/2` of `{module.name}` has several clauses for `:{tag}`: turn them into clauses of "
            "`handle_call/3` by hand"
        )
    whole = WholeProject(project)
    senders = list(_senders(whole, module, tag))
    refusal = next((found for sender in senders if (found := _unfit(project, module, *sender))), None)
    then = f"would find no clause for `:{tag}`"
    refusal = refusal or direct_call_refusal(project, module, "handle_cast/2", then)
    refusal = refusal or _sent_unseen(whole, module, clause) or _asked_by_a_server(whole, module, senders)
    if refusal is not None:
        return refusal
    moved = clause_as_call(site.source, module, clause)
    if isinstance(moved, Refused):
        return moved
    if _keeps_nothing(site.source, module, moved):
        return Refused(
            f"`{module.name}` would answer calls and keep nothing: a plain function, called by whoever needs "
            f":{tag}, is done when it returns, and nobody waits for others"
        )
    return _change(project, site, tag, moved, senders)


def _change(
    project: Project, site: CallSite, tag: str, moved: list[Edit], senders: list[tuple[str, Sent]]
) -> Change:
    edits: dict[str, list[Edit]] = defaultdict(list)
    edits[site.source.path] = list(moved)
    for path, sender in senders:
        end = sender.site.call.head.end
        edits[path].append(Edit(Span.between(end - len(_CAST), end), "call"))
    return Change(
        title=f"Answer :{tag} when it is done",
        kind=FixKind.UNSAFE,
        files=tuple(file_change(path, project.read(path), found) for path, found in sorted(edits.items())),
        notes=("The callers now wait, and exit when no answer comes in five seconds.",),
    )


def _keeps_nothing(source: Source, module: Module, edits: list[Edit]) -> bool:
    after = Source(source.path, edited(source.content, tuple(sorted(edits))))
    found = next((one for one in read_facts(after).modules if one.name == module.name), None)
    return found is not None and is_stateless_server(after, call_graph(found))


def _only_clause(module: Module, tag: str) -> Taken | None:
    found = [
        clause for clause in taken(module) if clause.way == "cast" and unwrapped(clause.pattern).tag == tag
    ]
    return found[0] if len(found) == 1 else None


def _senders(whole: WholeProject, server: Module, tag: str) -> Iterator[tuple[str, Sent]]:
    """Every cast of the message, in the server's module and in those that name the server."""
    for facts in _files(whole, server):
        for module in facts.modules:
            for message in sent(module):
                if message.way != "cast" or message.message.tag != tag:
                    continue
                named = server_named(whole.project, looked_up(message.server))
                if module.name == server.name or (named is not None and named.module.name == server.name):
                    yield facts.path, message


def _files(whole: WholeProject, server: Module) -> Iterator[FileFacts]:
    """All of the server's own file, and what casts in the others."""
    entry = whole.project.modules.get(server.name)
    own = entry.path if entry is not None else ""
    if own:
        yield whole.facts(own)
    yield from (analysis.facts for path, analysis in whole.project.files.items() if path != own)


def _sent_unseen(whole: WholeProject, server: Module, clause: Taken) -> Refused | None:
    """Such a cast that can't be seen to go to this server, and would find no clause there."""
    pattern = unwrapped(clause.pattern)
    for facts in _files(whole, server):
        for module in facts.modules:
            for other in sent(module):
                to = addressee(module, other.server)
                known = other.message.tag == pattern.tag and to == server.name
                if other.way != "cast" or known or not may_match(pattern, other.message):
                    continue
                if to == server.name or (to == "" and other.message.tag is not None):
                    where = place(_source(whole, facts.path), other.site.call.head.start)
                    return Refused(
                        f"the cast at {where} may be one of `:{pattern.tag}` to `{server.name}`, which would "
                        "find no clause any more: name the server and the message there first"
                    )
    if is_carried(whole.project, server, "cast", pattern):
        return Refused(
            f"`:{pattern.tag}` may come to `{server.name}` by a broadcast or a test as well, and those go on "
            "casting: let them call the client function first"
        )
    return None


def _asked_by_a_server(
    whole: WholeProject, server: Module, senders: list[tuple[str, Sent]]
) -> Refused | None:
    """A callback of another server that calls the client function, and would wait from now on."""
    clients = {sender.site.function.id for _, sender in senders if sender.site.module.name == server.name}
    for facts in whole.project.naming(server.name):
        for module in facts.modules:
            if module.name == server.name:
                continue
            inside = callback_chains(call_graph(module))
            for site in (site for site in sites(module) if site.function.id in inside):
                call = site.call
                client = server.function(call.name, call.arity) if call.module == server.name else None
                if client is not None and client.id in clients and call.runs == "here":
                    where = place(_source(whole, facts.path), call.head.start)
                    return Refused(
                        f"`{server.name}.{client.id}` is called at {where}, in a callback of "
                        f"`{module.name}`, which would wait for `{server.name}` from then on: see first that "
                        "they never wait for each other"
                    )
    return None


def _source(whole: WholeProject, path: str) -> Source:
    return Source(path, whole.project.read(path))


def _unfit(project: Project, server: Module, path: str, sender: Sent) -> Refused | None:
    site = sender.site
    where = place(Source(path, project.read(path)), site.call.head.start)
    if site.call.form != "call" or site.call.name != _CAST:
        return Refused(f"the cast at {where} is captured or made by `apply`: rewrite it by hand")
    inside = callback_chains(call_graph(site.module))
    if site.function.id in inside and site.call.runs == "here":
        why = "can't call itself" if site.module.name == server.name else "would wait for another one"
        return Refused(f"the cast at {where} is in a callback: a server {why}. Send that one another message")
    return None
