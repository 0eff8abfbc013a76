"""What the client functions of a process really do: run twice in the isolated copy, and compared.

What was the same both times is a value to expect; of anything else only the shape is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from otp_genesis_refactorers import mix
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.exunit.answers import Answer
from otp_genesis_refactorers.exunit.cases import (
    CRASH,
    Observations,
    Observed,
    in_turn,
    pairs,
    readers,
    writers,
)
from otp_genesis_refactorers.exunit.subject import SERVER, ClientFunction, Subject
from otp_genesis_refactorers.exunit.writing import CHANGE, CRASHES, Page, probe_text
from otp_genesis_refactorers.gates.running.experiment import Experiment
from otp_genesis_refactorers.gates.running.runs import how_it_ended, unheard
from otp_genesis_refactorers.mix.reports import reported
from otp_genesis_refactorers.sandbox.limits import Limits

_SCRIPT = Path(__file__).with_name("elixir") / "recording.ex"
_SEEDS = ("1", "2")
_LIMITS = Limits(timeout_seconds=120)
_MOST_CLIENTS = 30
_LONGEST_REASON = 120
_GET_STATE = f":sys.get_state({SERVER})"


class NotStarted(Struct, frozen=True):
    """The process does not come up as it is started."""

    reason: str


class _Recorded(Struct):
    id: str
    text: str = ""
    shape: str = ""
    raised: str = ""


class _Changed(_Recorded):
    field: str = ""


@dataclass(frozen=True)
class _Recording:
    values: Mapping[str, _Recorded]
    changed: tuple[_Changed, ...]

    def get(self, name: str) -> _Recorded | None:
        return self.values.get(name)

    def changes(self, name: str) -> Mapping[str, _Recorded]:
        return {each.field: each for each in self.changed if each.id == name}


def observed(
    subject: Subject, page: Page, experiment: Experiment, path: str
) -> Observations | NotStarted | Refused:
    """What each client function does to a fresh process; why that is not known.

    `path` is where a test of the project may lie.

    Raises ShadowError.
    """
    probe = probe_text(page, [scenario.steps(subject) for scenario in _scenarios(subject)])
    experiment.lay(experiment.contents, {path: probe.encode()})
    recordings: list[_Recording] = []
    for seed in _SEEDS:
        run, entries = mix.run_own_task(
            experiment.shadow,
            _SCRIPT,
            ["test", "--seed", seed, path],
            limits=_LIMITS,
            cancel=experiment.cancel,
        )
        experiment.log.append(run)
        silent = unheard(run)
        if silent is not None:
            return Refused(silent.reason)
        found = {each.id: each for each in reported(entries, "recorded", _Recorded)}
        if not found:
            why = _why(run.stdout)
            return NotStarted(f"it can't be started in a test: {why}") if why else Refused(how_it_ended(run))
        recordings.append(_Recording(found, tuple(reported(entries, "changed", _Changed))))
    return _compared(subject, *recordings)


class _Scenario(NamedTuple):
    """A fresh process, what is asked of it, and what the readers then see. The last call goes by `name`."""

    name: str
    clients: tuple[ClientFunction, ...]
    crashes: bool = False

    def steps(self, subject: Subject) -> list[tuple[str, str]]:
        """What is run, by the name under which it is reported."""
        names = [f"{self.name} {number}" for number in range(1, len(self.clients))] + [self.name]
        asked = [(name, client.call) for name, client in zip(names, self.clients, strict=False)]
        crash = [("", CRASHES), (f"{self.name} after", _GET_STATE)] if self.crashes else []
        seen = [(f"{self.name} {reader.id}", reader.call) for reader in readers(subject)]
        return [*asked, (self.name, CHANGE), *crash, *seen]


def _scenarios(subject: Subject) -> Iterator[_Scenario]:
    for client in subject.clients[:_MOST_CLIENTS]:
        yield _Scenario(client.id, (client,))
    for first, second in pairs(subject):
        yield _Scenario(in_turn(first, second), (first, second))
    yield _Scenario(CRASH, (), crashes=True)
    for writer in writers(subject):
        yield _Scenario(f"{CRASH} {writer.id}", (writer,), crashes=True)


def _compared(subject: Subject, one: _Recording, other: _Recording) -> Observations:
    """What was the same in both runs, by scenario; not what only happened to be."""
    varying = {client.id for client in subject.clients if subject.varies(client)}

    def answer(name: str, *asked: ClientFunction) -> Answer | None:
        same, recorded = _same(one.get(name), other.get(name)), one.get(name)
        if same is None or recorded is None or varying.isdisjoint(client.id for client in asked):
            return same
        return Answer(recorded.shape)

    observations: dict[str, Observed] = {}
    for scenario in _scenarios(subject):
        name, asked = scenario.name, scenario.clients
        if scenario.crashes and one.get(f"{name} after") is None:
            continue
        seen = {reader.id: answer(f"{name} {reader.id}", reader, *asked) for reader in readers(subject)}
        told = {reader: value for reader, value in seen.items() if value is not None}
        changes = {} if varying & {client.id for client in asked} else _changes(name, one, other)
        observations[name] = Observed(answer(name, *asked), _problem(scenario, one), changes, told)
    return observations


def _changes(name: str, one: _Recording, other: _Recording) -> dict[str, Answer]:
    again = other.changes(name)
    both = {field: _same(value, again.get(field)) for field, value in one.changes(name).items()}
    return {field: same for field, same in both.items() if same is not None}


def _problem(scenario: _Scenario, recording: _Recording) -> str:
    """How the call ended that gave nothing."""
    ran = recording.get(scenario.name)
    if not scenario.clients or ran is None:
        return "it was not reached"
    call = scenario.clients[-1].call.replace(SERVER, "pid")
    return f"called as {call} it ends in {_first_line(ran.raised)}"


def _same(one: _Recorded | None, other: _Recorded | None) -> Answer | None:
    """What both runs gave; None when one of them gave nothing."""
    if one is None or other is None or one.raised or other.raised:
        return None
    if one.text and one.text == other.text:
        return Answer(one.text, exact=True)
    return Answer(one.shape if one.shape == other.shape else "_")


def _why(output: str) -> str:
    """What ExUnit says of the first test that failed."""
    said = [line.strip() for line in output.splitlines()]
    if not any(line.startswith("1) test") for line in said):
        return ""
    reasons = [line for line in said if line.startswith("Reason: ") and not line.endswith(":")]
    raised = [line for line in said if line.startswith("** (")]
    return _first_line("\n".join([*reasons[:1], *raised[1:2], *raised]))


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = lines[0].removeprefix("** ") if lines else "an exception"
    return said if len(said) <= _LONGEST_REASON else f"{said[:_LONGEST_REASON]}…"
