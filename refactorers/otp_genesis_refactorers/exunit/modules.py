"""Which modules a test is asked for: those of a file, those of a change, the one around a place."""

from __future__ import annotations

from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import LineIndex, Span
from otp_genesis_refactorers.applying.overlay import with_files
from otp_genesis_refactorers.applying.patch import NewContents
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.exunit.subject import why_no_process
from otp_genesis_refactorers.gates.running.hunks import changed_lines


def modules_of_file(project: Project, path: str, *, any_kind: bool = False) -> list[str] | Refused:
    """The processes of a file, in its order; with `any_kind` all of its modules."""
    role = project.role_of(path)
    if role.is_test:
        return Refused(f"{path} is a test already: give the file that it should test")
    if path.endswith(".exs"):
        return Refused(f"{path} is a script, which no test can use: give a file of lib/")
    if not role.is_application_code:
        return Refused(f"{path} does not run in the application ({role}): give a file of lib/")
    facts = project.all_facts(path)
    if facts.broken:
        return Refused(f"{path} has syntax errors: correct them first")
    return _chosen(facts.modules, f"{path} defines no module", any_kind=any_kind)


def modules_of_change(
    project: Project, contents: NewContents, *, any_kind: bool = False
) -> list[str] | Refused:
    """The processes of the application code that a change touches."""
    after = with_files(project, contents)
    touched: list[Module] = []
    for path, lines in _changed(project, contents).items():
        content = contents[path]
        if content is None or not path.endswith(".ex") or not after.role_of(path).is_application_code:
            continue
        index = LineIndex(content)
        for module in after.all_facts(path).modules:
            first, last = index.line_of(module.span.start) + 1, index.line_of(module.span.end) + 1
            if any(first <= line <= last for line in lines):
                touched.append(module)
    return _chosen(tuple(touched), "the change touches no module of the application", any_kind=any_kind)


def function_at(project: Project, path: str, line: Span) -> tuple[Module, Function] | None:
    """The public function of a module that stands on a line, or around it."""
    for module in project.all_facts(path).modules:
        for function in module.functions:
            if function.public and any(_touches(clause.span, line) for clause in function.clauses):
                return module, function
    return None


def _touches(clause: Span, line: Span) -> bool:
    return clause.start < line.end and line.start < clause.end


def _changed(project: Project, contents: NewContents) -> dict[str, list[int]]:
    old: dict[str, bytes] = {}
    for path in contents:
        try:
            old[path] = project.read(path)
        except OSError:
            continue
    return changed_lines(old, contents)


def _chosen(modules: tuple[Module, ...], none: str, *, any_kind: bool) -> list[str] | Refused:
    if not modules:
        return Refused(none)
    chosen = [module.name for module in modules if any_kind or not why_no_process(module)]
    return chosen or Refused(why_no_process(modules[0]))
