"""The directory structure of a pack: names, each folder two spaces further in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

_INDENT = 2


def paths_in(tree: str) -> tuple[str, ...]:
    """The files that it names. When several folders were packed, it shows each as `[folder]/`."""
    first, _, _ = tree.partition("\n")
    return tuple(_files(tree, several=first.startswith("[") and first.endswith("]/")))


def _files(tree: str, several: bool) -> Iterator[str]:
    folders: list[str] = []
    for line in tree.split("\n"):
        name = line.lstrip(" ")
        del folders[(len(line) - len(name)) // _INDENT :]
        if name.endswith("/"):
            folders.append(f"{name[1:-2]}/" if several and not folders else name)
        elif name:
            yield "".join(folders) + name


def tree_of(paths: Iterable[str]) -> str:
    """The directory structure of these files: folders first, each level two spaces further in."""
    return "\n".join(_lines(sorted(tuple(path.split("/")) for path in paths), 0))


def _lines(entries: list[tuple[str, ...]], depth: int) -> Iterator[str]:
    """`entries` are the parts of paths, sorted."""
    indent = " " * (_INDENT * depth)
    for folder, inside in groupby((entry for entry in entries if len(entry) > depth + 1), lambda e: e[depth]):
        yield f"{indent}{folder}/"
        yield from _lines(list(inside), depth + 1)
    yield from (f"{indent}{entry[depth]}" for entry in entries if len(entry) == depth + 1)
