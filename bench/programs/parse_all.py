"""The least that an analysis of syntax must do.

    parse_all.py ROOT PROCESSES [gated] [visited]

Read and parse every file; with `gated`, ask the gate and parse what passes it. With `visited`, look once
at the kind of each node and do nothing with it: of all nodes, or, gated, of those in definitions that hold
a word of a rule.
"""

from __future__ import annotations

import os
import sys
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

from tree_sitter import Tree

_MODULE = b"defmodule"
_DEFINING = (b"def", b"test", b"setup", b"property")


def main() -> None:
    import tree_sitter_elixir
    from tree_sitter import Language, Parser

    from otp_genesis_analyzers.discovery import elixir_files

    root, processes, modes = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    paths = list(elixir_files(root))
    opened = _gate(root, paths) if "gated" in modes else None
    os.chdir(root)
    share, children = _forked(_shares(paths, processes))
    parser = Parser(Language(tree_sitter_elixir.language()))
    for path in share:
        with open(path, "rb") as file:  # noqa: PTH123
            content = file.read()
        hits = opened(path, content) if opened else None
        if opened is None or hits is not None:
            tree = parser.parse(content)
            if "visited" in modes:
                _visit(tree, content, hits)
    for child in children:
        os.waitpid(child, 0)


def _visit(tree: Tree, content: bytes, hits: list[int] | None) -> None:
    """With a cursor, which is the cheapest way to go."""
    cursor, inside_until = tree.walk(), len(content) if hits is None else 0
    while True:
        node = cursor.node
        start = node.start_byte if node is not None else 0
        descends = start < inside_until
        if not descends and node is not None and hits is not None:
            first = bisect_left(hits, start)
            descends = first < len(hits) and hits[first] < node.end_byte
            if descends and content.startswith(_DEFINING, start) and not content.startswith(_MODULE, start):
                inside_until = node.end_byte
        if node is not None and node.kind_id and descends and cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return


def _gate(root: Path, paths: list[str]) -> Callable[[str, bytes], list[int] | None]:
    from otp_genesis_analyzers.discovery import find_apps
    from otp_genesis_analyzers.gate import gate_of
    from otp_genesis_analyzers.project import Project

    def read(path: str) -> bytes:
        return (root / path).read_bytes()

    project = Project(find_apps(paths, read), {}, read)

    def hits(path: str, content: bytes) -> list[int] | None:
        opened = gate_of(project.role_of(path)).opened(content, {})
        return opened and opened.hits

    return hits


def _forked(shares: list[list[str]]) -> tuple[list[str], list[int]]:
    """A share for this process, which is one of several now; and the others, if it is the first."""
    children: list[int] = []
    for share in shares[1:]:
        child = os.fork()
        if child == 0:
            return share, []
        children.append(child)
    return shares[0], children


def _shares(files: list[str], count: int) -> list[list[str]]:
    """The files in so many parts of nearly the same size."""
    shares: list[list[str]] = [[] for _ in range(count)]
    sizes = [0] * count
    for file in sorted(files, key=os.path.getsize, reverse=True):
        least = sizes.index(min(sizes))
        shares[least].append(file)
        sizes[least] += os.path.getsize(file)  # noqa: PTH202
    return shares


if __name__ == "__main__":
    main()
