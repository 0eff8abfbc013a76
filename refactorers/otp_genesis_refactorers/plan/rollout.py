"""Phase 5 for what the other phases change: in which order to deploy, what to watch, how to go back.

Told from the items in the documents, not from the findings: an item that is done still has to be deployed,
one that a person skipped or deleted doesn't.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.plan.markdown import Document
from otp_genesis_refactorers.plan.model import PHASES, Section, State, Step
from otp_genesis_refactorers.plan.summary import counted, listed
from otp_genesis_refactorers.plan.wording import Wording, wording

_TITLES = "Order of deployment", "What to watch", "How to roll back"
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
_ROLL_BACK = "Make each item a commit of its own, so that `git revert` takes it back alone."


def rollout_sections(documents: Mapping[int, Document], project: Project) -> tuple[Section, ...]:
    """The sections of phase 5, from the documents of all phases by number."""
    steps = {number: _deployed_steps(document, project) for number, document in documents.items()}
    everything = [step for own in steps.values() for step in own]
    if not everything:
        return tuple(Section(title, "Nothing yet: no item changes what is deployed.") for title in _TITLES)
    watch = [*_by_rule(everything, lambda words: words.watch), _WATCH]
    roll_back = [_ROLL_BACK, *_by_rule(everything, lambda words: words.rollback)]
    bodies = _order(steps), _bullets(watch), _bullets(roll_back)
    return tuple(map(Section, _TITLES, bodies))


def _deployed_steps(document: Document, project: Project) -> list[Step]:
    """The steps that change more than tests, without those that a person skipped."""
    return [
        item.step
        for item in document.items
        if item.step.id and item.step.state is not State.SKIPPED and not _only_tests(item.step, project)
    ]


def _only_tests(step: Step, project: Project) -> bool:
    return bool(step.places) and all(project.role_of(place.path).is_test for place in step.places)


def _order(steps: Mapping[int, Sequence[Step]]) -> str:
    lines: list[str] = []
    for number, title, _ in PHASES:
        if not steps[number]:
            continue
        unsafe = [step.number for step in steps[number] if step.change and step.change.safety == "unsafe"]
        how = f" One at a time, for their change is unsafe: {listed(unsafe)}." if unsafe else ""
        total = counted(len(steps[number]), "item")
        lines.append(f"{len(lines) + 1}. {title}, {total}. {_ORDER[number]}{how}")
    return "\n".join([*lines, "", f"{_TESTS} {_RESTART}"])


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
