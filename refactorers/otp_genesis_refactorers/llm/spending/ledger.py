"""What was spent, in the user's data folder, for the budgets of a run and of a day.

A call is entered with the most that it can cost before it is sent, and settled when it is over, so
that two processes never spend the same money. What a killed process left open stays as it was entered.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from otp_genesis_refactorers.llm.conversation import Usage
from otp_genesis_refactorers.llm.failures import BadSettings, BudgetExceeded
from otp_genesis_refactorers.llm.settings import Budget
from otp_genesis_refactorers.llm.spending.cost import NANODOLLARS_PER_DOLLAR, Cost
from otp_genesis_refactorers.machine.user_folders import data_folder

_SCHEMA = """
CREATE TABLE IF NOT EXISTS call (
    id INTEGER PRIMARY KEY, run TEXT NOT NULL, day TEXT NOT NULL, model TEXT NOT NULL,
    tokens INTEGER NOT NULL, nanodollars INTEGER
);
CREATE INDEX IF NOT EXISTS by_run ON call (run);
CREATE INDEX IF NOT EXISTS by_day ON call (day);
"""
_SUM = (
    "SELECT count(*), coalesce(sum(tokens), 0), coalesce(sum(nanodollars), 0), count(*) - count(nanodollars)"
    " FROM call"
)
_PATIENCE_SECONDS = 5


@dataclass(frozen=True)
class Spent:
    """So far, by this run and by all runs of today."""

    run: Cost
    day: Cost


@dataclass(frozen=True)
class Ledger:
    """All raise BadSettings where the record can't be read: a budget that isn't known to hold, doesn't."""

    run: str
    model_id: str
    budget: Budget
    file: Path = field(default_factory=lambda: data_folder() / "spending.sqlite3")

    def enter(self, worst: Usage, nanodollars: int | None) -> int:
        """Reserve what a call can take and cost at most, and give its number. Raises BudgetExceeded."""
        today = _today()
        with self._open() as table:
            table.execute("BEGIN IMMEDIATE")
            spent = _spent(table, self.run, today)
            self._refuse_beyond("this run", spent.run, worst, nanodollars)
            self._refuse_beyond("today", spent.day, worst, nanodollars)
            number = table.execute(
                "INSERT INTO call (run, day, model, tokens, nanodollars) VALUES (?, ?, ?, ?, ?)",
                (self.run, today, self.model_id, worst.total, nanodollars),
            ).lastrowid
            table.execute("COMMIT")
        assert number is not None
        return number

    def settle(self, number: int, usage: Usage, nanodollars: int | None) -> None:
        """Put what a call took and cost in the place of what it could have taken."""
        with self._open() as table:
            table.execute(
                "UPDATE call SET tokens = ?, nanodollars = ? WHERE id = ?",
                (usage.total, nanodollars, number),
            )

    def spent(self) -> Spent:
        with self._open() as table:
            return _spent(table, self.run, _today())

    def _refuse_beyond(self, when: str, spent: Cost, worst: Usage, nanodollars: int | None) -> None:
        is_run = when == "this run"
        most_tokens = self.budget.run_tokens if is_run else self.budget.day_tokens
        most_dollars = self.budget.run_dollars if is_run else self.budget.day_dollars
        name = "run" if is_run else "day"
        if spent.tokens + worst.total > most_tokens:
            raise BudgetExceeded(
                f"not sent: it could take {worst.total:,} tokens, and of the {most_tokens:,} for {when}"
                f" {spent.tokens:,} are spent; raise {name}_tokens in [models.budget] of your configuration"
            )
        costs = 0.0 if nanodollars is None else nanodollars / NANODOLLARS_PER_DOLLAR
        if nanodollars is not None and spent.dollars + costs > most_dollars:
            raise BudgetExceeded(
                f"not sent: it could cost ${costs:.2f}, and of the ${most_dollars:.2f} for {when}"
                f" ${spent.dollars:.2f} are spent; raise {name}_dollars in [models.budget] of your"
                " configuration"
            )

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            table = sqlite3.connect(self.file, timeout=_PATIENCE_SECONDS, isolation_level=None)
            try:
                table.execute("PRAGMA journal_mode = WAL")
                table.execute("PRAGMA synchronous = NORMAL")
                table.executescript(_SCHEMA)
                yield table
            finally:
                table.close()
        except (OSError, sqlite3.Error) as error:
            raise BadSettings(
                f"{self.file}: what was spent can't be recorded ({error}), so no model is asked; move the"
                " file away to begin anew"
            ) from None


def _today() -> str:
    return datetime.now().astimezone().date().isoformat()


def _spent(table: sqlite3.Connection, run: str, day: str) -> Spent:
    of_run = table.execute(f"{_SUM} WHERE run = ?", (run,)).fetchone()
    of_day = table.execute(f"{_SUM} WHERE day = ?", (day,)).fetchone()
    return Spent(_cost(*of_run), _cost(*of_day))


def _cost(calls: int, tokens: int, nanodollars: int, unpriced: int) -> Cost:
    return Cost(calls, tokens, nanodollars / NANODOLLARS_PER_DOLLAR, unpriced)
