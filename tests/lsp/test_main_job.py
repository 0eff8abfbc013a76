"""Squiggle, fix, squiggle gone: the same in every editor and with every way of counting columns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import pytest_lsp
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig

from tests.lsp.editor import SERVER, Editor, Squiggle, abilities, make_editor
from tests.lsp.shop import APPLICATION, MAILER, MAILER_TEXT, write_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

RESOLVES = ("neovim", "visual_studio_code")
SUPERVISED = "Task.Supervisor.start_child(Shop.TaskSupervisor, fn -> deliver(user) end)"


@pytest_lsp.fixture(
    scope="module",
    params=["neovim utf-8", "visual_studio_code utf-16", "emacs utf-32", "neovim utf-16 utf-8"],
    config=ClientServerConfig(SERVER, client_factory=make_editor),
)
async def editor(lsp_client: Editor, request: pytest.FixtureRequest) -> AsyncIterator[None]:
    lsp_client.kind, *encodings = request.param.split()
    await lsp_client.connect(abilities(lsp_client.kind, *encodings))
    yield
    await lsp_client.leave()


@pytest_asyncio.fixture(loop_scope="module")
async def shop(editor: Editor, tmp_path: Path) -> AsyncIterator[Editor]:
    editor.open_folder(write_shop(tmp_path))
    yield editor
    editor.close_everything()


async def fix(editor: Editor, uri: str, line: int) -> lsp.WorkspaceEdit:
    """What choosing the fix on a line gives, with the edit asked for where the editor can."""
    action = await editor.fix_on(uri, line)
    assert (action.edit is None) == (editor.kind in RESOLVES)
    if action.edit is None:
        action = await editor.code_action_resolve_async(action)
    assert action.edit is not None
    return action.edit


async def test_columns_are_counted_in_bytes_where_that_is_offered(editor: Editor) -> None:
    assert editor.capabilities and editor.capabilities.general
    offered = list(editor.capabilities.general.position_encodings or [])
    assert editor.encoding == ("utf-8" if "utf-8" in offered else offered[0])


async def test_fix_changes_the_call_and_the_supervision_tree(shop: Editor) -> None:
    uri = shop.open(MAILER)
    await shop.shows(uri, Squiggle(2, "spawn", "OTP101"))
    edit = await fix(shop, uri, 2)
    shop.apply(edit)
    await shop.shows(uri)
    application = (shop.folder / APPLICATION).as_uri()
    assert SUPERVISED in shop.texts[uri]
    assert "children = [{Task.Supervisor, name: Shop.TaskSupervisor}]" in shop.texts[application]
    await shop.shows(application)


@pytest.mark.parametrize(
    "before",
    [
        'mark = "🎉 é \u2028 \x85 \f"; ',
        'mark = {"𝕊", "日本"}; ',
        "\t",
    ],
)
@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
async def test_positions_are_right_after_any_text(shop: Editor, before: str, line_break: str) -> None:
    text = MAILER_TEXT.replace("  def notify", '  @odd "\f\u2028\u2029\x85\x0b\x1c"\n\n  def notify', 1)
    text = text.replace("spawn(", f"{before}spawn(").replace("\n", line_break)
    uri = shop.open(MAILER, text)
    await shop.shows(uri, Squiggle(4, "spawn", "OTP101"))
    shop.apply(await fix(shop, uri, 4))
    spawning = f"{before}spawn(fn -> deliver(user) end)"
    assert shop.texts[uri] == text.replace(spawning, before + SUPERVISED)
    await shop.shows(uri)


async def test_squiggle_follows_the_typing(shop: Editor) -> None:
    uri = shop.open(MAILER)
    await shop.shows(uri, Squiggle(2, "spawn", "OTP101"))
    shop.replace(uri, "spawn(fn -> deliver(user) end)", "deliver(user)")
    await shop.shows(uri)
    shop.replace(uri, "deliver(user)\n    :ok", ":ok\n    spawn(fn -> deliver(user) end)")
    await shop.shows(uri, Squiggle(3, "spawn", "OTP101"))


async def test_fix_fits_the_text_as_it_is_when_it_is_chosen(shop: Editor) -> None:
    uri = shop.open(MAILER)
    await shop.shows(uri, Squiggle(2, "spawn", "OTP101"))
    offered = await shop.fix_on(uri, 2)
    shop.replace(uri, "defmodule Shop.Mailer do", "# Mail\n\ndefmodule Shop.Mailer do")
    if offered.edit is None:
        resolved = await shop.code_action_resolve_async(offered)
        assert resolved.edit is not None
        shop.apply(resolved.edit)
        assert f"    {SUPERVISED}\n" in shop.texts[uri]
        await shop.shows(uri)


async def test_fix_of_a_finding_that_is_gone_changes_nothing_and_says_so(shop: Editor) -> None:
    uri = shop.open(MAILER)
    await shop.shows(uri, Squiggle(2, "spawn", "OTP101"))
    offered = await shop.fix_on(uri, 2)
    shop.replace(uri, "spawn(fn -> deliver(user) end)", "deliver(user)")
    if offered.edit is None:
        assert (await shop.code_action_resolve_async(offered)).edit is None
        await shop.until(lambda: "finding is gone" in shop.messages[-1].message)


async def test_actions_without_data_come_back_as_they_are(shop: Editor) -> None:
    command = lsp.Command("Explain", "otpGenesis.explainRule", arguments=({"code": "OTP101"},))
    complete = lsp.WorkspaceEdit(changes={})
    for action in (
        lsp.CodeAction("Explain", command=command),
        lsp.CodeAction("Of another server", data={"uri": 1}),
        lsp.CodeAction("Complete", edit=complete, data={"uri": "", "version": 1, "fingerprint": ""}),
    ):
        assert await shop.code_action_resolve_async(action) == action


async def test_only_what_is_asked_for_is_offered(shop: Editor) -> None:
    uri = shop.open(MAILER)
    await shop.shows(uri, Squiggle(2, "spawn", "OTP101"))
    titles = [action.title for action in await shop.actions(uri, 2)]
    in_project = ["Ignore OTP101 in this project"] if shop.creates_files else []
    assert titles == [
        "Fix with OTP-Genesis: Start the task under Shop.TaskSupervisor",
        "Fix and verify with OTP-Genesis: Start the task under Shop.TaskSupervisor",
        "Suppress OTP101 here…",
        "Ignore OTP101 in this file…",
        *in_project,
        "Verify this module",
        "Explain OTP101 unsupervised-spawn",
    ]
    fixes = [action.title for action in await shop.actions(uri, 2, "quickfix")]
    assert fixes == titles[:-2]
    assert [action.title for action in await shop.actions(uri, 2, "refactor", "")] == fixes
    for kinds in (["refactor"], ["quickfix.other"], ["quick"], ["source.fixAll"]):
        assert await shop.actions(uri, 2, *kinds) == []
    assert await shop.actions(uri, 3) == []


async def test_hover_on_a_finding(shop: Editor) -> None:
    uri = shop.open(MAILER)
    await shop.shows(uri, Squiggle(2, "spawn", "OTP101"))
    hover = await shop.hover_at(uri, "spawn(")
    assert hover and hover.range and isinstance(hover.contents, lsp.MarkupContent)
    assert shop.text_at(shop.texts[uri], hover.range) == "spawn"
    assert hover.contents.value.startswith("**OTP101** unsupervised-spawn · information\n\n`spawn/1` starts")
    assert "### Why it matters on the BEAM\nA supervisor restarts" in hover.contents.value
    assert await shop.hover_at(uri, "deliver") is None
