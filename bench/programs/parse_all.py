"""The least that any analysis of syntax must do: read and parse every file.

    parse_all.py ROOT PROCESSES [gated]

With `gated`, the least that ours must do: ask the gate, and parse what passes it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path


def main() -> None:
    import tree_sitter_elixir
    from tree_sitter import Language, Parser

    from otp_genesis_analyzers.discovery import elixir_files

    root, processes = Path(sys.argv[1]), int(sys.argv[2])
    paths = list(elixir_files(root))
    passes = _gate(root, paths) if sys.argv[3:] == ["gated"] else lambda *_: True
    os.chdir(root)
    files = paths
    shares = _shares(files, processes)
    children = []
    for share in shares[1:]:
        child = os.fork()
        if child == 0:
            files = share
            break
        children.append(child)
    else:
        files = shares[0]
    parser = Parser(Language(tree_sitter_elixir.language()))
    for file in files:
        with open(file, "rb") as opened:  # noqa: PTH123
            content = opened.read()
        if passes(file, content):
            parser.parse(content)
    for child in children:
        os.waitpid(child, 0)


def _gate(root: Path, paths: list[str]) -> Callable[[str, bytes], bool]:
    from otp_genesis_analyzers.discovery import find_apps
    from otp_genesis_analyzers.gate import gate_of
    from otp_genesis_analyzers.project import Project

    def read(path: str) -> bytes:
        return (root / path).read_bytes()

    project = Project(find_apps(paths, read), {}, read)
    return lambda path, content: gate_of(project.role_of(path)).opened(content, {}) is not None


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
