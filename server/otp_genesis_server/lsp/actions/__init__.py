"""What can be done about findings, a kind of code action a file, found by looking into this folder.

A file has RANK, its place in the menu, KIND, None for what is no edit, and `offers(ls, asked)`.
Where the edit is only made when the action is chosen it also has `resolve(ls, data)`, which gives
the edit or why there is none; `data` is the action's own, with the file's name under "action".
"""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import TypeAlias

from lsprotocol import types as lsp

from otp_genesis_analyzers.findings import Finding
from otp_genesis_server.lsp.workspace.snapshot import Snapshot

Offer: TypeAlias = lsp.CodeAction | lsp.Command


@dataclass(frozen=True)
class Asked:
    """What the editor wants actions for."""

    snapshot: Snapshot
    path: str
    """Of the document, relative to the snapshot's root."""
    here: tuple[Finding, ...]
    """The findings on the lines where the cursor or the selection is, as severe as the user wants them."""
    only: tuple[str, ...]
    """The kinds that are asked for, each with all below it; none means all of them."""
    automatic: bool
    """Nobody has asked: the editor does so on its own, as at every save."""
    place: int = 0
    """Where the cursor is or the selection begins, as a byte offset."""
    lines: range = range(0)
    """Those where the cursor or the selection is, from 0."""

    def wants(self, kind: str) -> bool:
        """Kinds are a tree, written with dots: who asks for a branch wants all that grows on it."""
        return not self.only or any(only in ("", kind) or kind.startswith(f"{only}.") for only in self.only)


@cache
def all_actions() -> tuple[ModuleType, ...]:
    """The files of this folder, as they stand in the menu."""
    entries = pkgutil.iter_modules(__path__)
    modules = (importlib.import_module(f"{__name__}.{entry.name}") for entry in entries)
    return tuple(sorted(modules, key=lambda module: module.RANK))


def named(name: str) -> ModuleType | None:
    """The action whose edit is to be made; None when there is none of this name."""
    chosen = (action for action in all_actions() if action.__name__ == f"{__name__}.{name}")
    return next((action for action in chosen if hasattr(action, "resolve")), None)
