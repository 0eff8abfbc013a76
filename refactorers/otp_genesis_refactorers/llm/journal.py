"""Replies that are kept: for a run that is resumed, for a recording, for a replay.

A reply is kept before anything looks into it, so that what was paid for is never asked for again.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

import msgspec

from otp_genesis_analyzers.decoding import readable
from otp_genesis_refactorers.llm.conversation import Assistant, Message, Reply, Request, Stop, Usage
from otp_genesis_refactorers.llm.failures import BadSettings, NotRecorded


class Journal(Protocol):
    """Where replies are kept, by a key that is the same for the same request."""

    def find(self, key: str) -> bytes | None:
        """The reply that is kept under this key, if one is."""
        ...

    def keep(self, key: str, reply: bytes, request: bytes) -> None:
        """Keep the reply so that it outlives this process; it is looked at after that.

        `request` is what was asked, as JSON, for people who want to read it.
        """
        ...


class NoJournal:
    """Keeps nothing."""

    def find(self, key: str) -> bytes | None:
        return None

    def keep(self, key: str, reply: bytes, request: bytes) -> None:
        return


@dataclass(frozen=True)
class Recording:
    """Keeps replies as files of a folder, to be replayed."""

    folder: Path

    def find(self, key: str) -> bytes | None:
        return None

    def keep(self, key: str, reply: bytes, request: bytes) -> None:
        """Raises BadSettings where nothing can be written."""
        recorded = {"request": msgspec.Raw(request), "reply": msgspec.Raw(reply)}
        content = msgspec.json.format(msgspec.json.encode(recorded), indent=2)
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=self.folder)
            with os.fdopen(handle, "wb") as new:
                new.write(content)
            Path(name).replace(_file(self.folder, key))
        except OSError as error:
            raise BadSettings(f"nothing can be recorded in {self.folder}: {error.strerror}") from None


@dataclass(frozen=True)
class Replay:
    """Gives recorded replies and nothing else: with it no request is ever sent."""

    folder: Path

    def find(self, key: str) -> bytes:
        """Raises NotRecorded, and BadSettings for a file that is no recording."""
        file = _file(self.folder, key)
        try:
            recorded = msgspec.json.decode(file.read_bytes(), type=readable(dict[str, msgspec.Raw]))
            return bytes(recorded["reply"])
        except FileNotFoundError:
            raise NotRecorded(
                f"{self.folder} has no reply to this request ({key}): it was not recorded, or what is asked"
                " has changed since"
            ) from None
        except (OSError, ValueError, KeyError) as error:
            raise BadSettings(f"{file} is no recorded reply: {error}") from None

    def keep(self, key: str, reply: bytes, request: bytes) -> None:
        raise AssertionError("a replay asks nobody")


@dataclass(frozen=True)
class Both:
    """Finds in the first, keeps in both."""

    first: Journal
    second: Journal

    def find(self, key: str) -> bytes | None:
        return self.first.find(key)

    def keep(self, key: str, reply: bytes, request: bytes) -> None:
        self.first.keep(key, reply, request)
        self.second.keep(key, reply, request)


def as_json(model_id: str, request: Request) -> bytes:
    """A request as data. Two that differ in their nonce alone are the same."""
    schema = request.schema.model_json_schema() if request.schema else None
    data: dict[str, Any] = {
        "model": model_id,
        "system": request.system,
        "messages": [_tagged(message) for message in request.messages],
        "tools": [(tool.name, tool.description, tool.parameters) for tool in request.tools],
        "schema": schema,
        "max_output_tokens": request.max_output_tokens,
        "effort": request.effort,
    }
    text = json.dumps(data, sort_keys=True, ensure_ascii=False)
    return (text.replace(request.nonce, "NONCE") if request.nonce else text).encode()


def _tagged(message: Message) -> dict[str, Any]:
    return {"from": type(message).__name__, **msgspec.to_builtins(message)}


def key_of(request_as_json: bytes) -> str:
    return blake2b(request_as_json, digest_size=16).hexdigest()


class _Kept(msgspec.Struct):
    """A reply without the conversation before it."""

    said: Assistant
    stop: Stop
    usage: Usage
    model: str
    why: str


def encoded(reply: Reply) -> bytes:
    return msgspec.json.encode(_Kept(reply.said, reply.stop, reply.usage, reply.model, reply.why))


def decoded(content: bytes) -> Reply:
    """Raises BadSettings for what is no reply."""
    try:
        kept = msgspec.json.decode(content, type=readable(_Kept))
    except ValueError as error:
        raise BadSettings(f"a reply that was kept can't be read: {error}") from None
    return Reply(kept.said, kept.stop, kept.usage, kept.model, kept.why)


def _file(folder: Path, key: str) -> Path:
    return folder / f"{key}.json"
