"""Phase 5 for what the other phases change: order of deployment, flags, what to watch, how to go back.

Told from the items in the documents, not from the findings: an item that is done still has to be deployed,
one that a person skipped or deleted doesn't.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.plan.deployment.flags import flags_of
from otp_genesis_refactorers.plan.deployment.signals import signals
from otp_genesis_refactorers.plan.deployment.start_order import ranks_of_files
from otp_genesis_refactorers.plan.inline import code
from otp_genesis_refactorers.plan.markdown import Document, part_name
from otp_genesis_refactorers.plan.model import PHASES, Section, State, Step
from otp_genesis_refactorers.plan.summary import counted, listed
from otp_genesis_refactorers.plan.wording import Wording, wording

_TITLES = "Order of deployment", "What to watch", "How to roll back"
FLAGS = "Behind a flag"
_RULE = re.compile(r"(OTP\d{3}) ([a-z0-9-]+)")
_ORDER = {
    1: "They change how the system behaves when something fails: deploy them first, and by themselves.",
    2: "First deploy code that writes the new store but can do without it, then code that relies on it.",
    3: "Keep the old module's public functions and let them delegate until every caller has moved.",
    4: "Deploy the receiver of a changed message before its sender, and keep the old clause for one release.",
    5: "Deploy them last, when the processes that they observe and configure have their final shape.",
}
_TESTS = "Items that change only tests are not among these."
_RESTART = (
    "A change of the supervision tree takes effect when the application starts: a hot upgrade alone adds no "
    "child to a running supervisor."
)
_WATCH = (
    "For every server that was changed: `:message_queue_len` of `Process.info/2`, and its restarts in the "
    "log, before and after the deployment."
)
_USE_FLAGS = (
    "{module} decides what is on. Put the call that an unsafe item changes behind a flag, with the old call "
    "in the other branch; what it adds to a supervision tree is started in both cases."
)
_NO_FLAGS = (
    "The project has no feature flags yet. Write one module of functions that read "
    "`Application.get_env/3` and default to the old way; put the call that an unsafe item changes behind "
    "one of them. What it adds to a supervision tree is started in both cases."
)
_UNSWITCHED = (
    "No flag can choose how a process is started or what it answers to. Deploy alone, roll back as below: "
    "{items}."
)
_SWITCHING_ON = (
    "Deploy with the flags off, then switch them on one at a time: on one node or for few users first, for "
    "everybody when a day has shown what is to be watched. Take the flag and the old branch out with the "
    "next release."
)
_FLAG_OFF = "What is behind a flag is taken back without a deployment: switch the flag off."
_ROLL_BACK = "Make each item a commit of its own, so that `git revert` takes it back alone."


def rollout_sections(documents: Mapping[int, Document], project: Project) -> tuple[Section, ...]:
    """The sections of phase 5, from the documents of all phases by number. Raises OSError."""
    steps = {number: _deployed_steps(document, project) for number, document in documents.items()}
    everything = [step for own in steps.values() for step in own]
    risky = [step for step in everything if _is_risky(step)]
    had_flags = any(part_name(FLAGS) in document.parts for document in documents.values())
    behind = [Section(FLAGS, _behind_flags(risky, project))] if risky or had_flags else []
    if not everything:
        nothing = [Section(title, "Nothing yet: no item changes what is deployed.") for title in _TITLES]
        return (*nothing, *behind)
    watch = [*_by_rule(everything, lambda words: words.watch), *_own_events(everything, project), _WATCH]
    roll_back = [_ROLL_BACK, *_by_rule(everything, lambda words: words.rollback)]
    if any(map(_can_be_switched, risky)):
        roll_back.append(_FLAG_OFF)
    bodies = _order(steps, ranks_of_files(project)), _bullets(watch), _bullets(roll_back)
    order, *others = map(Section, _TITLES, bodies)
    return (order, *behind, *others)


def _is_risky(step: Step) -> bool:
    return step.change is not None and step.change.safety == "unsafe"


def _behind_flags(steps: Sequence[Step], project: Project) -> str:
    """For each risky item the call that asks for its flag, and how far it is switched on."""
    if not steps:
        return "No item needs one."
    switched = [step for step in steps if _can_be_switched(step)]
    others = [step.number for step in steps if step not in switched]
    rest = [_UNSWITCHED.format(items=listed(others))] if others else []
    if not switched:
        return rest[0]
    flags = flags_of(project)
    where = _USE_FLAGS.format(module=code(flags.module)) if flags else _NO_FLAGS
    if flags and flags.path:
        where += f" It is in {code(flags.path)}: add what is asked for here."
    asks = flags.asks if flags else "Flags.%{flag}?()"
    calls = [f"- {step.number}: {code(asks.replace('%{flag}', _flag(step)))}" for step in switched]
    return "\n\n".join([where, "\n".join(calls), *rest, _SWITCHING_ON])


def _can_be_switched(step: Step) -> bool:
    rules = filter(None, (_RULE.fullmatch(place.about) for place in step.places))
    return all(wording(rule[2]).behind_flag for rule in rules)


def _flag(step: Step) -> str:
    """`uploads_1_2`: the file that the item is about, and its number."""
    file = PurePosixPath(step.places[0].path).stem if step.places else "change"
    words = re.sub(r"[^a-z0-9]+", "_", f"{file}_{step.number}".lower())
    return words.strip("_")


def _own_events(steps: Iterable[Step], project: Project) -> list[str]:
    found = signals(project, (place.path for step in steps for place in step.places))
    return [
        f"{code(event)}, of {listed([code(path) for path in paths])}: how often, and with what it ends,"
        " before and after."
        for event, paths in found.items()
    ]


def _deployed_steps(document: Document, project: Project) -> list[Step]:
    """The steps that change more than tests, without those that a person skipped."""
    return [
        item.step
        for item in document.items
        if item.step.id and item.step.state is not State.SKIPPED and not _only_tests(item.step, project)
    ]


def _only_tests(step: Step, project: Project) -> bool:
    return bool(step.places) and all(project.role_of(place.path).is_test for place in step.places)


def _order(steps: Mapping[int, Sequence[Step]], ranks: Mapping[str, int]) -> str:
    lines: list[str] = []
    for number, title, _ in PHASES:
        if not steps[number]:
            continue
        unsafe = [step.number for step in steps[number] if _is_risky(step)]
        how = f" One at a time, for their change is unsafe: {listed(unsafe)}." if unsafe else ""
        total = counted(len(steps[number]), "item")
        lines.append(
            f"{len(lines) + 1}. {title}, {total}. {_ORDER[number]}{how}{_as_started(steps[number], ranks)}"
        )
    return "\n".join([*lines, "", f"{_TESTS} {_RESTART}"])


def _as_started(steps: Sequence[Step], ranks: Mapping[str, int]) -> str:
    """The items in the order in which the tree starts what they change: a child may need those before it."""
    first = {
        step.number: min(own)
        for step in steps
        if step.number and (own := [ranks[place.path] for place in step.places if place.path in ranks])
    }
    if len(set(first.values())) < 2:
        return ""
    numbers = sorted(first, key=lambda number: first[number])
    return f" In the order in which the supervisors start what they change: {', '.join(numbers)}."


def _by_rule(steps: Iterable[Step], words_of: Callable[[Wording], str]) -> list[str]:
    """Each text once, after the codes of the rules that share it."""
    rules = {place.about for step in steps for place in step.places}
    codes: dict[str, list[str]] = {}
    for rule in filter(None, map(_RULE.fullmatch, sorted(rules))):
        text = words_of(wording(rule[2]))
        if text:
            codes.setdefault(text, []).append(rule[1])
    return [f"{listed(sharing)}: {text}" for text, sharing in codes.items()]


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
