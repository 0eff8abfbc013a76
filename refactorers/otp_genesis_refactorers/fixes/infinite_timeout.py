"""OTP117: `:infinity` becomes a module attribute that the configuration can set, one minute by default.

Shown by `tests/beam/infinite_timeout.exs`: the old call never comes back, the new one exits.
"""

from __future__ import annotations

from msgspec import structs
from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.provenance import argument_nodes
from otp_genesis_analyzers.facts.model import Attribute, Module
from otp_genesis_analyzers.facts.processes.abandoned_tasks import abandoned_tasks, is_wait
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site, place
from otp_genesis_refactorers.rewriting.definitions import clauses_before
from otp_genesis_refactorers.rewriting.long_lines import without_long_line
from otp_genesis_refactorers.rewriting.places import place_of, written

_DEFAULT = "60_000"
_NAMES = {"call": "call_timeout", "async_stream": "stream_timeout", "async_stream_nolink": "stream_timeout"}
_EXITS = (
    "An answer that takes longer than a minute is an exit of the caller now; the configuration can say more."
)
_NIL = "Behind `Task.yield`, a task that takes longer than a minute gives nil now: it still runs."


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    value = _infinity(site)
    if isinstance(value, Refused):
        return value
    if _would_abandon_its_task(site):
        return Refused(
            f"behind a limit the task at {site.place} would run on when the time is up: write "
            "`Task.yield(task, time) || Task.shutdown(task)` with a time in milliseconds"
        )
    app = project.app_of(finding.path)
    if app is None or not app.name:
        return Refused(
            f"the application that {finding.path} belongs to is not known, so no configuration can hold the "
            f"timeout: write a number in milliseconds at {site.place}"
        )
    name = _NAMES.get(site.call.name, "await_timeout")
    known = [one for one in site.site.module.attributes if one.name == name]
    application = written("Application", place_of(site.source, site.site.clause.span).scope)
    attribute = f"@{name} {application}.compile_env(:{app.name}, [__MODULE__, :{name}], {_DEFAULT})"
    added = _attribute(site, known, attribute)
    if isinstance(added, Refused):
        return added
    edits = without_long_line(
        project, site.source, [*added, Edit(Span.of(value), f"@{name}")], site.call.span
    )
    return Change(
        title=f"Wait no longer than @{name} says",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, site.source.content, edits),),
        notes=_notes(site, known),
    )


def _infinity(site: CallSite) -> Node | Refused:
    """The `:infinity` of the call, as an argument or under `timeout:`."""
    last = argument_nodes(site.source, site.call)[-1]
    value = syntax.keyword(last, "timeout") if last.type in ("keywords", "list") else last
    if value is not None and syntax.text(value) == ":infinity":
        return value
    written = syntax.text(value if value is not None else last)
    return Refused(
        f"the timeout `{written}` at {site.place} is written elsewhere: write a number in milliseconds there"
    )


def _would_abandon_its_task(site: CallSite) -> bool:
    limited = structs.replace(site.call, args=site.call.args[:1])
    return is_wait(site.call) and abandoned_tasks(site.source, site.site._replace(call=limited)) is not None


def _notes(site: CallSite, known: list[Attribute]) -> tuple[str, ...]:
    if any(one.value.kind == "int" for one in known):
        return (f"An answer that takes longer than {known[0].value.value} ms is an exit of the caller now.",)
    return (_NIL if site.call.name.startswith("yield") else _EXITS,)


def _attribute(site: CallSite, known: list[Attribute], attribute: str) -> list[Edit] | Refused:
    """The attribute above the first definition; nothing where an earlier fix has put it there."""
    module = site.site.module
    if known:
        return _existing(site, known, attribute)
    definition = _first_definition(site, module)
    if definition is None:
        return Refused(f"{module.name} has no definition to put an attribute above")
    return [clauses_before(site.source, definition, [attribute])]


def _existing(site: CallSite, known: list[Attribute], attribute: str) -> list[Edit] | Refused:
    """The attribute of this name that the module has, where it is a timeout that is set above the call."""
    name, first = known[0].name, known[0]
    if len(known) > 1:
        return Refused(
            f"@{name} is set several times in {site.site.module.name}: write the timeout at {site.place} "
            "by hand"
        )
    if first.span.start > site.call.span.start:
        where = place(site.source, first.span.start)
        return Refused(
            f"@{name} is set at {where}, below {site.place}, where it is not known yet: move it up"
        )
    if attribute.removeprefix("@") in site.source.text(first.span) or first.value.kind == "int":
        return []
    return Refused(
        f"{site.site.module.name} has an attribute @{name} already: see whether it fits at {site.place}"
    )


def _first_definition(site: CallSite, module: Module) -> Node | None:
    """The first that stands in the module itself, or the `if` or `for` that it stands in."""
    spans = [
        clause.span
        for function in module.functions
        if function.kind not in ("body", "block", "test")
        for clause in function.clauses
    ]
    first = site.source.node_at(min(spans)) if spans else None
    while first is not None and first.parent is not None and _module_of(first.parent) != module.span:
        first = first.parent
    return first


def _module_of(block: Node) -> Span | None:
    """The module whose block this is."""
    owner = block.parent if block.type == "do_block" else None
    return Span.of(owner) if owner is not None else None
