"""The tests of a process: a client function each, and the crash after which it comes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from otp_genesis_refactorers.exunit.answers import Answer, answers, field_left_behind
from otp_genesis_refactorers.exunit.starting import Starting
from otp_genesis_refactorers.exunit.subject import SERVER, ClientFunction, Subject

_GET_STATE = f":sys.get_state({SERVER})"
_GET_STATUS = f":sys.get_status({SERVER})"
_MOST_READERS = 8
_MOST_FIRST = 3
_LONGEST_VALUE = 70


@dataclass(frozen=True)
class Assertion:
    """`call` is Elixir text with `SERVER` for the process; of several answers one is expected."""

    call: str
    expected: tuple[Answer, ...]


@dataclass(frozen=True)
class Case:
    """One test: assertions one after another; those of `afterwards` once the process is back."""

    title: str
    assertions: tuple[Assertion, ...]
    crashes: bool = False
    afterwards: tuple[Assertion, ...] = ()
    function: str = ""
    """`name/arity` of the client function that it is about."""


@dataclass(frozen=True)
class Observed:
    """What running a client function on a fresh process has shown.

    `answer` is None when it ended in an exception; `changes` are the fields of the state that it has changed,
    under the empty name all of a state without fields; `seen` is what other functions answer then. Only what
    was the same twice is exact.
    """

    answer: Answer | None
    problem: str = ""
    changes: Mapping[str, Answer] = field(default_factory=dict[str, Answer])
    seen: Mapping[str, Answer] = field(default_factory=dict[str, Answer])


Observations = Mapping[str, Observed]
"""By `name/arity` of the client function, by `in_turn` for two of them; what is seen after a crash under
`CRASH`, and where a function was called before it, under `CRASH name/arity`."""
CRASH = "crash"


def readers(subject: Subject) -> list[ClientFunction]:
    """Functions that only ask, by which the work of others is seen."""
    return [client for client in subject.clients if client.waits and client.reads_only][:_MOST_READERS]


def writers(subject: Subject) -> list[ClientFunction]:
    """Functions that may change something, by which is seen what is left of it after a crash."""
    return [client for client in subject.clients if not client.reads_only][:_MOST_READERS]


def pairs(subject: Subject) -> list[tuple[ClientFunction, ClientFunction]]:
    """Functions one after another: what the second does may only show after the first."""
    every = writers(subject)
    return [(first, second) for second in every for first in every[:_MOST_FIRST] if first is not second]


def in_turn(first: ClientFunction, second: ClientFunction) -> str:
    """The name under which a pair is observed."""
    return f"{first.id} then {second.id}"


def _is_told(value: Answer) -> bool:
    return value.exact and len(value.text) <= _LONGEST_VALUE


def cases_from_facts(subject: Subject, start: Starting) -> tuple[list[Case], list[str]]:
    """The tests that nobody has to run to know their answers, and what is left out, with why."""
    cases: list[Case] = []
    left_out: list[str] = []
    serving: tuple[Assertion, ...] = ()
    for client in subject.clients:
        guess = subject.samples.guesses.get(client.id)
        if guess is not None:
            left_out.append(f"{client.id} is left out: what {guess} must be is decided out of sight")
            continue
        expected = answers(subject, client)
        field_set = field_left_behind(subject, client)
        assertions = [Assertion(client.call, expected)] if expected else []
        if field_set is not None and (expected or not client.waits):
            assertions = assertions or [Assertion(client.call, ())]
            assertions.append(Assertion(_GET_STATE, (field_set,)))
        elif not client.waits and expected:
            assertions.append(_still_there())
        if not assertions:
            left_out.append(f"{client.id} is left out: what it answers is only known by running it")
            continue
        if client.waits and expected and not serving:
            serving = (Assertion(client.call, expected),)
        cases.append(Case(_title(client, assertions[1:]), tuple(assertions), function=client.id))
    if start.comes_back:
        cases.append(Case(_CRASH_TITLE, (), True, serving or (_still_there(),)))
    return cases, left_out


def cases_observed(subject: Subject, start: Starting, observed: Observations) -> tuple[list[Case], list[str]]:
    """The tests by what was seen; where that says nothing, by the facts."""
    cases: list[Case] = []
    left_out: list[str] = []
    fresh = {
        client.id: seen.answer
        for client in subject.clients
        if (seen := observed.get(client.id)) is not None and seen.answer is not None
    }
    for client in subject.clients:
        seen = observed.get(client.id)
        if seen is None or seen.answer is None:
            why = seen.problem if seen is not None else "it was not run"
            left_out.append(f"{client.id} is left out: {why}")
            continue
        case = _case_of(subject, client, observed, fresh)
        if case is None:
            left_out.append(f"{client.id} is left out: nothing that it does is the same every time")
        else:
            cases.append(case)
    if start.comes_back and CRASH in observed:
        cases.append(_crash(subject, observed, fresh))
    return cases, left_out


def _case_of(
    subject: Subject, client: ClientFunction, observed: Observations, fresh: Mapping[str, Answer]
) -> Case | None:
    seen = observed[client.id]
    assert seen.answer is not None
    asked = tuple(_answered(client, seen.answer))
    shown = _shown(subject, seen, fresh)
    if shown is not None:
        reader, now = shown
        assertions = (*(asked or (Assertion(client.call, ()),)), Assertion(reader.call, (now,)))
        return Case(f"{client.id}, as {reader.id} shows", assertions, function=client.id)
    change = next(((name, value) for name, value in seen.changes.items() if _is_told(value)), None)
    if change is not None:
        name, value = change
        state = Assertion(f"{_GET_STATE}.{name}" if name else _GET_STATE, (value,))
        assertions = (*(asked or (Assertion(client.call, ()),)), state)
        return Case(_title(client, assertions[1:]), assertions, function=client.id)
    case = _after_another(subject, client, observed, fresh)
    if case is not None or not asked:
        return case
    assertions = asked if client.waits else (*asked, _still_there())
    return Case(_title(client, assertions[1:]), assertions, function=client.id)


def _after_another(
    subject: Subject, client: ClientFunction, observed: Observations, fresh: Mapping[str, Answer]
) -> Case | None:
    """What shows only after another function has changed something: a reset, a second call."""
    for first, second in pairs(subject):
        if second is not client:
            continue
        told, both = observed.get(first.id), observed.get(in_turn(first, second))
        if told is None or both is None or told.answer is None or both.answer is None:
            continue
        shown = _shown(subject, both, {**fresh, **told.seen})
        if shown is not None and _shown(subject, told, fresh) is not None:
            reader, now = shown
            asked = (*_answered(first, told.answer), *_answered(client, both.answer))
            title = f"{client.id} after {first.id}, as {reader.id} shows"
            return Case(title, (*asked, Assertion(reader.call, (now,))), function=client.id)
    return None


def _shown(
    subject: Subject, seen: Observed, before: Mapping[str, Answer]
) -> tuple[ClientFunction, Answer] | None:
    """The first function that answers something else now, and what."""
    for reader in readers(subject):
        now = seen.seen.get(reader.id)
        if now is not None and _is_told(now) and now != before.get(reader.id):
            return reader, now
    return None


def _crash(subject: Subject, observed: Observations, fresh: Mapping[str, Answer]) -> Case:
    """It is back with what it was told before, or without it, as it was seen."""
    for writer in writers(subject):
        told, back = observed.get(writer.id), observed.get(f"{CRASH} {writer.id}")
        shown = _shown(subject, told, fresh) if told is not None else None
        if shown is None or told is None or told.answer is None or back is None:
            continue
        reader, now = shown
        then = back.seen.get(reader.id)
        if then is not None and _is_told(then):
            before = (*_answered(writer, told.answer), Assertion(reader.call, (now,)))
            return Case(_CRASH_TITLE, before, True, (Assertion(reader.call, (then,)),))
    for reader in readers(subject):
        answer = observed[CRASH].seen.get(reader.id)
        if answer is not None and _is_told(answer):
            return Case(_CRASH_TITLE, (), True, (Assertion(reader.call, (answer,)),))
    return Case(_CRASH_TITLE, (), True, (_still_there(),))


_CRASH_TITLE = "comes back after a crash and serves"


def _answered(client: ClientFunction, answer: Answer) -> Iterator[Assertion]:
    if answer.text != "_":
        yield Assertion(client.call, (answer,))


def _still_there() -> Assertion:
    """It has taken all messages before this one, and answers."""
    return Assertion(_GET_STATUS, (Answer("{:status, _, _, _}"),))


def _title(client: ClientFunction, observed: Iterable[Assertion]) -> str:
    if any(each.call.startswith(_GET_STATE) for each in observed):
        return f"{client.id}, as the state shows"
    return f"{client.id} of a fresh process" if client.waits else f"{client.id} is taken"
