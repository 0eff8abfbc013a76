"""What a step gets to work with: the values around it, the code base, models, and its own inner steps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, TypeVar

from otp_genesis_refactorers.codebase import Codebase
from otp_genesis_refactorers.pipelines.code_state import CodeState
from otp_genesis_refactorers.pipelines.language.conditions import Condition, holds
from otp_genesis_refactorers.pipelines.language.expressions import Expression, Unknown
from otp_genesis_refactorers.pipelines.language.templates import Data, Template, value_of
from otp_genesis_refactorers.pipelines.outcome import Outcome, StepFailed
from otp_genesis_refactorers.pipelines.scope import Scope

if TYPE_CHECKING:
    from otp_genesis_refactorers.llm.connecting import Connection
    from otp_genesis_refactorers.llm.conversation import Request
    from otp_genesis_refactorers.pipelines.engine import Engine
    from otp_genesis_refactorers.pipelines.language.loading import Pipeline
    from otp_genesis_refactorers.pipelines.language.model import Step

_Result = TypeVar("_Result")
MAX_FILE_BYTES = 16 << 20


@dataclass(frozen=True)
class Here:
    """One step in one run."""

    engine: Engine
    pipeline: Pipeline
    scope: Scope
    path: str
    """Of the step: `each_task[3]/refactor`."""

    @property
    def code(self) -> CodeState:
        return self.engine.code

    @property
    def codebase(self) -> Codebase:
        """Raises `StepFailed` where there is none."""
        return self.engine.code.codebase

    def text(self, template: Template) -> str:
        """Raises `StepFailed`."""
        return self._known(template.text)

    def value(self, data: Data | Expression) -> Any:
        """Raises `StepFailed`."""
        if isinstance(data, Expression):
            return self._known(data.value)
        return self._known(lambda names: value_of(data, names))

    def holds(self, condition: Condition) -> bool:
        """Raises `StepFailed` when that can't be told."""
        return self._known(lambda names: holds(condition, names))

    async def in_thread(self, work: Callable[[Event], _Result]) -> _Result:
        """Do what takes long. When the step is cancelled the event is set, and the end of it waited for."""
        given_up = Event()
        running = asyncio.get_running_loop().run_in_executor(self.engine.threads, work, given_up)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            given_up.set()
            await asyncio.wait([running])
            raise

    async def run_steps(self, steps: tuple[Step, ...], scope: Scope, below: str = "") -> Scope:
        """Run inner steps one after another. Raises `StepFailed`."""
        path = f"{self.path}{below}"
        return await self.engine.run_steps(steps, replace(self, scope=scope, path=path))

    def say(self, doing: str) -> None:
        """What is being done, for who watches."""
        self.engine.report(self.path, doing)

    async def tell_what_is_sent(self, connection: Connection, request: Request) -> None:
        """One line for the user, before it is sent: to whom, which files, how much; or a question.

        Raises `StepFailed` when the user says no.
        """
        from otp_genesis_refactorers.llm.preview import preview

        if self.engine.models.replay is not None:
            return
        shown = await self.in_thread(lambda _: preview(connection.model, request))
        if self.engine.may_send is None:
            self.engine.on_note(f"{self.path}: {shown}")
        elif not await self.engine.may_send(connection.model, shown):
            raise StepFailed(f"you did not let it be sent to {connection.model.title}")

    async def file(self, path: str) -> bytes:
        """A file that the user gave, one of this run's own, or one of the code base. Raises `StepFailed`."""
        outside = self._outside(path)
        if outside is None:
            content = await self.in_thread(lambda _: self.codebase.content(path))
            if not isinstance(content, bytes):
                raise StepFailed(content.reason)
            return content
        try:
            if outside.stat().st_size > MAX_FILE_BYTES:
                raise StepFailed(f"{path} has more than {MAX_FILE_BYTES >> 20} MiB: too much for a prompt")
            return await self.in_thread(lambda _: outside.read_bytes())
        except OSError as error:
            raise StepFailed(f"{path} can't be read: {error.strerror}") from error

    def own_file(self, path: str) -> Path:
        """A place in the run's folder. Raises `StepFailed` when the path leads out of it."""
        folder = self.engine.output_folder
        file = (folder / path).resolve()
        if not file.is_relative_to(folder.resolve()) or file == folder.resolve():
            raise StepFailed(
                f"{path!r} is no file in the run's folder: write a plain name, as in 'review.md'"
            )
        return file

    def _outside(self, path: str) -> Path | None:
        """A file that is not the code base's: one that the user named, or one of the run's folder."""
        if path in self.engine.granted_files:
            return Path(path)
        own = (self.engine.output_folder / path).resolve()
        if own.is_relative_to(self.engine.output_folder.resolve()) and own.is_file():
            return own
        return None

    def _known(self, compute: Callable[[Mapping[str, Any]], _Result]) -> _Result:
        try:
            return compute(self.scope.names(self.engine.described()))
        except Unknown as error:
            raise StepFailed(str(error)) from error


def previous(scope: Scope, name: str, *, early: bool) -> Outcome | None:
    """What a step has given; None when it was not run."""
    return scope.earlier_round.get(name) if early else scope.steps.get(name)
