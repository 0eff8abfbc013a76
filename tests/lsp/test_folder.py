"""A folder follows what is typed: by itself, without a protocol around it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from otp_genesis_analyzers.findings import Severity
from otp_genesis_server.lsp.settings import Settings
from otp_genesis_server.lsp.workspace import folder as folder_module
from otp_genesis_server.lsp.workspace.snapshot import Snapshot
from tests.lsp.desk import Desk
from tests.lsp.shop import APPLICATION, CART, CART_TEXT, MAILER, MAILER_TEXT, TILL_TEXT, write_shop

EXAMPLE = Path(__file__).parents[2] / "examples" / "shaky_shop"

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("no_pause")]


async def test_all_files_of_an_opened_folder_show_their_findings(tmp_path: Path) -> None:
    desk = Desk(write_shop(tmp_path))
    await desk.load()
    assert await desk.codes() == {MAILER: ["OTP101"]}
    assert desk.shown == [(MAILER, None, ["OTP101"])]


async def test_only_open_files_show_findings_where_nobody_opened_the_folder(tmp_path: Path) -> None:
    desk = Desk(write_shop(tmp_path, {"lib/shop/other.ex": MAILER_TEXT}), opened=False)
    desk.type(MAILER, MAILER_TEXT)
    await desk.load()
    await desk.settled()
    assert desk.last_shown() == {MAILER: ["OTP101"]}
    desk.folder.close(MAILER)
    await desk.settled()
    assert desk.last_shown() == {}


async def test_what_is_typed_counts_and_the_disk_again_after_closing(tmp_path: Path) -> None:
    desk = Desk(write_shop(tmp_path))
    await desk.load()
    desk.type(MAILER, MAILER_TEXT.replace("spawn", "Enum.map"))
    assert await desk.codes() == {}
    desk.folder.close(MAILER)
    assert await desk.codes() == {MAILER: ["OTP101"]}


async def test_text_typed_while_the_folder_is_read_counts(tmp_path: Path) -> None:
    desk = Desk(write_shop(tmp_path))
    loading = asyncio.create_task(desk.load())
    await asyncio.sleep(0)
    desk.type(MAILER, MAILER_TEXT + MAILER_TEXT.replace("Mailer", "Postman"))
    await loading
    assert await desk.codes() == {MAILER: ["OTP101", "OTP101"]}


async def test_a_burst_of_typing_ends_with_the_last_text(tmp_path: Path) -> None:
    desk = Desk(write_shop(tmp_path))
    await desk.load()
    await desk.settled()
    for version in range(50):
        desk.type(MAILER, MAILER_TEXT.replace(":ok", "spawn(fn -> :ok end)\n" * version), version)
        if version % 7 == 0:
            await asyncio.sleep(0.005)
    await desk.settled()
    versions = [shown.version for shown in desk.shown if shown.path == MAILER and shown.version is not None]
    assert versions == sorted(versions)
    assert len(versions) < 50, "texts that were gone already were analysed"
    assert desk.shown[-1] == (MAILER, 49, ["OTP101"] * 50)


async def test_the_file_typed_in_is_shown_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(write_shop(tmp_path))
    await desk.load()
    await desk.settled()
    monkeypatch.setattr(folder_module, "PROJECT_PAUSE_SECONDS", 60.0)
    desk.type(MAILER, MAILER_TEXT.replace("spawn(fn", "spawn(fn -> 1 end); spawn(fn"))
    await desk.folder.current()
    assert desk.shown[-1] == (MAILER, 1, ["OTP101", "OTP101"])


async def test_rules_over_the_project_see_other_files(tmp_path: Path) -> None:
    desk = Desk(write_shop(tmp_path, {CART: CART_TEXT, "lib/shop/till.ex": TILL_TEXT, MAILER: ""}))
    await desk.load()
    assert await desk.codes() == {CART: ["OTP106"]}
    supervised = (tmp_path / APPLICATION).read_text().replace("children = []", "children = [Shop.Cart]")
    desk.type(APPLICATION, supervised)
    assert await desk.codes() == {}
    desk.folder.close(APPLICATION)
    assert await desk.codes() == {CART: ["OTP106"]}
    (tmp_path / APPLICATION).write_text(supervised)
    desk.folder.disk_changed(APPLICATION)
    assert await desk.codes() == {}


async def test_findings_over_the_project_move_with_the_text_until_they_are_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(write_shop(tmp_path, {CART: CART_TEXT, "lib/shop/till.ex": TILL_TEXT, MAILER: ""}))
    desk.type(CART, CART_TEXT)
    await desk.load()
    await desk.settled()
    monkeypatch.setattr(folder_module, "PROJECT_PAUSE_SECONDS", 60.0)
    desk.type(CART, "# Carts\n" + CART_TEXT, 2)
    snapshot = await desk.folder.current()
    assert snapshot is not None
    (finding,) = snapshot.findings[CART]
    source = snapshot.source(CART)
    assert source is not None
    assert (finding.code, source.text(finding.span)) == ("OTP106", "Shop.Cart")


async def test_a_file_that_is_deleted_or_made_by_others(tmp_path: Path) -> None:
    desk = Desk(write_shop(tmp_path))
    await desk.load()
    (tmp_path / MAILER).rename(tmp_path / "lib/shop/postman.ex")
    desk.folder.disk_changed(MAILER)
    desk.folder.disk_changed("lib/shop/postman.ex")
    assert await desk.codes() == {"lib/shop/postman.ex": ["OTP101"]}
    assert desk.said == []


async def test_a_file_that_is_no_text_is_left_out_with_a_word(tmp_path: Path) -> None:
    desk = Desk(
        write_shop(tmp_path, {"lib/shop/latin1.ex": "# é\n".encode("latin-1") + MAILER_TEXT.encode()})
    )
    await desk.load()
    assert await desk.codes() == {MAILER: ["OTP101"]}
    (said,) = desk.said
    assert said.endswith("lib/shop/latin1.ex is left out: it can't be read as UTF-8 text")
    desk.type("lib/shop/latin1.ex", MAILER_TEXT)
    assert await desk.codes() == {MAILER: ["OTP101"], "lib/shop/latin1.ex": ["OTP101"]}
    desk.folder.close("lib/shop/latin1.ex")
    assert await desk.codes() == {MAILER: ["OTP101"]}


async def test_a_file_that_vanished_unnoticed(tmp_path: Path) -> None:
    quiet = MAILER_TEXT.replace("    spawn", "    # otp-genesis:ignore OTP101 -- a sketch\n    spawn")
    desk = Desk(write_shop(tmp_path, {"lib/shop/quiet.ex": quiet}))
    await desk.load()
    assert await desk.codes() == {MAILER: ["OTP101"]}
    (tmp_path / "lib/shop/quiet.ex").unlink()
    desk.type(MAILER, "")
    await desk.settled()
    assert MAILER not in desk.last_shown()


async def test_a_mistake_in_the_configuration_is_said_with_its_place(tmp_path: Path) -> None:
    desk = Desk(write_shop(tmp_path, {".otp-genesis.toml": 'ignore = ["OTP101"]\nselekt = []\n'}))
    await desk.load()
    assert await desk.codes() == {}
    (said,) = desk.said
    assert said.startswith(".otp-genesis.toml:2: ")


async def test_a_file_of_no_project_stands_alone(tmp_path: Path) -> None:
    desk = Desk(tmp_path, alone=True, opened=False)
    await desk.load()
    desk.type("scratch.ex", MAILER_TEXT)
    assert await desk.codes() == {"scratch.ex": ["OTP101"]}


UNFINISHED = ['"', "spawn(fn -> ", "if user do", '"""', "("]


