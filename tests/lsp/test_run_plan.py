"""Carrying out a plan from the editor, with a real mix: proved, applied, noted, cancelled."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import pytest_lsp
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig

from otp_genesis_refactorers.pipelines.journal import Journal
from otp_genesis_refactorers.plan.markdown import parse
from tests.lsp.editor import SERVER, Editor, abilities, make_editor
from tests.lsp.shop import MAILER, MAILER_TEXT, write_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHASE_1 = ".otp-genesis/plan/01-critical-fixes.md"
PRINTER = "lib/shop/printer.ex"
PRINTER_TEXT = MAILER_TEXT.replace("Shop.Mailer", "Shop.Printer").replace("notify", "print")
# What the fix of this one changes is what its test relies on.
ECHO = "lib/shop/echo.ex"
ECHO_TEXT = """\
defmodule Shop.Echo do
  def echo(word) do
    spawn(fn -> exit({:said, word}) end)
  end
end
"""
TESTS = """\
defmodule ShopTest do
  use ExUnit.Case

  test "nobody waits" do
    assert Shop.Mailer.notify("ann") == :ok
    assert Shop.Printer.print("ann") == :ok
  end

  test "the caller gets the process" do
    assert is_pid(Shop.Echo.echo("hello"))
  end
end
"""
FILES = {
    PRINTER: PRINTER_TEXT,
    ECHO: ECHO_TEXT,
    "test/test_helper.exs": "ExUnit.start()\n",
    "test/shop_test.exs": TESTS,
}
VERIFIED = re.compile(r"- \[x\] .* verified \d{4}-\d{2}-\d{2}, evidence [0-9a-f]{12}$")


@pytest_lsp.fixture(scope="module", config=ClientServerConfig(SERVER, client_factory=make_editor))
async def editor(lsp_client: Editor) -> AsyncIterator[None]:
    lsp_client.said = await lsp_client.connect(abilities("visual_studio_code"))
    yield
    await lsp_client.leave()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests, so that mix compiles it once."""
    return tmp_path_factory.mktemp("work") / "shop"


@pytest_asyncio.fixture(loop_scope="module")
async def shop(editor: Editor, folder: Path) -> AsyncIterator[Editor]:
    write_shop(folder, FILES)
    for document in folder.glob(".otp-genesis/plan/*.md"):
        document.unlink()
    editor.open_folder(folder)
    await editor.command("otpGenesis.generatePlan", {"goal": "", "root": folder.as_uri()})
    editor.answers = "Run mix once"
    editor.progress_reports.clear()
    yield editor
    editor.close_everything()


def uri(shop: Editor) -> str:
    return (shop.folder / PHASE_1).as_uri()


def items(shop: Editor) -> dict[str, tuple[str, str]]:
    """The step and the line of each item, by the file that it is about."""
    text = shop.text_of(uri(shop))
    lines = {line: line for line in text.splitlines()}
    return {
        item.step.places[0].path: (
            item.step.id,
            next(line for line in lines if f"step {item.step.id} " in line),
        )
        for item in parse(text).items
    }


async def run(shop: Editor, path: str, action: str = "run") -> dict[str, Any]:
    arguments = {"uri": uri(shop), "step": items(shop)[path][0], "action": action}
    return await shop.command("otpGenesis.runStep", arguments)


async def at_work(shop: Editor) -> None:
    """Until mix is at it."""

    def compiles() -> bool:
        bars: list[list[Any]] = [list(reports) for reports in shop.progress_reports.values() if reports]
        own = (reports for reports in bars if ": 1." in reports[0].title)
        return any(report.message == "compile" for reports in own for report in reports)

    await shop.until(compiles, seconds=60)


async def test_an_item_is_proved_then_applied_then_noted(shop: Editor) -> None:
    shop.open(PHASE_1)
    mailer = shop.open(MAILER)
    others = [line for path, (_, line) in items(shop).items() if path != MAILER]
    answer = await run(shop, MAILER)
    assert (answer["verdict"], answer["applied"], answer["reason"]) == ("verified", True, "")
    assert "Task.Supervisor.start_child(" in shop.text_of(mailer)
    assert VERIFIED.fullmatch(items(shop)[MAILER][1])
    assert [line for path, (_, line) in items(shop).items() if path != MAILER] == others
    assert "compile" in shop.text_of(str(answer["document"]))
    hover = await shop.hover_at(uri(shop), items(shop)[MAILER][0])
    assert hover
    assert isinstance(hover.contents, lsp.MarkupContent)
    assert "**Proven**" in hover.contents.value
    shop.type(mailer, shop.text_of(mailer) + "# A word behind.\n")
    hover = await shop.hover_at(uri(shop), items(shop)[MAILER][0])
    assert hover
    assert isinstance(hover.contents, lsp.MarkupContent)
    assert "the files have changed since" in hover.contents.value


