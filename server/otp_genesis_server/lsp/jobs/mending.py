"""A finding of the editor as a task for a model, and what would be sent for it. It runs in threads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from msgspec import structs

from otp_genesis_analyzers.findings import Finding
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.llm.conversation import Event, Restarted, TextArrived
from otp_genesis_refactorers.llm.mending.mend import Attempt, Task, change_of, request_for
from otp_genesis_refactorers.llm.playbooks import playbook_of
from otp_genesis_refactorers.llm.preview import Preview, preview
from otp_genesis_refactorers.llm.privacy.fencing import Fence
from otp_genesis_refactorers.llm.privacy.withholding import Withholding
from otp_genesis_server.lsp.jobs.verifying import Subject, same_finding
from otp_genesis_server.lsp.work.progress import REPORT_EVERY_SECONDS

if TYPE_CHECKING:
    from otp_genesis_refactorers.change import Change
    from otp_genesis_refactorers.llm.connecting import Model
    from otp_genesis_server.lsp.work.long_work import Work


@dataclass(frozen=True)
class Asking:
    """What is asked, ready to be sent."""

    task: Task
    preview: Preview
    files: tuple[str, ...]
    """Whose text is sent."""


def prepared(subject: Subject, finding: Finding, way: str, model: Model) -> Asking | Refused:
    """`way` names one of the finding's playbook, empty for the first. Raises OSError."""
    project = subject.project()
    same = same_finding(finding, subject, project)
    if same is None:
        return Refused(f"{finding.code} is not found where {subject.root} is looked at by itself")
    withholding = Withholding.of(subject.root)
    withheld = withholding.reason(same.path)
    if withheld is not None:
        return Refused(f"{same.path} is not sent to a model: {withheld}")
    playbook = playbook_of(same, project)
    chosen = playbook.way(way) if playbook is not None else None
    if way and chosen is None:
        return Refused(f"there is no way {way!r} to mend {same.code} here")
    task = Task(
        subject.root,
        project,
        project.config,
        same,
        withholding,
        Fence.fresh(),
        way=chosen,
        unsaved=subject.unsaved(),
        trusted_for_this_run=subject.trusted,
    )
    request, briefing = request_for(task)
    return Asking(task, preview(model, request), briefing.files)


def as_change(attempt: Attempt, asking: Asking, subject: Subject) -> Change:
    """An attempt as a change of the folder that is open."""
    change = change_of(attempt, asking.task.project)
    files = tuple(structs.replace(file, path=_in_snapshot(file.path, subject)) for file in change.files)
    return structs.replace(change, files=files)


def _in_snapshot(path: str, subject: Subject) -> str:
    return Path(os.path.relpath(subject.root / path, subject.snapshot.root)).as_posix()


@dataclass
class Said:
    """Shows in the progress bar how the answer comes along; what a model says is not shown there."""

    work: Work
    title: str
    characters: int = 0
    next_time: float = 0.0

    def event(self, event: Event) -> None:
        match event:
            case TextArrived(text):
                self.characters += len(text)
                if monotonic() >= self.next_time:
                    self.next_time = monotonic() + REPORT_EVERY_SECONDS
                    self.work.say(f"{self.title} answers: {self.characters:,} characters")
            case Restarted(reason, seconds):
                self.characters = 0
                wait = f", again in {seconds:.0f} s" if seconds >= 1 else ""
                self.work.say(f"{self.title}: {reason}{wait}")
            case _:
                pass

    def gate(self, name: str) -> None:
        self.work.say(f"checking: {name.replace('_', ' ')}")
