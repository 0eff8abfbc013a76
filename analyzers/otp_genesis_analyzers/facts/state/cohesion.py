"""Which messages of a server belong together: those that touch the same state.

A field that no message writes ties nothing: every part of a divided server can have its copy.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from otp_genesis_analyzers.facts.state.server_state import ServerState
from otp_genesis_analyzers.facts.state.state_use import StateUse


@dataclass(frozen=True)
class Cluster:
    """Messages and the fields that they, and no other message, read or write; both sorted."""

    messages: tuple[str, ...]
    fields: tuple[str, ...]


def clusters(state: ServerState) -> tuple[Cluster, ...]:
    """The groups of messages that share no changing field, the largest first.

    Empty when some message hands the state as a whole to code out of sight, which may touch
    every field. Messages that touch no changing field are in no group.
    """
    uses = state.by_tag()
    if any(use.whole or "" in use.reads | use.writes for use in uses.values()):
        return ()
    touched = {tag: _changing(use, state) for tag, use in uses.items()}
    # A clause without a tag may take any message: what it touches is tied together.
    anonymous = [_changing(message.use, state) for message in state.messages if not message.tag]
    groups = _connected([fields for fields in [*touched.values(), *anonymous] if fields])
    found = (
        Cluster(tuple(sorted(tag for tag, fields in touched.items() if fields & group)), tuple(sorted(group)))
        for group in groups
    )
    return tuple(sorted(found, key=lambda cluster: (-len(cluster.messages), cluster.fields)))


def _changing(use: StateUse, state: ServerState) -> frozenset[str]:
    return (use.reads | use.writes) & state.changing


def _connected(sets: Iterable[frozenset[str]]) -> list[frozenset[str]]:
    """The sets, those that overlap joined until none do."""
    groups: list[frozenset[str]] = []
    for fields in sets:
        joined = frozenset(fields).union(*(group for group in groups if group & fields))
        groups = [*(group for group in groups if not group & fields), joined]
    return groups