async def test_an_item_is_proved_and_nothing_is_changed(shop: Editor) -> None:
    before = shop.text_of(uri(shop)), (shop.folder / PRINTER).read_bytes()
    answer = await run(shop, PRINTER, "verify")
    assert (answer["verdict"], answer["applied"]) == ("verified", False)
    assert (shop.text_of(uri(shop)), (shop.folder / PRINTER).read_bytes()) == before


async def test_a_phase_is_done_item_by_item_and_what_fails_is_noted(shop: Editor) -> None:
    answer = await shop.command("otpGenesis.runPhase", {"phase": 1, "root": shop.folder.as_uri()})
    assert (answer["done"], answer["left"]) == (2, 1)
    with closing(Journal()) as journal:
        assert (journal.runs()[0].pipeline, journal.runs()[0].status) == ("run_plan", "done")
    assert VERIFIED.fullmatch(items(shop)[MAILER][1])
    assert VERIFIED.fullmatch(items(shop)[PRINTER][1])
    assert not VERIFIED.fullmatch(items(shop)[ECHO][1])
    report = shop.text_of(str(answer["document"]))
    assert "2 of 3 open items are done" in report
    assert (shop.folder / ECHO).read_text() == ECHO_TEXT
    assert "Task.Supervisor.start_child(" in (shop.folder / PRINTER).read_text()
    again = await shop.command("otpGenesis.runPhase", {"phase": 1, "root": shop.folder.as_uri()})
    assert again["done"] == 0


async def test_a_phase_that_is_cancelled_leaves_whole_items(shop: Editor) -> None:
    text = shop.text_of(uri(shop))
    running = asyncio.ensure_future(
        shop.command("otpGenesis.runPhase", {"phase": 1, "root": shop.folder.as_uri()})
    )
    title = "OTP-Genesis: phase 1: Critical fixes"
    await shop.until(lambda: shop.bar(title) is not None, seconds=60)
    token = shop.bar(title)
    assert token is not None
    shop.cancel_bar(token)
    with pytest.raises(JsonRpcException, match="cancelled"):
        await running
    assert shop.text_of(uri(shop)) == text
    assert {path: (shop.folder / path).read_text() for path in (MAILER, PRINTER, ECHO)} == {
        MAILER: MAILER_TEXT,
        PRINTER: PRINTER_TEXT,
        ECHO: ECHO_TEXT,
    }


async def test_a_person_who_edits_meanwhile_loses_nothing(shop: Editor) -> None:
    shop.open(PHASE_1)
    running = asyncio.ensure_future(run(shop, PRINTER, "run"))
    await at_work(shop)
    shop.type(uri(shop), "A word of mine.\n\n" + shop.text_of(uri(shop)))
    answer = await running
    assert answer["applied"] is True
    assert shop.text_of(uri(shop)).startswith("A word of mine.\n")
    assert VERIFIED.fullmatch(items(shop)[PRINTER][1])


async def test_nothing_is_applied_to_code_that_was_typed_in_meanwhile(shop: Editor) -> None:
    mailer = shop.open(MAILER)
    before = shop.text_of(uri(shop))
    running = asyncio.ensure_future(run(shop, PRINTER, "run"))
    await at_work(shop)
    shop.type(mailer, MAILER_TEXT + "# A word of mine.\n")
    answer = await running
    assert (answer["verdict"], answer["applied"]) == ("verified", False)
    assert answer["reason"] == f"{MAILER} was changed meanwhile"
    assert (shop.folder / PRINTER).read_text() == PRINTER_TEXT
    assert shop.text_of(mailer) == MAILER_TEXT + "# A word of mine.\n"
    assert shop.text_of(uri(shop)) == before


async def test_a_plan_that_is_deleted_meanwhile_is_said(shop: Editor) -> None:
    running = asyncio.ensure_future(run(shop, PRINTER, "run"))
    await at_work(shop)
    (shop.folder / PHASE_1).unlink()
    answer = await running
    assert answer["applied"] is True
    assert "not noted in the plan" in answer["reason"]


async def test_without_consent_nothing_runs_and_nothing_is_changed(shop: Editor) -> None:
    shop.answers = "No"
    before = shop.text_of(uri(shop))
    answer = await run(shop, PRINTER)
    assert (answer["verdict"], answer["applied"]) == ("not_verified", False)
    assert shop.text_of(uri(shop)) == before


@pytest.mark.parametrize(
    ("phase", "said"),
    [(0, "there are the phases 1 to 5, not 0"), (2, "02-state-persistence.md can't be read")],
)
async def test_a_phase_that_is_not_there_is_said(shop: Editor, phase: int, said: str) -> None:
    (shop.folder / ".otp-genesis/plan/02-state-persistence.md").unlink(missing_ok=True)
    with pytest.raises(JsonRpcException, match=said):
        await shop.command("otpGenesis.runPhase", {"phase": phase, "root": shop.folder.as_uri()})
