"""Processes and who starts them, as plain frozen data."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from msgspec import Struct, structs

from otp_genesis_analyzers.facts.processes.starts import Tie
from otp_genesis_analyzers.project import MixApp
from otp_genesis_analyzers.source import Span

Role = Literal["application", "supervisor", "worker", "unknown"]

Started = Literal[
    "application",  # by the runtime, as `mod:` in mix.exs says
    "static",  # by its supervisor, from the list of children
    "dynamic",  # with start_child, or as a task of a Task.Supervisor
    "by code",  # with start_link, outside of every supervisor
    "nobody",  # by no code of the project that can be seen
]


class Place(Struct, frozen=True, array_like=True):
    path: str
    span: Span


class Process(Struct, frozen=True, array_like=True, kw_only=True):
    """One process, or the many alike that one place in the code starts.

    `module` is the module that it runs ("Task.Supervisor"; empty when only the run time knows it),
    `name` what it is registered as, where that is one constant name, `behaviour` what the module
    uses. `strategy` and `restart` are atoms without the colon, empty where they are not certain.
    """

    role: Role
    started: Started
    module: str = ""
    name: str = ""
    behaviour: str = ""
    strategy: str = ""
    restart: str = ""
    conditional: bool = False
    """Only started in some configuration."""
    starters: tuple[str, ...] = ()
    """The `Module.function/arity` that start it, where no list of children does."""
    started_at: Place | None = None
    defined_at: Place | None = None
    """Its module's name in `defmodule`; None for a module of a dependency."""
    children: tuple[Process, ...] = ()
    unknown: tuple[str, ...] = ()
    """Why it may have more children than these, a sentence each; none when the list is complete."""
    repeated: bool = False
    """Its children stand at an earlier place of the same tree."""


class Tree(Struct, frozen=True, array_like=True):
    """A process that no other process of the forest starts, and all below it."""

    app: MixApp | None
    root: Process


class Outside(Struct, frozen=True, array_like=True):
    """A place that starts a process which no supervisor knows."""

    call: str
    """`spawn/1`, `Shop.Cart.start_link/1`."""
    module: str
    """The module that it runs; empty for a function."""
    app: MixApp | None
    starter: str
    place: Place
    tie: Tie
    """What ties it to the process that starts it."""


class Homeless(Struct, frozen=True, array_like=True):
    """Started under a supervisor that is in no tree: `supervisor` is its name, empty when not known."""

    app: MixApp | None
    supervisor: str
    process: Process


class ProcessForest(Struct, frozen=True, array_like=True):
    trees: tuple[Tree, ...]
    homeless: tuple[Homeless, ...]
    outside: tuple[Outside, ...]
    broken: tuple[str, ...]
    """The files of the applications that have syntax errors: what they start may be out of sight."""

    def of(self, apps: Collection[MixApp | None]) -> ProcessForest:
        """The part that belongs to these apps, None standing for files of no app."""
        return structs.replace(
            self,
            trees=tuple(tree for tree in self.trees if tree.app in apps),
            homeless=tuple(homeless for homeless in self.homeless if homeless.app in apps),
            outside=tuple(start for start in self.outside if start.app in apps),
        )
