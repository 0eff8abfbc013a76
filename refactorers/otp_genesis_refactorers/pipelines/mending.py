"""Asking a model for the fix of a finding, as the editor asks it; its answer is laid over the code base.

Whether it is any good is not asked here: a verify step says so, and the next round tells the model why not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import Field

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.pipelines.findings_data import find_again
from otp_genesis_refactorers.pipelines.here import Here
from otp_genesis_refactorers.pipelines.language.fields import Formula, Json, Text
from otp_genesis_refactorers.pipelines.language.model import Part
from otp_genesis_refactorers.pipelines.outcome import StepFailed

if TYPE_CHECKING:
    from otp_genesis_refactorers.codebase import Codebase
    from otp_genesis_refactorers.llm.mending.answer import ProposedFix
    from otp_genesis_refactorers.llm.mending.mend import Attempt, Task

_PROVIDERS = {"claude": "anthropic", "gemini": "google"}


class Mend(Part):
    """`again` undoes what the last answer has changed, and tells the model what was wrong with it."""

    finding: Json = Field(examples=["{{ item }}"])
    by: Text = Field(description="Who is asked: claude or gemini", examples=["claude"])
    again: Formula | bool = Field(
        default=False,
        description="Whether the last verification is of such an answer",
        examples=["not loop.first"],
    )
    advice: Text | None = Field(
        default=None, description="Said besides", examples=["{{ steps.verify_fix.text }}"]
    )


@dataclass(frozen=True)
class Proposal:
    title: str
    explanation: str
    test_file: str
    """Empty when it came without a test."""


async def mended(here: Here, mend: Mend) -> Proposal:
    """Ask, and lay the answer over the code base. Raises `StepFailed`."""
    from otp_genesis_refactorers.llm.asking import ask_for
    from otp_genesis_refactorers.llm.conversation import User
    from otp_genesis_refactorers.llm.mending.answer import ProposedFix
    from otp_genesis_refactorers.llm.mending.mend import request_for

    by = here.text(mend.by)
    if by not in _PROVIDERS:
        raise StepFailed(f"'by' gives {by!r:.60}: it has to be 'claude' or 'gemini'")
    again = mend.again if isinstance(mend.again, bool) else bool(here.value(mend.again))
    advice = here.text(mend.advice) if mend.advice else ""
    connection = await here.engine.models.connection(by, _PROVIDERS[by], here.path)
    given = here.value(mend.finding)
    task, failed = await here.in_thread(lambda _: _task(here, given, again=again))
    request, _ = await here.in_thread(lambda _: request_for(task, failed))
    if advice:
        fenced = task.fence.around("advice", advice)
        request = replace(request, messages=(*request.messages, User(fenced)))
    await here.tell_what_is_sent(connection, request)
    with here.engine.models.asked(connection):
        answer = await ask_for(connection, request, ProposedFix)
    return await here.in_thread(lambda _: _laid(here, task, answer.data))


def _task(here: Here, given: Any, *, again: bool) -> tuple[Task, Attempt | None]:
    """The finding as it was before the answers, and the last of them, which is undone."""
    from otp_genesis_refactorers.llm.mending.mend import Attempt, Task

    evidence, changed = here.code.evidence, here.codebase.changed
    failed = None
    if again:
        here.code.undo()
        contents = {path: content for path, content in changed.items() if content is not None}
        if contents:
            gate = (
                next((gate for gate in evidence.gates if gate.status == "fail"), None) if evidence else None
            )
            reason = f"{gate.name}: {gate.reason}" if gate else evidence.reason if evidence else ""
            failed = Attempt("model", "", "", contents, evidence, reason)
    codebase: Codebase = here.codebase
    finding = find_again(codebase, given)
    withholding = here.engine.models.withholding
    reason = withholding.reason(finding.path)
    if reason is not None:
        raise StepFailed(f"{finding.path} is not sent to a model: {reason}")
    task = Task(
        codebase.root,
        codebase.project,
        codebase.config.merged(also=(finding.code,)),
        finding,
        withholding,
        here.engine.models.fence,
    )
    return task, failed


def _laid(here: Here, task: Task, answer: ProposedFix) -> Proposal:
    from otp_genesis_refactorers.llm.mending.answer import contents_after
    from otp_genesis_refactorers.llm.mending.mend import test_path

    if answer.cannot and not answer.edits:
        raise StepFailed(f"the model sees no fix: {answer.cannot}", retry_asks_again=True)
    contents = contents_after(answer, task.project, task.root, task.withholding)
    if isinstance(contents, Refused):
        raise StepFailed(contents.reason, retry_asks_again=True)
    test = ""
    if answer.test.strip():
        test = test_path(task)
        contents[test] = f"{answer.test.strip()}\n".encode()
    refused = here.codebase.lay(contents)
    if refused is not None:
        raise StepFailed(refused.reason, retry_asks_again=True)
    if not here.codebase.changed:
        raise StepFailed("the model's edits change nothing", retry_asks_again=True)
    return Proposal(answer.headline, answer.explanation, test)
