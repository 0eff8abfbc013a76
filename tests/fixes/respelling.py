"""Edits of the files of a project, made on its syntax: what the spellings have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Edit, edited

Files = Mapping[str, str]
Edits = Iterable[tuple[int, int, str]]
"""Start and end in bytes, and what stands there instead."""


@dataclass(frozen=True)
class Base:
    """A project and what can be fixed in it. Places are those of these very files."""

    files: Files
    findings: tuple[Finding, ...]

    @cached_property
    def sources(self) -> dict[str, Source]:
        """The Elixir files but `mix.exs`."""
        return {
            path: Source(path, text.encode())
            for path, text in self.files.items()
            if path.endswith((".ex", ".exs")) and not path.endswith("mix.exs")
        }

    def found_calls(self) -> Iterator[tuple[Source, Node]]:
        """The calls that findings are about, outermost first."""
        seen: set[tuple[str, int]] = set()
        for finding in self.findings:
            source = self.sources.get(finding.path)
            call = call_at(source, finding.span) if source is not None else None
            if source is not None and call is not None and (finding.path, call.start_byte) not in seen:
                seen.add((finding.path, call.start_byte))
                yield source, call


Spelling = Callable[[Base], Files | None]


def each_file(rewrite: Callable[[Source], Edits]) -> Spelling:
    def spelling(base: Base) -> Files | None:
        return changed(base, ((source, edit) for source in base.sources.values() for edit in rewrite(source)))

    return spelling


def each_call(rewrite: Callable[[Source, Node], Edits]) -> Spelling:
    def spelling(base: Base) -> Files | None:
        return changed(
            base, ((source, edit) for source, call in base.found_calls() for edit in rewrite(source, call))
        )

    return spelling


def changed(base: Base, rewritten: Iterable[tuple[Source, tuple[int, int, str]]]) -> Files | None:
    """The files with the edits; of two that overlap the later one is left out."""
    files = dict(base.files)
    edits: dict[str, list[Edit]] = {}
    for source, (start, end, text) in sorted(rewritten, key=lambda each: (each[0].path, each[1])):
        before = edits.setdefault(source.path, [])
        if not before or before[-1].span.end <= start:
            before.append(Edit(Span.between(start, end), text))
    for path, of_file in edits.items():
        files[path] = edited(files[path].encode(), tuple(of_file)).decode()
    return files if files != base.files else None


def call_at(source: Source, head: Span) -> Node | None:
    node: Node | None = source.node_at(head)
    while node is not None and (node.type != "call" or not syntax.has_arguments(node)):
        node = node.parent
    return node if node is not None and node.start_byte == head.start else None


def statements(source: Source) -> Iterator[Node]:
    """What stands alone on its lines, in any body."""
    for node in syntax.below(source.root):
        if node.type in ("do_block", "body", "else_block", "after_block", "rescue_block"):
            for statement in syntax.children(node):
                if starts_line(source, statement) and statement.type != "stab_clause":
                    yield statement


def starts_line(source: Source, node: Node) -> bool:
    return not source.content[line_start(source, node) : node.start_byte].strip()


def line_start(source: Source, node: Node) -> int:
    return source.lines.starts[node.start_point.row]


def definitions(source: Source, *kinds: str) -> Iterator[Node]:
    for node in syntax.below(source.root):
        if syntax.local_name(node) in (kinds or ("def", "defp")):
            yield node


def modules(source: Source) -> Iterator[tuple[Node, Node]]:
    for node in syntax.below(source.root):
        block = syntax.do_block(node) if syntax.local_name(node) == "defmodule" else None
        if block is not None:
            yield node, block


def above(source: Source, node: Node, *lines: str) -> tuple[int, int, str]:
    at = line_start(source, node)
    indent = " " * (node.start_byte - at)
    return at, at, "".join(f"{indent}{line}\n" for line in lines)


def first_behind_uses(block: Node) -> Node | None:
    """The first thing in a module that is no `use`, `import`, `require`, `alias` or `@moduledoc`."""
    directives = ("use", "import", "require", "alias", "set_mox_global")
    rest = (
        node
        for node in syntax.children(block)
        if syntax.local_name(node) not in directives and "@moduledoc" not in syntax.text(node)[:10]
    )
    return next(rest, None)
