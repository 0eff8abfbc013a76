"""Findings that need judgement, mended by a model one after another, for a command that was given one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import uuid4

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from otp_genesis_analyzers.config import Config
    from otp_genesis_analyzers.findings import Finding
    from otp_genesis_refactorers.fix_all import FixResult
    from otp_genesis_refactorers.llm.connecting import Connection, Model
    from otp_genesis_refactorers.llm.mending.mend import Mended, Task
    from otp_genesis_refactorers.llm.privacy.fencing import Fence
    from otp_genesis_refactorers.llm.privacy.withholding import Withholding
    from otp_genesis_server.cli.analysis import Analysis
    from otp_genesis_server.cli.models.options import Asked


def preview(analysis: Analysis, config: Config, findings: Iterable[Finding], asked: Asked) -> str:
    """Word for word what would be sent first for each finding. Sends nothing."""
    run = _Run.of(analysis, config, asked, trust=False, contents={})
    texts = [text for finding in findings for text in run.texts(run.task(finding))]
    return "\n\n---\n\n".join(texts) + "\n"


def mended(
    analysis: Analysis,
    config: Config,
    findings: list[Finding],
    fixed: FixResult,
    asked: Asked,
    *,
    trust: bool,
) -> FixResult:
    """The result of the rules' own fixes, and of what a model has mended on top and was proven.

    What is proven counts as applied, the rest as refused with the reason and where the proposal is kept.
    """
    import asyncio

    run = _Run.of(analysis, config, asked, trust=trust, contents=fixed.changed)
    if findings:
        asyncio.run(run.all(findings))
    mended_ones = set(run.applied)
    before = {path for path in run.contents if path in analysis.project.files}
    return replace(
        fixed,
        changed=dict(sorted(run.contents.items())),
        original_hashes={path: _hash_of(analysis, path) for path in before},
        applied=(*fixed.applied, *run.applied),
        refused=(
            *((finding, reason) for finding, reason in fixed.refused if finding not in findings),
            *((finding, reason) for finding, reason in run.refused if finding not in mended_ones),
        ),
        notes=(*fixed.notes, *run.notes),
    )


@dataclass
class _Run:
    analysis: Analysis
    config: Config
    asked: Asked
    trust: bool
    model: Model
    withholding: Withholding
    fence: Fence
    contents: dict[str, bytes]
    """All that is changed so far."""
    applied: list[Finding] = field(default_factory=list["Finding"])
    refused: list[tuple[Finding, str]] = field(default_factory=list["tuple[Finding, str]"])
    notes: list[str] = field(default_factory=list[str])

    @classmethod
    def of(
        cls, analysis: Analysis, config: Config, asked: Asked, *, trust: bool, contents: Mapping[str, bytes]
    ) -> _Run:
        from otp_genesis_refactorers.llm.connecting import find_model
        from otp_genesis_refactorers.llm.failures import ModelFailure
        from otp_genesis_refactorers.llm.privacy.fencing import Fence
        from otp_genesis_refactorers.llm.privacy.withholding import Withholding

        root = analysis.target.root
        folders = [app.folder for app in analysis.project.apps if app.folder]
        try:
            model = find_model(asked.model, root, folders)
        except ModelFailure as failure:
            raise click.UsageError(str(failure)) from failure
        try:
            withholding = Withholding.of(root, os.environ)
        except OSError as error:
            raise click.UsageError(f"{error.filename} can't be read: {error.strerror}") from error
        return cls(analysis, config, asked, trust, model, withholding, Fence.fresh(), dict(contents))

    async def all(self, findings: list[Finding]) -> None:
        from otp_genesis_refactorers.llm.connecting import connect
        from otp_genesis_refactorers.llm.failures import ModelFailure

        asked = self.asked
        try:
            async with connect(
                self.model, f"fix {uuid4().hex}", record=asked.record, replay=asked.replay
            ) as connection:
                if asked.replay is None:
                    self._say_what_is_sent(findings)
                for finding in findings:
                    if await self._one(finding, connection):
                        break
                spent = connection.spent()
                _tell(f"spent: {spent.run} (today {spent.day})")
        except ModelFailure as failure:  # no key, or settings that make no sense: nothing was sent
            raise click.UsageError(str(failure)) from failure

    def task(self, finding: Finding) -> Task:
        """For the finding as it is in the project with all that is changed so far."""
        from otp_genesis_refactorers.applying.overlay import with_files
        from otp_genesis_refactorers.llm.mending.mend import Task
        from otp_genesis_refactorers.llm.playbooks import playbook_of

        project = self.analysis.project
        project = with_files(project, self.contents) if self.contents else project
        playbook = playbook_of(finding, project)
        way = playbook.way(self.asked.way) if playbook is not None and self.asked.way else None
        if self.asked.way and way is None:
            ways = ", ".join(each.name for each in playbook.ways) if playbook is not None else "none"
            raise click.UsageError(f"--way {self.asked.way!r}: {finding.code} here has {ways}")
        return Task(
            self.analysis.target.root,
            project,
            self.config,
            finding,
            self.withholding,
            self.fence,
            way=way,
            unsaved=dict(self.contents),
            trusted_for_this_run=self.trust,
            own_fix_first=False,
        )

    def texts(self, task: Task) -> list[str]:
        from otp_genesis_refactorers.llm.conversation import User
        from otp_genesis_refactorers.llm.mending.mend import request_for

        request, _ = request_for(task)
        return [request.system, *(each.text for each in request.messages if isinstance(each, User))]

    def _say_what_is_sent(self, findings: list[Finding]) -> None:
        from otp_genesis_refactorers.llm.mending.mend import request_for

        tasks = [self.task(finding) for finding in findings]
        files = sorted({path for task in tasks for path in request_for(task)[1].files})
        size = sum(len(text.encode()) for task in tasks for text in self.texts(task))
        model = self.model
        _tell(
            f"asking {model.title} ({model.id} at {model.host}) about {_counted(len(findings))}:"
            f" {', '.join(files) or 'no file'} ({size:,} bytes)"
        )

    async def _one(self, finding: Finding, connection: Connection) -> bool:
        """Mend one finding; whether the model failed, so that no other is asked about."""
        from otp_genesis_analyzers import engine
        from otp_genesis_refactorers.llm.mending.mend import mend

        now = self.task(finding).project
        there = {found.fingerprint: found for found in engine.check(now, self.config)}
        if finding.fingerprint not in there:
            self.refused.append((finding, "it is no longer found after the other fixes"))
            return False
        result = await mend(self.task(there[finding.fingerprint]), connection)
        self._keep(result)
        if result.accepted is not None:
            self.contents |= result.accepted.contents
            self.applied.append(finding)
            self.notes += filter(None, [_one_line(result.accepted.explanation)])
        else:
            self.refused.append((finding, self._why(result)))
        return result.is_cut_short

    def _keep(self, result: Mended) -> None:
        from otp_genesis_refactorers.proof import evidence

        for attempt in result.attempts:
            if attempt.evidence is not None:
                self._written(lambda kept=attempt.evidence: evidence.store(self.analysis.target.root, kept))

    def _why(self, result: Mended) -> str:
        from otp_genesis_refactorers.llm.mending.proposals import store

        if result.proposal is None:
            return result.reason
        file = self._written(lambda: store(result))
        return f"{result.reason}; the proposal is {file.with_suffix('.diff')}" if file else result.reason

    def _written(self, write: Callable[[], Path]) -> Path | None:
        try:
            return write()
        except OSError as error:
            _tell(f"{error.filename} could not be written: {error.strerror}")
            return None


def _counted(findings: int) -> str:
    return f"{findings} findings" if findings > 1 else "one finding"


def _hash_of(analysis: Analysis, path: str) -> str:
    from otp_genesis_refactorers.change import content_hash

    return content_hash(analysis.project.read(path))


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _tell(line: str) -> None:
    from otp_genesis_server.cli.places import printable

    click.echo(printable(line), err=True)
