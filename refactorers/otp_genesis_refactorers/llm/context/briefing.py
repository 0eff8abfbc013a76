"""A finding's context as texts: what all findings of its rule in a project share, and what is its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules import find_rule
from otp_genesis_analyzers.rules.page import page
from otp_genesis_analyzers.source import LineIndex, Span
from otp_genesis_refactorers.llm.context.outline import module_list, supervision_tree
from otp_genesis_refactorers.llm.context.surroundings import (
    Excerpt,
    callers,
    functions_at,
    heads,
    module_of,
    sent_to,
    starters,
)
from otp_genesis_refactorers.llm.privacy.fencing import Fence
from otp_genesis_refactorers.llm.privacy.withholding import Withholding

CHARACTERS_PER_TOKEN = 4
DEFAULT_TOKENS = 24_000
_OUTLINE_SHARE = 6
"""The outline takes at most one part in so many."""
_FILE_SHARE = 2
"""The finding's file is given whole up to one part in so many."""
_WHOLE = 0
"""In the place of the line of an excerpt that is a file."""


@dataclass(frozen=True)
class Briefing:
    """`stable` is the same for every finding of a rule in a mix project; `particular` is about one."""

    stable: str
    particular: str
    files: tuple[str, ...]
    """Whose text is in it, sorted."""
    left_out: tuple[str, ...] = ()
    """What is not in it and why, a line each."""


def brief(
    finding: Finding,
    project: Project,
    withholding: Withholding,
    fence: Fence,
    *,
    tokens: int = DEFAULT_TOKENS,
) -> Briefing:
    """What a model is told of a finding. The budget is kept by leaving out what is farthest from it."""
    characters = tokens * CHARACTERS_PER_TOKEN
    stable = _stable(finding, project, fence, characters // _OUTLINE_SHARE)
    written: list[str] = []
    files: set[str] = set()
    left_out: list[str] = []
    left = characters - len(stable)
    seen: set[tuple[str, int]] = set()
    for excerpt in _excerpts(finding, project, characters // _FILE_SHARE):
        if not seen.isdisjoint({(excerpt.path, excerpt.line), (excerpt.path, _WHOLE)}):
            continue
        withheld = withholding.reason(excerpt.path)
        if withheld is not None:
            left_out.append(f"{excerpt.path}: {withheld}")
            continue
        if len(excerpt.text) > left:
            left_out.append(f"{excerpt.path}:{excerpt.line}: over the budget of {tokens:,} tokens")
            continue
        seen.add((excerpt.path, _WHOLE if excerpt.is_whole else excerpt.line))
        files.add(excerpt.path)
        left -= len(excerpt.text)
        label = f"{excerpt.path}:{excerpt.line} ({excerpt.why})"
        written.append(fence.around(label, withholding.masked(excerpt.path, excerpt.text).text))
    messages = "\n".join(_messages(finding, project, withholding))
    if messages and len(messages) <= left:
        written.append("Who sends it messages:\n" + fence.around("messages", messages))
    particular = "\n\n".join(["## The code", *written, _the_finding(finding, project, fence)])
    return Briefing(stable, particular, tuple(sorted(files)), tuple(dict.fromkeys(left_out)))


def _stable(finding: Finding, project: Project, fence: Fence, most_characters: int) -> str:
    rule = find_rule(finding.code)
    app = project.app_of(finding.path)
    tree = supervision_tree(project, app)[:most_characters]
    modules = module_list(project, app, most_characters - len(tree))
    parts = [
        page(rule) if rule is not None else f"# {finding.code} {finding.name}",
        "## The project",
        "Its supervisors and their children:\n" + fence.around("supervision tree", tree or "none"),
        "Its modules:\n" + fence.around("modules", modules or "none"),
    ]
    return "\n\n".join(parts) + "\n"


def _excerpts(finding: Finding, project: Project, most_of_file: int) -> Iterator[Excerpt]:
    """Pieces of files, the nearest to the finding first."""
    text = project.read(finding.path).decode("utf-8", "replace")
    entry = module_of(finding, project)
    module = entry.module.name if entry is not None else ""
    related = [place for place in finding.related if place.path == finding.path]
    if len(text) <= most_of_file:
        yield Excerpt(finding.path, 1, text, "the file with the finding", is_whole=True)
    else:
        spans = [finding.span, *(place.span for place in related)]
        yield from functions_at(finding.path, spans, project, "of the file with the finding")
        yield heads(project, finding.path)
    for place in finding.related:
        if place.path != finding.path:
            yield from functions_at(place.path, [place.span], project, "the finding points here")
    if module:
        yield from starters(project, module)
        yield from callers(project, module)
    yield from _called(finding, project, module)


def _called(finding: Finding, project: Project, module: str) -> Iterator[Excerpt]:
    """The heads of the project's modules that the finding's module calls."""
    for name in project.all_facts(finding.path).references:
        entry = project.module(name) if name != module else None
        if entry is not None and entry.path != finding.path and not project.role_of(entry.path).is_test:
            yield heads(project, entry.path)


def _messages(finding: Finding, project: Project, withholding: Withholding) -> Iterator[str]:
    entry = module_of(finding, project)
    for message in sent_to(project, entry.module.name) if entry is not None else ():
        if withholding.reason(message.path) is None:
            text = withholding.masked(message.path, message.text).text
            yield f"{message.path}:{message.line} {message.why}: {text}"


def _the_finding(finding: Finding, project: Project, fence: Fence) -> str:
    place = _place(finding.path, finding.span, project)
    related = [f"also {_place(each.path, each.span, project)}: {each.message}" for each in finding.related]
    told = "\n".join([f"{place}: {finding.message}", f"in {finding.scope or finding.path}", *related])
    return f"## The finding\n\n{finding.code} {finding.name}\n" + fence.around("finding", told)


def _place(path: str, span: Span, project: Project) -> str:
    try:
        line = LineIndex(project.read(path)).line_of(span.start) + 1
    except OSError:
        return path
    return f"{path}:{line}"
