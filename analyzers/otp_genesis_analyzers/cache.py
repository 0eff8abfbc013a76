"""What earlier runs have read of one workspace, in one SQLite file. Data only, never code.

Nothing here raises: a cache that is corrupt, of another version of this tool, locked or not
writable is made anew or done without. Two processes may share one: each writes what it has read
in one transaction.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from time import time
from typing import Any, NamedTuple, TypeVar

import msgspec

from otp_genesis_analyzers.decoding import readable

_LOCKED_SECONDS = 2.0
"""How long another process may write before its cache is done without."""
_FORGOTTEN_SECONDS = 30 * 24 * 3600
"""After so long without use the cache of a workspace is deleted."""
_TABLES = (
    """CREATE TABLE files (
        path BLOB PRIMARY KEY, mtime_ns INTEGER, size INTEGER, inode INTEGER,
        content BLOB, settings BLOB, rules BLOB, broken INTEGER, analysis BLOB
    ) WITHOUT ROWID""",
    "CREATE TABLE answers (state BLOB, question BLOB, answer BLOB, PRIMARY KEY (state, question))",
)

_Answer = TypeVar("_Answer")


class Stamp(NamedTuple):
    """By what the content of a file on disk is known without reading it."""

    mtime_ns: int
    size: int
    inode: int


class Row(NamedTuple):
    """What is kept of one file, but for its analysis."""

    stamp: Stamp | None
    """None when it can't be told by its stamp that the file is still the same."""
    content: bytes
    """Hash of the content."""
    settings: bytes
    """Hash of what else the analysis depends on."""
    rules: bytes
    """Hash of the rules that it was read for; empty for all."""
    broken: bool

    @property
    def made_for(self) -> tuple[bytes, bytes, bytes]:
        return self.content, self.settings, self.rules


class Cache:
    """The cache in `file`, which need not exist; with None, one that keeps nothing.

    `made_by` names the program that fills it: what another one has kept is thrown away.
    """

    def __init__(self, file: Path | None, made_by: str) -> None:
        self._file = file
        self._version = int.from_bytes(content_hash(made_by.encode())[:4]) >> 1 | 1
        self._database: sqlite3.Connection | None = None
        self.open()

    @property
    def is_open(self) -> bool:
        return self._database is not None

    def open(self) -> None:
        """Open it again after `close`."""
        if self._database is None and self._file is not None:
            self._database = _opened(self._file, self._version)

    def close(self) -> None:
        if self._database is not None:
            with suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def rows(self) -> dict[str, Row]:
        """Everything kept, by path."""
        found = self._select(
            "SELECT path, mtime_ns, size, inode, content, settings, rules, broken FROM files"
        )
        try:
            return {
                os.fsdecode(path): Row(_stamp(*stamp), content, settings, rules, bool(broken))
                for path, *stamp, content, settings, rules, broken in found
            }
        except TypeError as error:
            self._give_up(sqlite3.DatabaseError(str(error)))
            return {}

    def analyses(self) -> dict[str, tuple[tuple[bytes, bytes, bytes], bytes]]:
        """By path: what the analysis was made for, as `Row.made_for` has it, and the encoded analysis."""
        found = self._select("SELECT path, content, settings, rules, analysis FROM files")
        return {os.fsdecode(path): ((*made_for,), blob) for path, *made_for, blob in found}

    def answer(self, state: bytes, question: str, kind: type[_Answer]) -> _Answer | None:
        """What was answered to `question` about a workspace in this state; None when that is not known."""
        found = self._select(
            "SELECT answer FROM answers WHERE state = ? AND question = ?", state, _key_of(question)
        )
        with suppress(msgspec.MsgspecError, ValueError):
            return msgspec.msgpack.decode(found[0][0], type=readable(kind)) if found else None
        return None

    def keep(
        self,
        rows: Iterable[tuple[str, Row, bytes]],
        gone: Iterable[str],
        state: bytes,
        question: str,
        answer: Any,
    ) -> None:
        """Keep these files with their encoded analyses and an answer about the state that this makes.

        Files that are gone, and answers about other states, are forgotten.
        """
        written = ((os.fsencode(path), *_columns(row.stamp), *row[1:], blob) for path, row, blob in rows)
        self._write(
            ("DELETE FROM files WHERE path = ?", ((os.fsencode(path),) for path in gone)),
            ("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", written),
            *_answered(state, question, answer),
        )

    def keep_answer(self, state: bytes, question: str, answer: Any) -> None:
        """Keep one more answer, and forget those about any other state."""
        self._write(*_answered(state, question, answer))

    def keep_stamps(self, stamps: Mapping[str, Stamp]) -> None:
        """Keep new stamps of files whose content is still the same."""
        values = ((*stamp, os.fsencode(path)) for path, stamp in stamps.items())
        self._write(("UPDATE files SET mtime_ns = ?, size = ?, inode = ? WHERE path = ?", values))

    def _select(self, query: str, *values: Any) -> list[Any]:
        try:
            return self._database.execute(query, values).fetchall() if self._database else []
        except sqlite3.Error as error:
            self._give_up(error)
            return []

    def _write(self, *steps: _Step) -> None:
        if self._database is None:
            return
        try:
            self._database.execute("BEGIN IMMEDIATE")
            for statement, values in steps:
                self._database.executemany(statement, values)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            self._give_up(error)
        except UnicodeEncodeError:  # the name of a file need not be text
            self._database.execute("ROLLBACK")

    def _give_up(self, error: sqlite3.Error) -> None:
        self.close()
        if self._file and not isinstance(error, sqlite3.OperationalError):  # not locked, not full: corrupt
            _delete(self._file)


