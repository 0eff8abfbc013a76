"""What preset `seed` bans wherever it stands, whatever reason it has: each `spawn`, `send`, `Process.put`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.facts.calls.sites import Site, sites
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.findings import Finding, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.cards import Card

_SPAWNS = frozenset({"spawn", "spawn_link", "spawn_monitor", "spawn_opt", "spawn_request"})


class _Ban(NamedTuple):
    """`functions` by module; `instead` says what the seed asks for."""

    code: str
    functions: Mapping[str, Collection[str]]
    instead: str


_BANS = (
    _Ban(
        "OTP101",
        dict.fromkeys(("Kernel", "Process", "Node", ":erlang"), _SPAWNS),
        "start a task below a `Task.Supervisor`",
    ),
    _Ban(
        "OTP107",
        {"Process": ("put",), ":erlang": ("put",)},
        "keep it in the state of a process or hand it over as an argument",
    ),
    _Ban(
        "OTP401",
        dict.fromkeys(("Kernel", "Process", ":erlang"), ("send",)),
        "ask with `GenServer.call`, which confirms that the message was taken",
    ),
)
_WORDS = (b"spawn", b"send", b"put")


def banned(
    project: Project, config: Config, cards: Mapping[str, Card], path: str, found: Collection[Finding]
) -> Iterator[Finding]:
    """A warning for each banned call of a file, tests left out, that is not among the findings already."""
    if config.at(path)[0].preset != "seed" or project.role_of(path).is_test:
        return
    bans = [ban for ban in _BANS if ban.code in cards and config.selects(cards[ban.code], path)]
    reported = {(finding.code, finding.span) for finding in found if finding.path == path}
    content = _content(project, path)
    if not bans or not any(word in content for word in _WORDS):
        return
    for module in project.all_facts(path).modules:
        for site in sites(module):
            for ban in bans:
                if _is_of(ban, site.call) and (ban.code, site.call.head) not in reported:
                    yield _finding(ban, cards[ban.code], path, site, content)


def _is_of(ban: _Ban, call: Call) -> bool:
    return call.name in ban.functions.get(call.module, ())


def _content(project: Project, path: str) -> bytes:
    try:
        return project.read(path)
    except OSError:  # removed meanwhile
        return b""


def _finding(ban: _Ban, card: Card, path: str, site: Site, content: bytes) -> Finding:
    call = site.call
    written = content[call.span.start : call.span.end].decode("utf-8", "replace")
    return card.rule.report(
        path,
        call.head,
        f"`{call.target}` is banned by preset seed: {ban.instead}",
        snippet=written,
        scope=site.scope,
        severity=Severity.WARNING,
    )
