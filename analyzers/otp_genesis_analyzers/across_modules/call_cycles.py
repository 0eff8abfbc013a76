"""Servers that wait for each other: the cycles of calls between the servers of a project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from otp_genesis_analyzers.across_modules.asks import Ask, asks
from otp_genesis_analyzers.project import Project

_NEVER_IN_A_CYCLE = frozenset({"terminate/2", "terminate/3"})
"""What runs at the end of a server, when the other one is hardly in the middle of a call."""

Cycle = tuple[Ask, ...]
"""Each hop waits for the server of the next, the last for that of the first."""


def call_cycles(project: Project) -> Iterator[Cycle]:
    """A shortest cycle for each pair of servers of which one waits for the other in a cycle."""
    hops: dict[str, dict[str, Ask]] = {}
    for ask in asks(project):
        if ask.callback.id not in _NEVER_IN_A_CYCLE:
            known = hops.setdefault(ask.entry.module.name, {}).get(ask.server.module.name)
            if known is None or _is_surer(ask, known):
                hops[ask.entry.module.name][ask.server.module.name] = ask
    for targets in hops.values():
        for ask in targets.values():
            back = _way(hops, ask.server.module.name, ask.entry.module.name)
            if back is not None:
                yield ask, *back


def _is_surer(ask: Ask, known: Ask) -> bool:
    return ask.by_name and not known.by_name


def _way(hops: Mapping[str, Mapping[str, Ask]], start: str, end: str) -> Cycle | None:
    """A shortest way from one server to another."""
    ways: dict[str, Cycle] = {start: ()}
    waiting = [start]
    for server in waiting:
        for target, ask in hops.get(server, {}).items():
            if target == end:
                return (*ways[server], ask)
            if target not in ways:
                ways[target] = (*ways[server], ask)
                waiting.append(target)
    return None
