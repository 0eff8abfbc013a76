"""Findings that the user wants kept quiet, and all safe fixes of a document at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import pytest_lsp
from pytest_lsp import ClientServerConfig

from otp_genesis_server.lsp.actions import all_actions
from otp_genesis_server.lsp.features.code_action import KINDS
from tests.lsp.editor import SERVER, Editor, Squiggle, abilities, make_editor
from tests.lsp.shop import MAILER, MAILER_TEXT, write_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

SPAWN = Squiggle(2, "spawn", "OTP101")
TEST = """\
defmodule Shop.ModeTest do
  use ExUnit.Case, async: true

  test "one" do
    Application.put_env(:shop, :mode, :one)
    assert Shop.mode() == :one
  end

  test "two" do
    spawn(fn -> Shop.mode() end)
    Application.put_env(:shop, :mode, :two)
    assert Shop.mode() == :two
  end
end
"""


@pytest_lsp.fixture(
    scope="module",
    params=["visual_studio_code", "neovim", "emacs"],
    config=ClientServerConfig(SERVER, client_factory=make_editor),
)
async def editor(lsp_client: Editor, request: pytest.FixtureRequest) -> AsyncIterator[None]:
    await lsp_client.connect(abilities(request.param))
    yield
    await lsp_client.leave()


@pytest_asyncio.fixture(loop_scope="module")
async def shop(editor: Editor, tmp_path: Path) -> AsyncIterator[Editor]:
    editor.open_folder(write_shop(tmp_path, {"test/mode_test.exs": TEST}))
    yield editor
    editor.close_everything()


async def chosen(shop: Editor, uri: str, line: int, title: str, kind: str = "quickfix") -> None:
    """Choose an action as an editor does: have its edit made where it has none, and apply it."""
    action = await shop.action_on(uri, line, title, kind)
    edit = action.edit or (await shop.code_action_resolve_async(action)).edit
    assert edit
    shop.apply(edit)


async def test_here(shop: Editor) -> None:
    uri = shop.open(MAILER)
    await shop.shows(uri, SPAWN)
    await chosen(shop, uri, 2, "Suppress OTP101 here")
    comment = "    # otp-genesis:ignore OTP101 --\n"
    assert shop.texts[uri] == MAILER_TEXT.replace("    spawn", f"{comment}    spawn")
    await shop.shows(uri, Squiggle(2, comment.strip(), "OTP002"))
    shop.replace(uri, "OTP101 --", "OTP101 -- it ends with the VM")
    await shop.shows(uri)


async def test_in_the_file(shop: Editor) -> None:
    uri = shop.open(MAILER)
    await shop.shows(uri, SPAWN)
    await chosen(shop, uri, 2, "Ignore OTP101 in this file")
    assert shop.texts[uri] == f"# otp-genesis:ignore-file OTP101 --\n{MAILER_TEXT}"


async def test_in_the_project(shop: Editor) -> None:
    uri = shop.open(MAILER)
    await shop.shows(uri, SPAWN)
    (shop.folder / ".otp-genesis.toml").write_text('# ours\npreset = "strict"\n')
    shop.disk_changed(".otp-genesis.toml")
    await chosen(shop, uri, 2, "Ignore OTP101 in this project")
    configuration = (shop.folder / ".otp-genesis.toml").as_uri()
    assert shop.texts[configuration] == '# ours\npreset = "strict"\nignore = ["OTP101"]\n'
    shop.save(configuration)
    shop.disk_changed(".otp-genesis.toml")
    await shop.shows(uri)


async def test_all_safe_fixes_of_a_document(shop: Editor) -> None:
    uri = shop.open("test/mode_test.exs")
    await shop.until(lambda: any(found.code == "OTP410" for found in shop.squiggles(uri)))
    await chosen(shop, uri, 0, "Fix all safe problems", "source.fixAll.otpGenesis")
    assert shop.texts[uri] == TEST.replace("async: true", "async: false")
    await shop.until(lambda: not any(found.code == "OTP410" for found in shop.squiggles(uri)))
    assert await shop.actions(uri, 0, "source.fixAll") == []


async def test_unsafe_fixes_are_never_among_them(shop: Editor) -> None:
    uri = shop.open(MAILER)
    await shop.shows(uri, SPAWN)
    assert await shop.actions(uri, 2, "source.fixAll") == []


async def test_a_finding_that_is_gone(shop: Editor) -> None:
    uri = shop.open(MAILER)
    await shop.shows(uri, SPAWN)
    action = await shop.action_on(uri, 2, "Suppress OTP101 here")
    if action.data is None:  # an editor that has its edits at once compares the versions itself
        assert action.edit
        return
    shop.replace(uri, "    spawn(fn -> deliver(user) end)\n", "    deliver(user)\n")
    resolved = await shop.code_action_resolve_async(action)
    assert resolved.edit is None
    await shop.until(lambda: "the finding is gone" in shop.messages[-1].message)


async def test_a_finding_whose_words_have_changed(shop: Editor) -> None:
    uri = shop.open(MAILER)
    await shop.shows(uri, SPAWN)
    actions = [await shop.action_on(uri, 2, title) for title in ("Suppress OTP101 here", "Fix with")]
    shop.replace(uri, "deliver(user) end", "deliver(user <> user) end")
    for action in actions:
        if action.data is not None:
            resolved = await shop.code_action_resolve_async(action)
            assert resolved.edit, action.title


async def test_two_fixes_of_one_line_one_after_another(shop: Editor) -> None:
    text = MAILER_TEXT.replace("deliver(user) end", "spawn(fn -> deliver(user) end) end")
    uri = shop.open(MAILER, text)
    await shop.shows(uri, SPAWN, Squiggle(2, "spawn", "OTP101"))
    while actions := [
        a for a in await shop.actions(uri, 2, "quickfix") if a.title.startswith("Fix with OTP-G")
    ]:
        action = next((action for action in actions if action.disabled is None), None)
        if action is None:
            break
        edit = action.edit or (await shop.code_action_resolve_async(action)).edit
        assert edit
        shop.apply(edit)
        await shop.until(lambda: shop.is_newest(uri))
    assert "spawn(" not in shop.texts[uri]
    assert shop.texts[uri].count("Task.Supervisor.start_child(") == 2


async def test_every_kind_of_action_was_told_to_the_client() -> None:
    assert {action.KIND for action in all_actions() if action.KIND} == set(KINDS)
