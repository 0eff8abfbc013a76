"""The directory structure of a pack: names, each folder two spaces further in."""

from __future__ import annotations

from collections.abc import Iterator

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
