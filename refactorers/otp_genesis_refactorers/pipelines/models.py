"""The models that a run asks: each connection once, what it has spent, the line that names what is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from otp_genesis_refactorers.pipelines.journal import Journal, StepReplies
from otp_genesis_refactorers.pipelines.language.model import Budget
from otp_genesis_refactorers.pipelines.outcome import StepFailed
from otp_genesis_refactorers.pipelines.problems import nearest

if TYPE_CHECKING:
    from otp_genesis_refactorers.llm.connecting import Connection, Model
    from otp_genesis_refactorers.llm.journal import Journal as Replies
    from otp_genesis_refactorers.llm.privacy.fencing import Fence
    from otp_genesis_refactorers.llm.privacy.withholding import Withholding


@dataclass(frozen=True)
class Spending:
    tokens: int = 0
    dollars: float | None = 0.0
    """None when the price of a call is not known."""


@dataclass
class Models:
    """Nothing of it is loaded before a model is first asked."""

    root: Path
    run: str
    journal: Journal
    budget: Budget = field(default_factory=Budget)
    """The pipeline's, which narrows the user's own."""
    replay: Path | None = None
    """A folder of replies that were recorded: with it nobody is asked."""
    record: Path | None = None
    _connections: dict[str, Connection] = field(default_factory=dict[str, "Connection"])
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)
    _spent: Spending = field(default_factory=Spending)
    _fence: Fence | None = None
    _withholding: Withholding | None = None

    async def close(self) -> None:
        await self._open.aclose()

    def spent(self) -> Spending:
        """So far, by this run; what an earlier process of it has spent counts too, once a model is asked."""
        return self._spent

    def note_spending(self, connection: Connection) -> None:
        cost = connection.spent().run
        self._spent = Spending(cost.tokens, None if cost.unpriced else cost.dollars)

    @property
    def fence(self) -> Fence:
        """One for the whole run."""
        from otp_genesis_refactorers.llm.privacy.fencing import Fence

        if self._fence is None:
            self._fence = Fence.fresh()
        return self._fence

    @property
    def withholding(self) -> Withholding:
        """What is not sent. Raises `StepFailed`."""
        from otp_genesis_refactorers.llm.privacy.withholding import Withholding

        if self._withholding is None:
            try:
                self._withholding = Withholding.of(self.root)
            except OSError as error:
                raise StepFailed(f"{error.filename} can't be read: {error.strerror}") from error
        return self._withholding

    @contextmanager
    def asked(self, connection: Connection) -> Generator[None]:
        """Around a question: what it cost is noted, and what a model lacks is a `StepFailed`."""
        from otp_genesis_refactorers.llm import failures

        of_no_use = (failures.Refused, failures.Truncated, failures.InvalidAnswer, failures.TooManyTurns)
        try:
            yield
        except of_no_use as failure:
            raise StepFailed(str(failure), retry_asks_again=True) from failure
        except failures.BudgetExceeded as failure:
            raise StepFailed(f"{failure} (the pipeline's own budget counts too)") from failure
        except failures.ModelFailure as failure:
            raise StepFailed(str(failure)) from failure
        finally:
            self.note_spending(connection)

    def of_provider(self, name: str | None, provider: str) -> str | None:
        """A name of the user's configuration when it is a model of this provider."""
        from otp_genesis_refactorers.llm.failures import BadSettings
        from otp_genesis_refactorers.llm.settings import load_settings

        try:
            known = load_settings().models.get(name or "")
        except BadSettings as failure:
            raise StepFailed(str(failure)) from failure
        return name if known is not None and known.provider == provider else None

    async def connection(self, name: str, provider: str, step: str) -> Connection:
        """To the model that the user has under this name, with the journal of a step.

        Raises `StepFailed`.
        """
        from otp_genesis_refactorers.llm.failures import ModelFailure

        async with self._opening:
            if name not in self._connections:
                try:
                    self._connections[name] = await self._connected(name)
                    self.note_spending(self._connections[name])
                except ModelFailure as failure:
                    raise StepFailed(str(failure)) from failure
            connection = self._connections[name]
        if connection.model.provider != provider:
            raise StepFailed(
                f"{name!r} is a model of {connection.model.title}, which this kind of step does not ask"
            )
        return replace(
            connection, journal=_StepJournal(self.journal.replies(self.run, step), connection.journal)
        )

    async def _connected(self, name: str) -> Connection:
        from otp_genesis_refactorers.llm.connecting import connect, find_model
        from otp_genesis_refactorers.llm.settings import load_settings

        known = load_settings().models
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near!r}?" if near else f"yours are {', '.join(sorted(known))}"
            raise StepFailed(
                f"there is no model {name!r} in your configuration: {hint} (a pipeline can't name others)"
            )
        model = self._within_budget(find_model(name, self.root))
        made = connect(model, self.run, record=self.record, replay=self.replay)
        return await self._open.enter_async_context(made)

    def _within_budget(self, model: Model) -> Model:
        """The user's budget, or the pipeline's where that is less."""
        from msgspec.structs import replace as replaced

        own, wished = model.budget, self.budget
        narrowed = replaced(
            own,
            run_dollars=min(own.run_dollars, wished.usd or own.run_dollars),
            run_tokens=min(own.run_tokens, wished.tokens or own.run_tokens),
        )
        return replace(model, budget=narrowed)


@dataclass(frozen=True)
class _StepJournal:
    """A step's own replies first; then those that were recorded, and the recording."""

    own: StepReplies
    others: Replies

    def find(self, key: str) -> bytes | None:
        kept = self.own.find(key)
        return self.others.find(key) if kept is None else kept

    def keep(self, key: str, reply: bytes, request: bytes) -> None:
        self.own.keep(key, reply, request)
        self.others.keep(key, reply, request)
