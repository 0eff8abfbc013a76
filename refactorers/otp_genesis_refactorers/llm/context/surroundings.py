"""What is around a finding: who starts its module, who calls it, who sends it what."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from otp_genesis_analyzers.across_modules.message_map import messages
from otp_genesis_analyzers.facts.model import Clause, FileFacts, Function, Module
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import ModuleEntry, Project
from otp_genesis_analyzers.source import LineIndex, Source, Span
from otp_genesis_analyzers.supervision import forest

_WAYS = {"call": "calls with", "cast": "casts", "info": "sends", "continue": "continues with"}


class Excerpt(Struct, frozen=True, array_like=True):
    """A piece of a file. `line` is where it begins, counted from 1."""

    path: str
    line: int
    text: str
    why: str
    is_whole: bool = False


def module_of(finding: Finding, project: Project) -> ModuleEntry | None:
    """The module that a finding is in, read whole; None where it is in none."""
    modules = [module for module in project.all_facts(finding.path).modules if _around(module, finding.span)]
    innermost = max(modules, key=lambda module: module.span.start, default=None)
    return ModuleEntry(finding.path, innermost) if innermost is not None else None


def functions_at(path: str, spans: list[Span], project: Project, why: str) -> Iterator[Excerpt]:
    """The functions that these places stand in, each once, with all their clauses."""
    if path not in project.files:
        return
    source, facts = Source(path, project.read(path)), project.all_facts(path)
    for _, function in _all_functions(facts):
        if any(clause.span.contains(span) for clause in function.clauses for span in spans):
            yield from _of_function(source, function, why)


def starters(project: Project, module: str) -> Iterator[Excerpt]:
    """The functions whose lists of children start a module."""
    for node, child in forest(project).started.get(module, ()):
        yield from functions_at(node.path, [child.span], project, f"starts {module}")


def callers(project: Project, module: str) -> Iterator[Excerpt]:
    """The functions of other modules that call a module, those of the application before tests."""
    facts = [each for each in project.naming(module) if module in each.references]
    for each in sorted(facts, key=lambda facts: (project.role_of(facts.path).is_test, facts.path)):
        source = Source(each.path, project.read(each.path))
        for other, function in _all_functions(each):
            if other.name != module and any(
                call.module == module for clause in function.clauses for call in clause.calls
            ):
                yield from _of_function(source, function, f"calls {module}")


def sent_to(project: Project, module: str) -> Iterator[Excerpt]:
    """Each call that sends a message to the server that a module is, in one line."""
    for message in messages(project):
        if message.server.module.name == module:
            content = project.read(message.path)
            call = message.sent.site.call
            line = LineIndex(content).line_of(call.head.start) + 1
            code = " ".join(Source(message.path, content).text(call.span).split())
            yield Excerpt(message.path, line, code, f"{message.sent.site.scope} {_WAYS[message.sent.way]}")


def heads(project: Project, path: str) -> Excerpt:
    """A file without the bodies of its functions."""
    source = Source(path, project.read(path))
    lines: list[str] = []
    for module in project.all_facts(path).modules:
        lines.append(f"defmodule {module.name} do")
        lines += [f"  use {use.module}" for use in module.uses]
        for function in module.functions:
            if function.kind.startswith("def"):
                lines += [f"  {head}" for clause in function.clauses for head in [_head(source, clause)]]
    return Excerpt(path, 1, "\n".join(lines), "heads of its functions only")


def _head(source: Source, clause: Clause) -> str:
    end = clause.body.start if clause.body is not None else clause.span.end
    text = source.text(Span.between(clause.span.start, end))
    return " ".join(text.split()).removesuffix(" do").removesuffix(", do:")


def _of_function(source: Source, function: Function, why: str) -> Iterator[Excerpt]:
    start, end = function.clauses[0].span.start, function.clauses[-1].span.end
    line = source.lines.line_of(start)
    yield Excerpt(source.path, line + 1, source.text(Span.between(source.lines.starts[line], end)), why)


def _all_functions(facts: FileFacts) -> Iterator[tuple[Module, Function]]:
    for module in facts.modules:
        for function in module.functions:
            if function.kind not in ("body", "block") and function.clauses:
                yield module, function


def _around(module: Module, span: Span) -> bool:
    return module.span.contains(span)
