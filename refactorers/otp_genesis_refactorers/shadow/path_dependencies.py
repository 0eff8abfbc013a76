"""Other projects that a mix project compiles along with itself, by their path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.reading.read_terms import read_term
from otp_genesis_analyzers.scopes import Scope
from otp_genesis_analyzers.source import Source

_BUILD_FILES = ("mix.exs", "rebar.config", "rebar.config.script", "Makefile")


@dataclass(frozen=True)
class PathDependency:
    folder: Path
    """A real path, outside of the project."""
    is_absolute: bool
    """Named by an absolute path: it has to stay where it is."""


def path_dependencies(project: Path) -> tuple[PathDependency, ...]:
    """What lies outside the folder `project` and is compiled with it, also by way of another.

    Only literal paths are known, and only folders that look like a project: a `mix.exs` can't have
    any other folder of the user's copied.
    """
    found: dict[Path, PathDependency] = {}
    waiting = [project, *(app.parent for app in project.glob("apps/*/mix.exs"))]
    while waiting:
        folder = waiting.pop()
        for path in _literal_paths(folder / "mix.exs"):
            target = (folder / path).resolve()
            if target in found or target.is_relative_to(project) or not _is_project(target):
                continue
            found[target] = PathDependency(target, path.startswith("/"))
            waiting.append(target)
    return tuple(found[folder] for folder in sorted(found))


def _is_project(folder: Path) -> bool:
    return not Path.home().is_relative_to(folder) and any((folder / name).is_file() for name in _BUILD_FILES)


def _literal_paths(mix_file: Path) -> Iterator[str]:
    """Every `"..."` of a `{:name, ..., path: "..."}` in a `mix.exs`."""
    try:
        source = Source("mix.exs", mix_file.read_bytes())
    except OSError:
        return
    for node in _tuples(source.root):
        term = read_term(node, Scope())
        lists = [term, *(item for item in term.items if item.kind == "list")]
        for path in (each.get("path") for each in lists):
            if path is not None and path.kind == "string" and term.tag:
                yield path.value


def _tuples(root: Node) -> Iterator[Node]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if node.type == "tuple":
            yield node
        waiting += syntax.children(node)