@pytest.mark.parametrize("typed", UNFINISHED)
@pytest.mark.parametrize("path", ["lib/shaky_shop/application.ex", "lib/shaky_shop/mailer.ex"])
async def test_half_typed_code_makes_no_findings(tmp_path: Path, path: str, typed: str) -> None:
    root = tmp_path / "shop"
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("_build"))
    desk = Desk(root)
    await desk.load()
    before = _fingerprints(await desk.settled())
    text = (root / path).read_text()
    lines = text.splitlines(keepends=True)
    for at in range(0, len(lines), max(1, len(lines) // 30)):
        desk.type(path, text)
        assert _fingerprints(await desk.settled()) == before
        desk.type(path, "".join([*lines[:at], f"    {typed}\n", *lines[at:]]))
        after = _fingerprints(await desk.settled())
        assert after <= before, f"typed before line {at}"
        assert {key for key in before - after if key[0] != path} == set(), f"typed before line {at}"


async def test_a_document_that_is_opened_half_typed_is_judged_by_what_the_disk_holds(tmp_path: Path) -> None:
    desk = Desk(write_shop(tmp_path, {CART: CART_TEXT, "lib/shop/till.ex": TILL_TEXT, MAILER: ""}))
    supervised = (tmp_path / APPLICATION).read_text().replace("children = []", "children = [Shop.Cart]")
    (tmp_path / APPLICATION).write_text(supervised)
    desk.type(APPLICATION, supervised.replace("children", '"children'))
    await desk.load()
    assert await desk.codes() == {}


def _fingerprints(snapshot: Snapshot) -> set[tuple[str, str, str]]:
    return {
        (path, finding.code, finding.fingerprint)
        for path, findings in snapshot.findings.items()
        for finding in findings
    }


# --- settings, and what happens at the same time ------------------------------------------------------


async def test_only_what_the_settings_want_is_shown(tmp_path: Path) -> None:
    desk = Desk(write_shop(tmp_path, {"lib/shop/other.ex": MAILER_TEXT}))
    desk.settings = Settings(open_files_only=True)
    desk.type(MAILER, MAILER_TEXT)
    await desk.load()
    assert len(await desk.codes()) == 2, "what is not shown is known nevertheless"
    assert desk.last_shown() == {MAILER: ["OTP101"]}
    desk.settings = Settings(Severity.ERROR)
    desk.folder.show()
    assert desk.last_shown() == {}
    desk.settings = Settings()
    desk.folder.show()
    assert desk.last_shown() == {MAILER: ["OTP101"], "lib/shop/other.ex": ["OTP101"]}


async def test_who_waits_may_be_cancelled_the_analysis_is_not(tmp_path: Path) -> None:
    desk = Desk(write_shop(tmp_path))
    await desk.load()
    await desk.settled()
    desk.type(MAILER, "")
    waiting = asyncio.create_task(desk.folder.current())
    await asyncio.sleep(0)
    waiting.cancel()
    await desk.folder.current()
    assert desk.shown[-1] == (MAILER, 1, [])


async def test_readings_that_are_asked_for_at_once_are_one(tmp_path: Path) -> None:
    desk = Desk(write_shop(tmp_path, {".otp-genesis.toml": "selekt = []\n"}))
    ends: list[int] = []

    async def load() -> None:
        await desk.folder.load(lambda done, total: ends.append(done) if done == total else None)

    await asyncio.gather(*(load() for _ in range(10)))
    assert len(ends) == 2, "the one that ran, and one more for all that was asked for meanwhile"
    assert len(desk.said) == 1, "a mistake that is still there is not said again"
    assert await desk.codes() == {MAILER: ["OTP101"]}


async def test_a_change_of_a_folder_is_about_the_files_in_it(tmp_path: Path) -> None:
    desk = Desk(write_shop(tmp_path, {"lib/web/a.ex": "", "deps/mail/a.ex": ""}))
    await desk.load()
    (tmp_path / "lib/web").rename(tmp_path / "lib/live")
    assert desk.folder.files_at("lib/web") == ["lib/web/a.ex"]
    assert desk.folder.files_at("lib/live") == ["lib/live/a.ex"]
    assert desk.folder.files_at("deps") == desk.folder.files_at("deps/mail") == []
    assert desk.folder.files_at(MAILER) == [MAILER]
    assert desk.folder.files_at("apps/x/.otp-genesis.toml") == ["apps/x/.otp-genesis.toml"]
