"""Which files of a folder are looked at, and which folders are mix projects."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.read_terms import read_term
from otp_genesis_analyzers.project import MixApp
from otp_genesis_analyzers.scopes import Scope
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

SUFFIXES = (".ex", ".exs")
_NEVER = frozenset({"node_modules"})
_BESIDE_MIX = frozenset({"deps", "_build", "cover", "doc"})


def elixir_files(root: Path) -> Iterator[str]:
    """The Elixir files below `root`, relative to it with `/`, in sorted order.

    Hidden folders, `node_modules`, and `deps`, `_build`, `cover` and `doc` beside a `mix.exs` are left out.
    Links to folders are not followed, so that a loop of links ends nowhere; links to files are.
    """
    yield from _files_below(os.fspath(root), "")


def _files_below(folder: str, prefix: str) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    names = {entry.name for entry in entries}
    skipped = _NEVER | _BESIDE_MIX if "mix.exs" in names else _NEVER
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in skipped:
                yield from _files_below(entry.path, f"{prefix}{entry.name}/")
        elif entry.name.endswith(SUFFIXES) and _is_file(entry):
            yield prefix + entry.name


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Pipes and devices are none, they may never end. A link that leads nowhere is one, to be reported."""
    if not entry.is_symlink():
        return entry.is_file(follow_symlinks=False)
    try:
        return stat.S_ISREG(entry.stat().st_mode)
    except OSError:
        return True


def elixir_among(paths: Iterable[str]) -> list[str]:
    """Those that `elixir_files` would give if they were the files below a folder, in the same order."""
    paths = sorted(paths, key=lambda path: path.split("/"))
    beside_mix = {path.removesuffix("mix.exs") for path in paths if path.split("/")[-1] == "mix.exs"}
    return [path for path in paths if path.endswith(SUFFIXES) and not _is_skipped(path, beside_mix)]


def _is_skipped(path: str, beside_mix: Container[str]) -> bool:
    *folders, name = path.split("/")
    above = ""
    for folder in folders:
        skipped = _NEVER | _BESIDE_MIX if above in beside_mix else _NEVER
        if folder.startswith(".") or folder in skipped:
            return True
        above += f"{folder}/"
    return name.startswith(".")


def is_ignored(path: str) -> bool:
    """Whether a single path, given relative to the root, would never be looked at."""
    folders = path.split("/")[:-1]
    return any(part.startswith(".") or part in _NEVER or part in ("deps", "_build") for part in folders)


def find_apps(paths: list[str], read: Callable[[str], bytes]) -> tuple[MixApp, ...]:
    """The mix projects among the files: every readable `mix.exs` but those of test fixtures."""
    apps: list[MixApp] = []
    for path in paths:
        folder, _, name = path.rpartition("/")
        if name != "mix.exs" or "fixtures" in folder.split("/"):
            continue
        try:
            apps.append(read_mix_project(Source(path, read(path)), folder))
        except OSError:
            continue
    return tuple(apps)


def read_mix_project(source: Source, folder: str) -> MixApp:
    """What a `mix.exs` says of the project. Only literals are believed."""
    project, application = _returned(source.root, "project"), _returned(source.root, "application")
    name = project.get("app") if project is not None else None
    started = application.get("mod") if application is not None else None
    literal = application is None or (application.kind == "list" and not _has_tail(application))
    module = started.items[0] if started is not None and started.kind == "tuple" and started.items else None
    known = literal and (started is None or (module is not None and module.kind == "module"))
    return MixApp(
        folder=folder,
        name=name.value if name is not None and name.kind == "atom" else "",
        application=module.value if module is not None and module.kind == "module" else "",
        application_known=known and not source.broken,
        umbrella=project is not None and project.get("apps_path") is not None,
        compiled=_compiled_folders(source.root),
        packaged=project is not None and project.get("package") is not None,
    )


def _has_tail(term: Term) -> bool:
    return any(item.kind != "pair" for item in term.items)


def _returned(root: Node, function: str) -> Term | None:
    """What `def function` of the first module returns; None without such a function."""
    for module in syntax.children(root):
        block = syntax.do_block(module) if syntax.local_name(module) == "defmodule" else None
        for statement in syntax.children(block) if block is not None else []:
            head, _ = syntax.definition_head(statement)
            if syntax.local_name(statement) not in ("def", "defp") or head is None:
                continue
            name = syntax.local_name(head) if head.type == "call" else syntax.text(head)
            if name == function:
                return _last_value(statement)
    return None


def _compiled_folders(root: Node) -> tuple[str, ...]:
    """ "lib", and every literal in `elixirc_paths`, be it a function or a key of `project/0`."""
    folders = {"lib"}
    for module in syntax.children(root):
        block = syntax.do_block(module)
        for statement in syntax.children(block) if block is not None else []:
            head, _ = syntax.definition_head(statement)
            name = "" if head is None else syntax.local_name(head) or syntax.text(head)
            value = _last_value(statement) if name in ("project", "elixirc_paths") else None
            paths = value.get("elixirc_paths") if value is not None and name == "project" else value
            folders |= {
                term.value.rstrip("/") for term in (paths.walk() if paths else ()) if term.kind == "string"
            }
    return tuple(sorted(folders))


def _last_value(definition: Node) -> Term:
    block = syntax.do_block(definition)
    statements = syntax.sections(block)[0] if block is not None else []
    value = statements[-1] if statements else syntax.body_keywords(definition).get("do")
    return read_term(value, Scope())
