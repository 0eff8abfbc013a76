"""What a rewrite leaves behind that nobody would have written: names without a use, lines broken wrongly.

Only what the change itself brought about is put right: an alias that was unused before stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.change import Change, Edit, FileChange, edited, file_change
from otp_genesis_refactorers.rewriting.edits import edits_between
from otp_genesis_refactorers.rewriting.formatter import DEFAULT_LINE_LENGTH, line_length_of
from otp_genesis_refactorers.rewriting.layout import broken_lines, line_is_too_long
from otp_genesis_refactorers.rewriting.statements import begins_its_line, without_line

_ASKED_BY_OTHERS = frozenset(
    {"moduledoc", "doc", "typedoc", "impl", "behaviour", "spec", "type", "typep", "opaque", "callback"}
    | {"macrocallback", "optional_callbacks", "derive", "enforce_keys", "compile", "dialyzer", "file", "vsn"}
    | {"external_resource", "on_load", "before_compile", "after_compile", "on_definition", "deprecated"}
    | {"since", "tag", "moduletag", "describetag"}
)
"""Attributes that are read, if not in the module."""


def tidied(change: Change, project: Project) -> Change:
    """The change with its aliases, attributes and line breaks in order."""
    files = tuple(_tidied_file(file, project) if file.original_hash else file for file in change.files)
    return Change(change.title, change.kind, files, change.notes)


def _tidied_file(file: FileChange, project: Project) -> FileChange:
    if not file.path.endswith((".ex", ".exs")):
        return file
    content = project.read(file.path)
    before, given = Source(file.path, content), edited(content, file.edits)
    app = project.app_of(file.path)
    line_length = line_length_of(project, app) if app is not None else DEFAULT_LINE_LENGTH
    after = _without_left_overs(before, given)
    after = _joined(before, Source(file.path, after), line_length)
    after = _broken(before, file.edits, after, line_length)
    return file if after == given else file_change(file.path, content, edits_between(content, after))


def _without_left_overs(before: Source, content: bytes) -> bytes:
    """Without the aliases and attributes whose last use the change took away."""
    after = Source(before.path, content)
    used_before, used_after = _uses(before.root), _uses(after.root)
    left_over = [
        statement
        for name, statement in _named(after.root)
        if used_before[name] > 0 == used_after[name] and begins_its_line(after, statement)
    ]
    return edited(content, tuple(without_line(after, statement) for statement in left_over))


def _named(root: Node) -> Iterator[tuple[str, Node]]:
    """The aliases and attributes that a file gives a name to, `Cart` and `@limit`, with their statements."""
    for node in syntax.below(root):
        name = _alias_name(node) if syntax.local_name(node) == "alias" else _attribute(node, is_set=True)
        if name:
            yield name, node


def _uses(root: Node) -> Counter[str]:
    """How often each name stands in a file where it is not given."""
    found: Counter[str] = Counter()
    directives = [Span.of(node) for name, node in _named(root) if name[0] != "@"]
    for node in syntax.below(root):
        if node.type == "alias":
            place = Span.of(node)
            if not any(directive.contains(place) for directive in directives):
                found[syntax.text(node).partition(".")[0]] += 1
        elif name := _attribute(node, is_set=False):
            found[name] += 1
    return found


def _alias_name(directive: Node) -> str:
    """`Cart` of `alias Shop.Cart`, `C` of `alias Shop.Cart, as: C`; empty for one of several names."""
    given = syntax.arguments(directive)
    if not given or given[0].type != "alias":
        return ""
    other = syntax.keyword(given[-1], "as") if given[-1].type == "keywords" else None
    return syntax.text(other) if other is not None else syntax.text(given[0]).rpartition(".")[2]


def _attribute(node: Node, *, is_set: bool) -> str:
    """`@limit` where it is set, or where it is read."""
    inner = syntax.operand(node) if node.type == "unary_operator" and syntax.operator(node) == "@" else None
    if inner is None or (inner.type == "call") != is_set:
        return ""
    name = syntax.local_name(inner) if is_set else syntax.text(inner)
    return f"@{name}" if name and name not in _ASKED_BY_OTHERS else ""


def _joined(before: Source, after: Source, line_length: int) -> bytes:
    """A value goes back to the line of its `=` or `do:` where it has become short enough for that."""
    known = set(before.content.split(b"\n"))
    joins: list[Edit] = []
    for node in syntax.below(after.root):
        value = _value(node)
        if value is None or value.start_point.row != value.end_point.row:
            continue
        sign = value.prev_sibling
        if sign is None or sign.type == "comment":
            continue
        # The blanks behind a key belong to it.
        end = sign.start_byte + len((sign.text or b"").rstrip())
        row = after.lines.line_of(end)
        if row + 1 != value.start_point.row:
            continue
        line, next_line = _line(after, row), _line(after, row + 1)
        fits = len(line.rstrip().decode()) + 1 + len(next_line.strip().decode()) <= line_length
        if fits and next_line not in known:
            joins.append(Edit(Span.between(end, value.start_byte), " "))
    return edited(after.content, tuple(sorted(joins)))


def _broken(before: Source, edits: tuple[Edit, ...], content: bytes, line_length: int) -> bytes:
    """Lines broken that the change made too long."""
    known = set(before.content.split(b"\n"))
    # The formatter itself lets some lines be one column too long.
    if any(line_is_too_long(before, edit.span.start, line_length + 1) for edit in edits):
        return content
    for row in reversed(range(content.count(b"\n") + 1)):
        after = Source(before.path, content)
        line = _line(after, row)
        start = after.lines.starts[row] + len(line) - len(line.lstrip())
        if line not in known and line_is_too_long(after, start, line_length):
            target = after.node_at(Span(start, 1))
            step = target.next_sibling if target.type == "|>" else None
            broken = broken_lines(after, step or target, line_length)
            content = edited(content, tuple(sorted(broken)))
    return content


def _value(node: Node) -> Node | None:
    if node.type == "pair":
        return node.child_by_field_name("value")
    if node.type == "binary_operator" and syntax.operator(node) == "=":
        return syntax.right(node)
    return None


def _line(source: Source, row: int) -> bytes:
    return source.content[source.lines.starts[row] : source.lines.line_end(row)]
