"""A change in the parts that can be left out alone: what each adds or takes, and which need each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.applying.patch import NewContents

_TOGETHER_LINES = 1
"""Changes with at most twice as many unchanged lines between them are one."""
_NAMES = frozenset({"identifier", "alias", "atom", "keyword"})
_DOCUMENTING = frozenset(
    {"doc", "moduledoc", "typedoc", "spec", "type", "typep", "opaque", "deprecated", "impl"}
)

Opcodes = tuple[tuple[str, int, int, int, int], ...]


@dataclass(frozen=True)
class Hunk:
    """Lines of `path` from `first_line` on, as `difflib` opcodes; None for a file that is new or gone."""

    path: str
    first_line: int
    opcodes: Opcodes | None


@dataclass(frozen=True)
class Part:
    """Hunks that bring names which only make sense together."""

    hunks: tuple[Hunk, ...]

    @property
    def place(self) -> str:
        return f"{self.hunks[0].path}:{self.hunks[0].first_line}"


def parts_of(old: Mapping[str, bytes], new: NewContents) -> tuple[Part, ...]:
    """The parts of a change. `old` has the content of each file that was there before."""
    hunks = [hunk for path, content in sorted(new.items()) for hunk in _hunks(path, old.get(path), content)]
    known = {name for content in old.values() for name in _names(content)}
    groups: list[tuple[set[str], list[Hunk]]] = []
    for hunk in hunks:
        names = set(_names(_added(hunk, old, new))) - known
        joined = [group for group in groups if group[0] & names]
        groups = [group for group in groups if group not in joined]
        names = names.union(*(group[0] for group in joined))
        groups.append((names, [*(each for group in joined for each in group[1]), hunk]))
    return tuple(Part(tuple(group[1])) for group in groups)


def without(part: Part, old: Mapping[str, bytes], new: NewContents) -> NewContents:
    """The change without this part."""
    result: dict[str, bytes | None] = dict(new)
    for path in {hunk.path for hunk in part.hunks}:
        left_out = [hunk for hunk in part.hunks if hunk.path == path]
        content = new[path]
        if content is None or path not in old or left_out[0].opcodes is None:
            del result[path]
            if path in old:
                result[path] = old[path]
        else:
            result[path] = _with_old_lines(old[path], content, left_out)
    return result


def same_code(one: NewContents, other: NewContents) -> bool:
    """Whether two sets of files differ in comments, documentation, type specifications and layout alone."""
    return one.keys() == other.keys() and all(
        list(_tokens(one[path])) == list(_tokens(other[path])) for path in one
    )


def changed_lines(old: Mapping[str, bytes], new: NewContents) -> dict[str, list[int]]:
    """The lines of each changed file that are new or different, from 1."""
    return _lines_of(
        (hunk for path, content in new.items() for hunk in _hunks(path, old.get(path), content)), new
    )


def lines_of(part: Part, new: NewContents) -> dict[str, list[int]]:
    """The lines that a part adds or changes, from 1, by file."""
    return _lines_of(part.hunks, new)


def _lines_of(hunks: Iterable[Hunk], new: NewContents) -> dict[str, list[int]]:
    lines: dict[str, list[int]] = {}
    for hunk in hunks:
        whole = range(1, (new[hunk.path] or b"").count(b"\n") + 2)
        ranges = [range(op[3] + 1, op[4] + 1) for op in hunk.opcodes] if hunk.opcodes is not None else [whole]
        lines.setdefault(hunk.path, []).extend(line for each in ranges for line in each)
    return lines


def _hunks(path: str, old: bytes | None, new: bytes | None) -> Iterator[Hunk]:
    if old is None or new is None:
        yield Hunk(path, 1, None)
        return
    matcher = SequenceMatcher(None, old.split(b"\n"), new.split(b"\n"), autojunk=False)
    for group in matcher.get_grouped_opcodes(_TOGETHER_LINES):
        opcodes = tuple(opcode for opcode in group if opcode[0] != "equal")
        yield Hunk(path, opcodes[0][3] + 1, opcodes)


def _added(hunk: Hunk, old: Mapping[str, bytes], new: NewContents) -> bytes:
    content = new[hunk.path]
    if content is None:
        return b""
    if hunk.opcodes is None or hunk.path not in old:
        return content
    lines = content.split(b"\n")
    return b"\n".join(line for opcode in hunk.opcodes for line in lines[opcode[3] : opcode[4]])


def _with_old_lines(old: bytes, new: bytes, left_out: list[Hunk]) -> bytes:
    old_lines, new_lines = old.split(b"\n"), new.split(b"\n")
    for hunk in reversed(left_out):
        for _, i1, i2, j1, j2 in reversed(hunk.opcodes or ()):
            new_lines[j1:j2] = old_lines[i1:i2]
    return b"\n".join(new_lines)


def _names(content: bytes) -> Iterator[str]:
    waiting = [Source("", content).root]
    while waiting:
        node = waiting.pop()
        if node.type in _NAMES:
            yield syntax.text(node).strip().strip(":")
        waiting += node.named_children


def _tokens(content: bytes | None) -> Iterator[bytes]:
    """The code of a file, a token each, without what the compiler does not run."""
    waiting = [Source("", content or b"").root]
    while waiting:
        node = waiting.pop()
        if node.type == "comment" or _documents(node):
            continue
        if not node.child_count:
            yield (node.text or b"").strip()
        waiting += reversed(node.children)


def _documents(node: Node) -> bool:
    if node.type != "unary_operator" or syntax.operator(node) != "@":
        return False
    operand = syntax.operand(node)
    return operand is not None and syntax.local_name(operand) in _DOCUMENTING
