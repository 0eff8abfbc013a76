"""OTP406: a message gets the tag of the clause that was likely meant, else a call gets a new clause."""

from __future__ import annotations

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.across_modules.likely_meant import likely_meant
from otp_genesis_analyzers.across_modules.message_map import Message, unmatched
from otp_genesis_analyzers.facts.messages.shapes import Taken, taken, unwrapped
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site, place
from otp_genesis_refactorers.rewriting.long_lines import makes_long_line
from otp_genesis_refactorers.rewriting.new_clause import add_call_clause


def fix(finding: Finding, project: Project) -> Change | Refused:
    clause = _clause_at(finding, project)
    if clause is not None:
        return Refused(
            f"nothing of the project sends what the clause at {clause} takes: take the clause out, or "
            "correct the message that was meant for it"
        )
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    message = next(
        (
            found
            for found in unmatched(project)
            if found.path == finding.path and found.sent.site.call.head == finding.span
        ),
        None,
    )
    if message is None:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    server = message.server.module.name
    if message.sent.way == "info" and message.sent.site.module.name != server:
        return Refused(
            f"the message at {site.place} is a plain one: ask `{server}` by a function that calls it, which "
            "tells whether it is taken"
        )
    meant = likely_meant(project, message)
    if meant is not None:
        return _with_other_tag(site, message, meant)
    if message.sent.way != "call":
        return Refused(
            f"`{server}` has no clause that is like the message at {site.place}: one that does nothing would "
            "only hide that it is lost, so write the one that it needs"
        )
    return _with_clause(project, message)


def _clause_at(finding: Finding, project: Project) -> str | None:
    """The place of a clause that takes messages, where the finding is about one."""
    try:
        source = Source(finding.path, project.read(finding.path))
    except OSError:
        return None
    for module in read_facts(source).modules:
        if any(one.clause.name_span == finding.span for one in taken(module)):
            return place(source, finding.span.start)
    return None


def _with_other_tag(site: CallSite, message: Message, meant: Taken) -> Change | Refused:
    old, new = message.sent.message.tag, unwrapped(meant.pattern).tag
    arguments = syntax.arguments(site.node)
    written = arguments[0 if site.call.piped else 1] if len(arguments) > (not site.call.piped) else None
    if written is not None and written.type == "tuple":
        written = next(iter(syntax.children(written)), None)
    if written is None or written.type != "atom" or syntax.text(written) != f":{old}":
        return Refused(
            f"the tag at {site.place} is not written out in the call: change it to `:{new}` by hand"
        )
    return Change(
        title=f"Send :{new} instead of :{old}",
        kind=FixKind.UNSAFE,
        files=(file_change(site.source.path, site.source.content, [Edit(Span.of(written), f":{new}")]),),
        notes=(f"See that the clause for `:{new}` does what was meant by `:{old}`.",),
    )


def _with_clause(project: Project, message: Message) -> Change | Refused:
    path, name = message.server.path, message.server.module.name
    source = Source(path, project.read(path))
    module = next((module for module in read_facts(source).modules if module.name == name), None)
    if module is None:
        return Refused(f"{path} has changed since it was checked: check it again")
    edit = add_call_clause(source, module, message.sent.message)
    if isinstance(edit, Refused):
        return edit
    if makes_long_line(project, source, [edit]):
        return Refused(
            f"`:{message.sent.message.tag}` has more parts than a line of {path} has room for: send them in "
            "a map, or write the clause by hand"
        )
    return Change(
        title=f"Add a clause for :{message.sent.message.tag} to {name}",
        kind=FixKind.UNSAFE,
        files=(file_change(path, source.content, [edit]),),
        notes=("The clause answers `{:error, :not_implemented}`: fill it in.",),
    )
