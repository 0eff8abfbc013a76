"""Files that take long to be analysed, and folders that hold many."""

from __future__ import annotations

from pathlib import Path

import pytest

from otp_genesis_analyzers.findings import Finding
from otp_genesis_server.lsp.workspace import file_state
from otp_genesis_server.lsp.workspace import folder as folder_module
from tests.lsp.desk import Desk
from tests.lsp.shop import MAILER, MAILER_TEXT, write_shop

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("no_pause")]


async def test_what_was_found_in_a_slow_file_moves_along_until_typing_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_state, "SLOW_SECONDS", 0.0)
    desk = Desk(write_shop(tmp_path))
    await desk.load()
    desk.type(MAILER, MAILER_TEXT)
    assert await desk.codes() == {MAILER: ["OTP101"]}
    desk.shown.clear()
    more = MAILER_TEXT.replace("    spawn", "    spawn(fn -> log(user) end)\n    spawn")
    desk.type(MAILER, more, 2)
    await desk.is_shown(MAILER, 2)
    assert desk.shown == [(MAILER, 2, ["OTP101"])]
    snapshot = await desk.settled()
    assert desk.shown[1:] == [(MAILER, 2, ["OTP101", "OTP101"])]
    assert snapshot.findings[MAILER] == await _found_anew(tmp_path, more)


async def test_a_finding_that_was_typed_in_is_looked_for_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_state, "SLOW_SECONDS", 0.0)
    desk = Desk(write_shop(tmp_path))
    await desk.load()
    desk.type(MAILER, MAILER_TEXT)
    await desk.settled()
    desk.shown.clear()
    desk.type(MAILER, MAILER_TEXT.replace("spawn", "Task.start"), 2)
    await desk.settled()
    assert desk.shown == [(MAILER, 2, ["OTP102"])]


async def test_who_types_on_in_a_slow_file_is_not_kept_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_state, "SLOW_SECONDS", 0.0)
    desk = Desk(write_shop(tmp_path))
    await desk.load()
    desk.type(MAILER, MAILER_TEXT)
    await desk.settled()
    monkeypatch.setattr(folder_module, "FILE_PAUSE_SECONDS", 1_000.0)
    for version in range(2, 6):
        desk.type(MAILER, "# Sends mail\n" * version + MAILER_TEXT, version)
        await desk.is_shown(MAILER, version)
        assert desk.shown[-1] == (MAILER, version, ["OTP101"])
    desk.folder.forget()


async def _found_anew(root: Path, text: str) -> tuple[Finding, ...]:
    (root / MAILER).write_text(text)
    desk = Desk(root)
    await desk.load()
    return (await desk.settled()).findings[MAILER]


async def test_of_many_files_all_are_shown_the_open_ones_first(tmp_path: Path) -> None:
    many = {f"lib/shop/mailer{n}.ex": MAILER_TEXT for n in range(60)}
    desk = Desk(write_shop(tmp_path, many))
    opened = "lib/shop/mailer59.ex"
    desk.type(opened, MAILER_TEXT)
    await desk.load()
    await desk.settled()
    assert desk.last_shown() == {path: ["OTP101"] for path in (MAILER, *many)}
    assert desk.shown[0].path == opened
    desk.folder.forget()
    assert desk.last_shown() == {}