def content_hash(content: bytes) -> bytes:
    return blake2b(content, digest_size=16).digest()


def _key_of(question: str) -> bytes:
    return content_hash(question.encode("utf-8", "surrogateescape"))


_Step = tuple[str, Iterable[tuple[Any, ...]]]
"""A statement, and the values that it is executed with."""


def _answered(state: bytes, question: str, answer: Any) -> tuple[_Step, _Step]:
    values = ((state, _key_of(question), msgspec.msgpack.encode(each)) for each in (answer,))
    return (
        ("DELETE FROM answers WHERE state <> ?", [(state,)]),
        ("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", values),
    )


def _columns(stamp: Stamp | None) -> Stamp:
    return stamp or Stamp(0, -1, 0)


def _stamp(mtime_ns: int, size: int, inode: int) -> Stamp | None:
    return Stamp(mtime_ns, size, inode) if size >= 0 else None


def _opened(file: Path, version: int) -> sqlite3.Connection | None:
    """A connection to the cache, in a file made anew where it is corrupt; None when it can't be had."""
    with suppress(OSError, sqlite3.OperationalError):
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            _delete_forgotten(file.parent)
        try:
            return _connected(file, version)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            _delete(file)
            with suppress(sqlite3.DatabaseError):
                return _connected(file, version)
    return None


def _connected(file: Path, version: int) -> sqlite3.Connection:
    database = sqlite3.connect(file, timeout=_LOCKED_SECONDS, isolation_level=None)
    try:
        if _version(database) != version:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("BEGIN IMMEDIATE")
            if _version(database) != version:  # no other process was quicker
                tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
                for (name,) in tables:
                    database.execute(f'DROP TABLE "{name}"')
                for table in _TABLES:
                    database.execute(table)
                database.execute(f"PRAGMA user_version = {version}")
            database.execute("COMMIT")
        database.execute("PRAGMA synchronous = NORMAL")
        os.utime(file)
    except BaseException:
        database.close()
        raise
    return database


def _version(database: sqlite3.Connection) -> int:
    return database.execute("PRAGMA user_version").fetchone()[0]


def _delete(file: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with suppress(OSError):
            file.with_name(file.name + suffix).unlink()


def _delete_forgotten(folder: Path) -> None:
    for file in folder.glob("*.sqlite"):
        with suppress(OSError):
            if file.stat().st_mtime < time() - _FORGOTTEN_SECONDS:
                _delete(file)
