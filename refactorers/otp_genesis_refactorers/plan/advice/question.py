"""What a model is asked about a plan: its items, the outline of the project, the heads of the files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from otp_genesis_refactorers.llm.asking import ask_for
from otp_genesis_refactorers.llm.context.outline import module_list, supervision_tree
from otp_genesis_refactorers.llm.context.surroundings import heads
from otp_genesis_refactorers.llm.conversation import Event, Request, User, ignore
from otp_genesis_refactorers.llm.playbooks import prompt
from otp_genesis_refactorers.llm.privacy.fencing import Fence
from otp_genesis_refactorers.llm.privacy.withholding import Withholding
from otp_genesis_refactorers.plan.advice.answer import PlanAnswer
from otp_genesis_refactorers.plan.advice.check import Advice, checked
from otp_genesis_refactorers.plan.model import Phase, Step

if TYPE_CHECKING:
    from collections.abc import Callable

    from otp_genesis_refactorers.llm.connecting import Connection
    from otp_genesis_refactorers.plan.draft import Draft

MOST_CHARACTERS = 96_000
_OUTLINE_SHARE, _ITEMS_SHARE = 4, 2
"""The outline takes at most one part in so many, the items at most as many of what is left."""


@dataclass(frozen=True)
class Question:
    """`files` are those of which something is told, sorted; `left_out` says what is not, a line each."""

    request: Request
    asked: Mapping[int, tuple[str, ...]]
    """The ids of the items that are told of, by phase."""
    files: tuple[str, ...]
    left_out: tuple[str, ...]


async def advice_on(
    draft: Draft, question: Question, connection: Connection, on_event: Callable[[Event], None] = ignore
) -> Advice:
    """Ask, and keep of the answer what fits the project. Raises a ModelFailure."""
    from dataclasses import replace

    request = replace(question.request, on_event=on_event)
    answer = await ask_for(connection, request, PlanAnswer)
    return checked(answer.data, question.asked, draft.project, connection.model.title)


def question_about(draft: Draft, withholding: Withholding, fence: Fence) -> Question:
    """Nothing of files that are withheld is told, nor their items. Raises OSError."""
    outline = _outline(draft, fence, MOST_CHARACTERS // _OUTLINE_SHARE)
    left = MOST_CHARACTERS - len(outline)
    told = [_PhaseTold.of(draft, phase, withholding, left // _ITEMS_SHARE) for phase in draft.phases]
    items = "\n\n".join(phase.text for phase in told if phase.text)
    left -= len(items)
    files = sorted({path for phase in told for path in phase.files})
    shown: list[str] = []
    for path in _by_weight(draft, files):
        text = withholding.masked(path, heads(draft.project, path).text).text
        if len(text) <= left:
            shown.append(fence.around(path, text))
            left -= len(text)
    request = Request(
        system=f"{prompt('plan')}\n{fence.rules}",
        messages=(
            User(outline, is_stable=True),
            User("\n\n".join([f"The goal: {draft.goal}", fence.around("items of the plan", items), *shown])),
        ),
        nonce=fence.nonce,
    )
    left_out = tuple(line for phase in told for line in phase.left_out)
    return Question(request, {phase.number: phase.ids for phase in told}, tuple(files), left_out)


@dataclass(frozen=True)
class _PhaseTold:
    number: int
    text: str
    ids: tuple[str, ...]
    files: frozenset[str]
    left_out: tuple[str, ...]

    @classmethod
    def of(cls, draft: Draft, phase: Phase, withholding: Withholding, most_characters: int) -> _PhaseTold:
        lines = [f"Phase {phase.number}: {phase.title}"]
        ids: list[str] = []
        files: set[str] = set()
        left_out: list[str] = []
        left = most_characters
        for step in draft.open_steps(phase):
            paths = {place.path for place in (*step.places, *step.related)}
            withheld = next(filter(None, map(withholding.reason, sorted(paths))), None)
            told = _told(step)
            left -= len(told)
            if withheld is not None or left < 0:
                left_out.append(f"{step.title}: {withheld or 'there is more to tell than fits'}")
                continue
            lines.append(told)
            ids.append(step.id)
            files |= paths
        text = "\n".join(lines) if ids else ""
        return cls(phase.number, text, tuple(ids), frozenset(files), tuple(left_out))


def _told(step: Step) -> str:
    places = ", ".join(f"{place.path}:{place.line} {place.about}" for place in step.places)
    safety = f" (there is a fix, {step.change.safety})" if step.change and step.change.text else ""
    return f"- item {step.id}: {step.title}{safety}\n  at {places}\n  {step.problem}"


def _outline(draft: Draft, fence: Fence, most_characters: int) -> str:
    project = draft.project
    apps = [app for app in project.apps if not app.umbrella] or [None]
    trees = "\n".join(filter(None, (supervision_tree(project, app) for app in apps)))
    tree = trees[:most_characters]
    left = most_characters - len(tree)
    modules = "\n".join(filter(None, (module_list(project, app, left // len(apps)) for app in apps)))
    return "\n\n".join(
        [
            "Its supervisors and their children:\n" + fence.around("supervision tree", tree or "none"),
            "Its modules:\n" + fence.around("modules", modules or "none"),
        ]
    )


def _by_weight(draft: Draft, files: list[str]) -> Iterator[str]:
    """The files with the most findings of structure first: those are what has to be taken apart."""
    weight = dict.fromkeys(files, 0)
    for finding in draft.findings:
        if finding.path in weight:
            weight[finding.path] += 100 if finding.phase == 3 else 1
    yield from sorted(files, key=lambda path: (-weight[path], path))
