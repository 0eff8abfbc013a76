"""What was paid for is never asked for again: journals, recordings, replays."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from pydantic import BaseModel

from otp_genesis_refactorers.llm import failures
from otp_genesis_refactorers.llm.asking import ask, ask_for
from otp_genesis_refactorers.llm.connecting import connect, find_model
from otp_genesis_refactorers.llm.conversation import Request, Tool, Usage, User
from otp_genesis_refactorers.llm.privacy.fencing import Fence
from tests.llm.asked import connected, question
from tests.llm.vendors import KEY, Call, Fails, Loopback, Says, Vendor, serving

both = pytest.mark.parametrize("vendor", ["claude", "gemini"])


class Colour(BaseModel):
    name: str


@dataclass
class Notebook:
    """A journal in memory."""

    kept: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def find(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def keep(self, key: str, reply: bytes, request: bytes) -> None:
        self.kept[key] = reply


def fenced_question() -> Request:
    fence = Fence.fresh()
    text = User(fence.around("lib/a.ex", "defmodule A do\nend"))
    return Request(fence.rules, (text,), max_output_tokens=1000, nonce=fence.nonce)


@both
@pytest.mark.asyncio
async def test_what_is_in_the_journal_is_not_asked_for(vendor: Vendor) -> None:
    journal = Notebook()
    with serving(Says("Yes.")) as loopback:
        async with connected(loopback, vendor, journal) as connection:
            first = await ask(connection, fenced_question())
        # Another process, another fence: the same question.
        async with connected(loopback, vendor, journal) as connection:
            second = await ask(connection, fenced_question())
            assert connection.spent().run.calls == 1
    assert first.said == second.said
    assert second.usage == Usage()
    assert len(loopback.asked) == 1


@both
@pytest.mark.asyncio
async def test_a_reply_is_kept_before_anything_looks_into_it(vendor: Vendor) -> None:
    journal = Notebook()
    with serving(*[Says("no data at all")] * 3) as loopback:
        async with connected(loopback, vendor, journal) as connection:
            with pytest.raises(failures.InvalidAnswer):
                await ask_for(connection, question(), Colour)
            with pytest.raises(failures.InvalidAnswer):
                await ask_for(connection, question(), Colour)
    assert len(loopback.asked) == len(journal.kept) == 3


@both
@pytest.mark.asyncio
async def test_failures_are_not_kept(vendor: Vendor) -> None:
    journal = Notebook()
    with serving(Fails(400), Says("half", breaks="drop"), Says("Yes.")) as loopback:
        async with connected(loopback, vendor, journal) as connection:
            with pytest.raises(failures.BadRequest):
                await ask(connection, question())
            assert (await ask(connection, question())).text == "Yes."
    assert len(journal.kept) == 1


def shout(arguments: Mapping[str, object]) -> str:
    return str(arguments["text"]).upper()


SHOUT = Tool(
    "shout", "Says it louder.", {"type": "object", "properties": {"text": {"type": "string"}}}, shout
)


@both
@pytest.mark.asyncio
async def test_a_recording_is_replayed_without_key_network_or_money(vendor: Vendor, tmp_path: Path) -> None:
    asked = replace(question(tools=(SHOUT,)), max_turns=3)
    with serving(Says(calls=(Call("shout", {"text": "otp"}),)), Says('{"name": "red"}')) as loopback:
        recorded = await answered(vendor, loopback, asked, record=tmp_path / "session")
    assert len(list((tmp_path / "session").iterdir())) == 2
    replayed = await answered(vendor, loopback, asked, replay=tmp_path / "session")
    assert recorded == replayed == Colour(name="red")
    with pytest.raises(failures.NotRecorded, match="was not recorded"):
        await answered(vendor, loopback, replace(asked, system="Another."), replay=tmp_path / "session")
    assert len(loopback.asked) == 2
    assert all(KEY not in file.read_text() for file in (tmp_path / "session").iterdir())


async def answered(
    vendor: Vendor,
    loopback: Loopback,
    asked: Request,
    *,
    record: Path | None = None,
    replay: Path | None = None,
) -> Colour:
    environment = {} if replay else loopback.environment
    model = find_model(vendor, Path("/nowhere"), environment=loopback.environment)
    async with connect(model, "a run", record=record, replay=replay, environment=environment) as connection:
        return (await ask_for(connection, asked, Colour)).data


@pytest.mark.asyncio
async def test_a_damaged_recording_is_said_to_be_one(tmp_path: Path) -> None:
    folder = tmp_path / "session"
    with serving(Says('{"name": "red"}')) as loopback:
        await answered("claude", loopback, question(), record=folder)
    (file,) = folder.iterdir()
    file.write_text("{")
    with pytest.raises(failures.BadSettings, match=f"{file.name} is no recorded reply"):
        await answered("claude", loopback, question(), replay=folder)


def test_a_replay_loads_no_sdk(tmp_path: Path) -> None:
    script = """
import asyncio, sys
from pathlib import Path
from otp_genesis_refactorers.llm.asking import ask
from otp_genesis_refactorers.llm.connecting import connect, find_model
from otp_genesis_refactorers.llm.conversation import Request, User
from otp_genesis_refactorers.llm.failures import NotRecorded

async def main():
    model = find_model("claude", Path("/nowhere"), environment={"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"})
    async with connect(model, "a run", replay=Path(sys.argv[1]), environment={}) as connection:
        await ask(connection, Request("", (User("?"),)))
try:
    asyncio.run(main())
except NotRecorded:
    print(sorted({"anthropic", "google.genai", "genai_prices", "httpx2"} & set(sys.modules)))
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
