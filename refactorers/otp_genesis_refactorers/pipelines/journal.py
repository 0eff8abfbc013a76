"""What a run has done, kept so that a run that is killed at any moment can be taken up again.

One SQLite file in the user's data folder. What is committed there is on the disk: a step is only done when
its outcome stands here, and a model's reply is kept before anybody looks at it, so that none is paid twice.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from threading import Lock
from typing import Any, Literal

from otp_genesis_refactorers.machine.user_folders import data_folder
from otp_genesis_refactorers.pipelines.outcome import Outcome

RunStatus = Literal["running", "done", "failed", "cancelled", "interrupted"]
KEPT_DAYS = 90
"""How long the user can look at a run, or take it up."""
_BUSY_SECONDS = 30
_TABLES = """
create table if not exists run (
  id text primary key, pipeline text not null, file text not null, pipeline_hash text not null,
  root text not null, given text not null, base_commit text not null, branch text not null,
  status text not null, reason text not null, began real not null, ended real,
  steps_done integer not null default 0, tokens integer not null default 0,
  dollars real
);
create table if not exists step (
  run text not null, path text not null, attempt integer not null, type text not null,
  input_hash text not null, status text not null,
  outcome text not null default '', state text not null default '',
  began real not null, ended real, primary key (run, path, attempt)
);
create table if not exists reply (
  run text not null, step text not null, key text not null, reply blob not null,
  is_void integer not null default 0, at real not null, primary key (run, step, key)
);
create table if not exists intent (
  run text not null, step text not null, what text not null, primary key (run, step)
);
"""


@dataclass(frozen=True)
class RunRecord:
    id: str
    pipeline: str
    """Its name, as in the file."""
    file: str
    """A path, or the name of a built-in pipeline."""
    pipeline_hash: str
    root: str
    given: Mapping[str, Any]
    base_commit: str
    branch: str
    """Empty where nothing was committed."""
    status: RunStatus
    reason: str
    """Why it failed, one line."""
    began: datetime
    ended: datetime | None
    steps_done: int
    tokens: int
    dollars: float | None


@dataclass(frozen=True)
class StepRecord:
    path: str
    attempt: int
    type: str
    status: str
    """`running` where it was cut short."""
    outcome: Outcome | None
    state: str
    """Of the code base behind it, as `RunState` writes it; empty where it did not change."""
    seconds: float | None


@dataclass(frozen=True)
class StepResult:
    path: str
    status: str
    error: str
    commit: str
    message: str
    files: tuple[str, ...]
    """What it has written."""


class RunBusy(Exception):
    """Another process is running it."""


def new_run_id() -> str:
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{token_hex(2)}"


class Journal:
    """All runs of this user. Raises sqlite3.Error when the file is no journal or can't be written."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or data_folder() / "runs"
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = Lock()
        self._database = sqlite3.connect(
            self.folder / "journal.sqlite",
            timeout=_BUSY_SECONDS,
            check_same_thread=False,
            isolation_level=None,
        )
        self._database.execute("pragma journal_mode=wal")
        self._database.execute("pragma synchronous=full")
        self._database.executescript(_TABLES)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def folder_of(self, run: str) -> Path:
        """A folder of the run's own, for what it makes."""
        folder = self.folder / run
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return folder

    @contextmanager
    def held(self, run: str) -> Generator[None]:
        """This process alone runs it; the kernel lets go when it dies. Raises RunBusy."""
        handle = os.open(self.folder_of(run) / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RunBusy(
                    f"the run {run} is under way in another process: wait for it, or end it"
                ) from error
            yield
        finally:
            os.close(handle)

    def begin(
        self, run: str, pipeline: str, file: str, pipeline_hash: str, root: Path, given: Mapping[str, Any]
    ) -> None:
        """A new run, or one that is taken up again, with what it is given now."""
        self._do(
            "insert into run (id, pipeline, file, pipeline_hash, root, given, base_commit, branch, status,"
            " reason, began) values (?, ?, ?, ?, ?, ?, '', '', 'running', '', ?)"
            " on conflict (id) do update set"
            " pipeline_hash = excluded.pipeline_hash, given = excluded.given, status = 'running',"
            " reason = '', ended = null",
            (
                run,
                pipeline,
                file,
                pipeline_hash,
                str(root),
                json.dumps(given, ensure_ascii=False),
                time.time(),
            ),
        )

    def forget_old(self, days: float = KEPT_DAYS) -> None:
        """Drop runs that ended or broke off so long ago, what they made, the replies they paid for."""
        before = time.time() - days * 24 * 3600
        for (run,) in self._rows("select id from run where coalesce(ended, began) < ?", (before,)):
            try:
                with self.held(run):
                    for table, column in (
                        ("step", "run"),
                        ("reply", "run"),
                        ("intent", "run"),
                        ("run", "id"),
                    ):
                        self._do(f"delete from {table} where {column} = ?", (run,))
                    shutil.rmtree(self.folder / run, ignore_errors=True)
            except RunBusy:
                continue

    def note_commit(self, run: str, base_commit: str, branch: str) -> None:
        self._do("update run set base_commit = ?, branch = ? where id = ?", (base_commit, branch, run))

    def note_progress(self, run: str, steps_done: int, tokens: int, dollars: float | None) -> None:
        self._do(
            "update run set steps_done = ?, tokens = ?, dollars = ? where id = ?",
            (steps_done, tokens, dollars, run),
        )

    def end(self, run: str, status: RunStatus, reason: str = "") -> None:
        self._do(
            "update run set status = ?, reason = ?, ended = ? where id = ?",
            (status, reason, time.time(), run),
        )

    def runs(self) -> list[RunRecord]:
        """The newest first."""
        return [self._record(row) for row in self._rows("select * from run order by began desc, id desc", ())]

    def run(self, run: str) -> RunRecord | None:
        """The run of this id, or the only one that begins so."""
        rows = self._rows("select * from run where id = ? or substr(id, 1, ?) = ?", (run, len(run), run))
        exact = [row for row in rows if row[0] == run]
        return self._record((exact or rows)[0]) if exact or len(rows) == 1 else None

    def steps(self, run: str) -> list[StepRecord]:
        """All attempts, in the order in which they began."""
        rows = self._rows(
            "select path, attempt, type, status, outcome, state, began, ended from step where run = ?"
            " order by began, rowid",
            (run,),
        )
        return [_step(row) for row in rows]

    def results(self, run: str) -> Iterator[StepResult]:
        """What is to be said of the last attempts, in the order in which the steps began.

        Outcomes may be large and many, so they are not read here.
        """
        rows = self._rows(
            "select path, status, json_extract(outcome, '$[3]'), json_extract(outcome, '$[1].commit'),"
            " json_extract(outcome, '$[1].message'), json_extract(outcome, '$[1].documents'),"
            " json_extract(outcome, '$[1].output_file') from step as last where run = ? and outcome != '' and"
            " attempt = (select max(attempt) from step where run = last.run and path = last.path)"
            " order by began, rowid",
            (run,),
        )
        for path, status, error, commit, message, documents, output_file in rows:
            files = [*json.loads(documents or "[]"), *([output_file] if output_file else [])]
            yield StepResult(path, status, error or "", commit or "", message or "", tuple(files))

    def last_outcome(self, run: str, path: str) -> Outcome | None:
        rows = self._rows(
            "select outcome from step where run = ? and path = ? and outcome != ''"
            " order by attempt desc limit 1",
            (run, path),
        )
        return Outcome.load(rows[0][0]) if rows else None

    def done(self, run: str, path: str, input_hash: str) -> StepRecord | None:
        """The step when it has come to its end with these inputs."""
        rows = self._rows(
            "select path, attempt, type, status, outcome, state, began, ended from step"
            " where run = ? and path = ? and input_hash = ? and outcome != '' and status != 'broken'"
            " order by attempt desc limit 1",
            (run, path, input_hash),
        )
        return _step(rows[0]) if rows else None

    def step_began(self, run: str, path: str, type_: str, input_hash: str) -> int:
        """Gives the number of the attempt, from 1."""
        rows = self._rows(
            "select coalesce(max(attempt), 0) from step where run = ? and path = ?", (run, path)
        )
        attempt: int = rows[0][0] + 1
        self._do(
            "insert into step (run, path, attempt, type, input_hash, status, began)"
            " values (?, ?, ?, ?, ?, 'running', ?)",
            (run, path, attempt, type_, input_hash, time.time()),
        )
        return attempt

    def step_ended(
        self, run: str, path: str, attempt: int, outcome: Outcome, state: str, *, broken: bool
    ) -> None:
        """`broken` steps are run again when the run is taken up."""
        self._do(
            "update step set status = ?, outcome = ?, state = ?, ended = ?"
            " where run = ? and path = ? and attempt = ?",
            ("broken" if broken else outcome.status, outcome.dump(), state, time.time(), run, path, attempt),
        )

    def intend(self, run: str, step: str, what: Mapping[str, Any]) -> None:
        """Before a step has an effect outside: what it is about to do."""
        self._do("insert or replace into intent values (?, ?, ?)", (run, step, json.dumps(what)))

    def intended(self, run: str, step: str) -> Mapping[str, Any] | None:
        rows = self._rows("select what from intent where run = ? and step = ?", (run, step))
        return json.loads(rows[0][0]) if rows else None

    def replies(self, run: str, step: str) -> StepReplies:
        return StepReplies(self, run, step)

    def _record(self, row: tuple[Any, ...]) -> RunRecord:
        (
            id_,
            pipeline,
            file,
            hash_,
            root,
            given,
            base,
            branch,
            status,
            reason,
            began,
            ended,
            steps,
            tokens,
            usd,
        ) = row
        if status == "running" and not self._is_held(id_):
            status = "interrupted"
        return RunRecord(
            id_, pipeline, file, hash_, root, json.loads(given), base, branch, status, reason,
            _time(began), _time(ended) if ended else None, steps, tokens, usd,
        )  # fmt: skip

    def _is_held(self, run: str) -> bool:
        try:
            with self.held(run):
                return False
        except RunBusy:
            return True

    def _rows(self, statement: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    def _do(self, statement: str, values: tuple[Any, ...]) -> None:
        with self._lock:
            self._database.execute(statement, values)


@dataclass(frozen=True)
class StepReplies:
    """The replies of one step: what `llm.journal` asks of a journal."""

    _journal: Journal
    _run: str
    _step: str

    def find(self, key: str) -> bytes | None:
        rows = self._journal._rows(  # pyright: ignore[reportPrivateUsage]
            "select reply from reply where run = ? and step = ? and key = ? and not is_void",
            (self._run, self._step, key),
        )
        return bytes(rows[0][0]) if rows else None

    def keep(self, key: str, reply: bytes, request: bytes) -> None:
        self._journal._do(  # pyright: ignore[reportPrivateUsage]
            "insert or replace into reply (run, step, key, reply, at) values (?, ?, ?, ?, ?)",
            (self._run, self._step, key, reply, time.time()),
        )

    def void(self) -> None:
        """They are of no use: another attempt asks again."""
        self._journal._do(  # pyright: ignore[reportPrivateUsage]
            "update reply set is_void = 1 where run = ? and step = ?", (self._run, self._step)
        )


def _step(row: tuple[Any, ...]) -> StepRecord:
    path, attempt, type_, status, outcome, state, began, ended = row
    seconds = round(ended - began, 3) if ended else None
    return StepRecord(
        path, attempt, type_, status, Outcome.load(outcome) if outcome else None, state, seconds
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
