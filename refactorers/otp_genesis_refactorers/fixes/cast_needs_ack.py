"""OTP403: a cast becomes a call: its clause one of `handle_call/3`, and every cast of the message a call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from otp_genesis_analyzers.across_modules.servers import server_named
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.messages.client_api import looked_up
from otp_genesis_analyzers.facts.messages.shapes import Sent, Taken, sent, sent_by, taken, unwrapped
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
    senders = list(_senders(WholeProject(project), module, tag))
    refusal = next((found for sender in senders if (found := _unfit(project, module, *sender))), None)
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
        edits[path].append(Edit(Span(end - len(_CAST), end), "call"))
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
