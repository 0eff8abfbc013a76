"""Verifying from the editor, with a real mix: who is asked, what is said and changed, how it is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
import pytest_asyncio
import pytest_lsp
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig

from otp_genesis_refactorers.machine import trust
from tests.lsp.editor import SERVER, Editor, Squiggle, abilities, make_editor
from tests.lsp.shop import MAILER, write_shop
from tests.mix.processes import processes_with

pytestmark = pytest.mark.asyncio(loop_scope="module")

ONCE, ALWAYS, NO = "Run mix once", "Always for this folder", "No"
BAR = "OTP-Genesis: verifying shop"
BEFORE_MIX_RUNS_SECONDS = 200.0
SPAWN = Squiggle(2, "spawn", "OTP101")
TEST = """\
defmodule Shop.MailerTest do
  use ExUnit.Case

  test "does not wait" do
    assert Shop.Mailer.notify("ann") == :ok
  end
end
"""
TESTED = {"test/test_helper.exs": "ExUnit.start()\n", "test/mailer_test.exs": TEST}


@pytest_lsp.fixture(scope="module", config=ClientServerConfig(SERVER, client_factory=make_editor))
async def editor(lsp_client: Editor) -> AsyncIterator[None]:
    lsp_client.said = await lsp_client.connect(abilities("visual_studio_code"))
    yield
    await lsp_client.leave()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests, so that mix compiles it once."""
    return write_shop(tmp_path_factory.mktemp("work") / "shop", TESTED)


@pytest_asyncio.fixture(loop_scope="module")
async def shop(editor: Editor, folder: Path) -> AsyncIterator[Editor]:
    editor.open_folder(folder)
    before = files(folder)
    yield editor
    editor.close_everything()
    assert files(folder) == before


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def opened(shop: Editor) -> str:
    uri = shop.open(MAILER)
    await shop.shows(uri, SPAWN)
    return uri


async def chosen(shop: Editor, action: lsp.CodeAction) -> Any:
    """What becomes of it when the user chooses an action that is a command."""
    assert action.command
    assert action.edit is None
    assert action.command.arguments
    return await shop.command(action.command.command, action.command.arguments[0])


async def verify_module(shop: Editor, uri: str) -> Any:
    (action,) = [offer for offer in await shop.actions(uri, 0) if offer.title == "Verify this module"]
    return await chosen(shop, action)


async def fix_and_verify(shop: Editor) -> Any:
    return await chosen(
        shop, await shop.action_on(await opened(shop), 2, "Fix and verify with OTP-Genesis: ")
    )


def said(shop: Editor) -> list[str]:
    return [message.message for message in shop.messages]


async def test_a_fix_that_is_verified_is_applied(shop: Editor) -> None:
    shop.answers = ONCE
    answer = await fix_and_verify(shop)
    assert (answer["verdict"], answer["applied"], answer["reason"]) == ("verified", True, "")
    assert "Task.Supervisor" in shop.texts[(shop.folder / MAILER).as_uri()]
    assert "Task.Supervisor" in shop.texts[(shop.folder / "lib/shop/application.ex").as_uri()]
    assert len(shop.questions) == 1
    assert str(shop.folder) in shop.questions[0]
    assert not trust.is_trusted(shop.folder)
    (message,) = said(shop)
    assert message.startswith("OTP-Genesis: Start the task under Shop.TaskSupervisor: Verified in ")
    assert message.endswith(", and applied")
    await shop.until(lambda: shop.has_shown(answer["document"]))
    evidence = Path(unquote(urlparse(answer["document"]).path)).read_text()
    assert evidence.startswith("# Verified: OTP101")
    assert "| existing_tests | passed |" in evidence
    assert {gate["name"]: gate["status"] for gate in answer["evidence"]["gates"]}["compile"] == "pass"
    check_bar(*shop.bars(BAR).values())


def check_bar(bar: list[Any]) -> None:
    """It can be cancelled, names the gates as they are asked, and ends."""
    begin, *reports, end = bar
    assert begin.cancellable
    steps = [report.message for report in reports]
    assert steps.index("scope") < steps.index("compile") < steps.index("existing tests")
    assert [report.percentage for report in reports] == sorted(report.percentage for report in reports)
    assert end.kind == "end"


async def test_what_is_typed_and_not_saved_is_verified(shop: Editor) -> None:
    shop.answers = ONCE
    uri = await opened(shop)
    answer = await verify_module(shop, uri)
    assert answer["verdict"] == "verified"
    assert said(shop)[-1].startswith("OTP-Genesis: shop: Verified in ")
    shop.replace(uri, "    :ok", "    :sent")
    answer = await verify_module(shop, uri)
    assert (answer["verdict"], answer["applied"]) == ("not_verified", False)
    assert "none of the project's tests passes" in answer["reason"]
    shop.replace(uri, "    :sent", "    :sent | nil")
    answer = await verify_module(shop, uri)
    assert answer["verdict"] == "rejected"
    assert "does not compile" in said(shop)[-1]


async def test_it_is_offered_to_who_asks_where_there_is_something(shop: Editor) -> None:
    uri = await opened(shop)
    assert [offer.title for offer in await shop.actions(uri, 0)] == ["Verify this module"]
    assert "Verify this module" in [offer.title for offer in await shop.actions(uri, 2)]
    assert await shop.actions(uri, 5) == []
    context = lsp.CodeActionContext([], trigger_kind=lsp.CodeActionTriggerKind.Automatic)
    place = lsp.Range(lsp.Position(0, 0), lsp.Position(0, 0))
    asked = lsp.CodeActionParams(lsp.TextDocumentIdentifier(uri), place, context)
    assert not await shop.text_document_code_action_async(asked)


async def test_who_says_no_has_nothing_run(shop: Editor) -> None:
    for answers in (NO, None):
        shop.answers = answers
        answer = await fix_and_verify(shop)
        assert (answer["verdict"], answer["applied"]) == ("not_verified", False)
        assert answer["evidence"]["isolation"] == ""
        assert "nothing was changed: Not verified: mix " in said(shop)[-1]


async def test_a_setting_allows_nothing(shop: Editor) -> None:
    """It may come with the project."""
    said_by_project = {"workspaceTrust": True}
    shop.set_configuration(said_by_project, section="otpGenesis")
    shop.workspace_did_change_configuration(lsp.DidChangeConfigurationParams({"otpGenesis": said_by_project}))
    shop.answers = NO
    assert (await shop.command("otpGenesis.verify", {}))["verdict"] == "not_verified"
    assert len(shop.questions) == 1


async def test_who_says_always_is_not_asked_again(shop: Editor) -> None:
    shop.answers = ALWAYS
    assert (await shop.command("otpGenesis.verify", {}))["verdict"] == "verified"
    assert trust.is_trusted(shop.folder)
    assert (await shop.command("otpGenesis.verify", {"uri": shop.folder.as_uri()}))["verdict"] == "verified"
    assert len(shop.questions) == 1
    trust.revoke(shop.folder)


async def test_who_cannot_be_asked_is_told_how(shop: Editor) -> None:
    shop.can_be_asked = False
    answer = await shop.command("otpGenesis.verify", {})
    assert answer["verdict"] == "not_verified"
    assert "'otp-genesis trust'" in said(shop)[0]


@pytest_lsp.fixture(scope="module", config=ClientServerConfig(SERVER, client_factory=make_editor))
async def trusting(lsp_client: Editor) -> AsyncIterator[None]:
    """An editor that asks for trust itself."""
    await lsp_client.connect(abilities("visual_studio_code"), initialization_options={"workspaceTrust": True})
    yield
    await lsp_client.leave()


async def test_the_editors_own_trust_counts(trusting: Editor, folder: Path) -> None:
    trusting.open_folder(folder)
    assert (await trusting.command("otpGenesis.verify", {}))["verdict"] == "verified"
    trusting.protocol.notify("otpGenesis/workspaceTrust", {"trusted": False})
    trust.grant(folder)
    with pytest.raises(JsonRpcException, match="restricted mode"):
        await trusting.command("otpGenesis.verify", {})
    trust.revoke(folder)
    assert trusting.questions == []


def waiting(seconds: str) -> str:
    """A test that starts a process which can be recognised, and waits for it."""
    return TEST.replace("    assert", f'    System.cmd("sleep", ["{seconds}"])\n    assert')


async def started(shop: Editor, seconds: str) -> asyncio.Future[Any]:
    """A verification that has come to run the project's tests, as the request `verify`."""
    shop.answers = ONCE
    shop.open("test/mailer_test.exs", waiting(seconds))
    request = shop.protocol.send_request("otpGenesis/verify", {}, msg_id=f"verify {seconds}")
    await shop.until(lambda: bool(processes_with(seconds)), seconds=BEFORE_MIX_RUNS_SECONDS)
    return asyncio.wrap_future(request)


async def cancelled(shop: Editor, request: asyncio.Future[Any], seconds: str) -> None:
    with pytest.raises(JsonRpcException) as failure:
        await request
    assert failure.value.code == lsp.LSPErrorCodes.RequestCancelled.value
    await shop.until(lambda: not processes_with(seconds))
    await shop.until(lambda: shop.bar(BAR) is None)
    assert said(shop) == []


async def test_cancelled_in_the_bar(shop: Editor) -> None:
    request = await started(shop, "471.1")
    token = shop.bar(BAR)
    assert token is not None
    shop.cancel_bar(token)
    await cancelled(shop, request, "471.1")


async def test_cancelled_as_a_request(shop: Editor) -> None:
    request = await started(shop, "471.2")
    shop.cancel_request(lsp.CancelParams("verify 471.2"))
    await cancelled(shop, request, "471.2")


async def test_cancelled_as_a_command(shop: Editor) -> None:
    shop.answers = ONCE
    shop.open("test/mailer_test.exs", waiting("471.3"))
    asked = lsp.ExecuteCommandParams("otpGenesis.verify", [{}])
    request = shop.protocol.send_request(lsp.WORKSPACE_EXECUTE_COMMAND, asked, msg_id="command")
    await shop.until(lambda: bool(processes_with("471.3")), seconds=BEFORE_MIX_RUNS_SECONDS)
    shop.cancel_request(lsp.CancelParams("command"))
    await cancelled(shop, asyncio.wrap_future(request), "471.3")


async def test_meanwhile_hovers_are_answered_and_what_changes_is_not_overwritten(shop: Editor) -> None:
    shop.answers = ONCE
    uri = await opened(shop)
    action = await shop.action_on(uri, 2, "Fix and verify with OTP-Genesis: ")
    shop.open("test/mailer_test.exs", waiting("1.471"))
    request = asyncio.ensure_future(chosen(shop, action))
    await shop.until(lambda: bool(processes_with("1.471")), seconds=BEFORE_MIX_RUNS_SECONDS)
    assert await shop.hover_at(uri, "spawn(")
    shop.replace(uri, '"to "', '"dear "')
    answer = await request
    assert (answer["verdict"], answer["applied"]) == ("verified", False)
    assert answer["reason"] == "lib/shop/mailer.ex was changed meanwhile"
    assert "spawn(" in shop.texts[uri]


async def test_a_finding_that_is_gone(shop: Editor) -> None:
    shop.answers = ONCE
    uri = await opened(shop)
    action = await shop.action_on(uri, 2, "Fix and verify with OTP-Genesis: ")
    shop.replace(uri, "spawn(fn -> deliver(user) end)", "deliver(user)")
    answer = await chosen(shop, action)
    assert (answer["verdict"], answer["evidence"]) == ("not_verified", None)
    assert "the finding is gone" in said(shop)[0]


async def test_an_editor_that_does_not_apply(shop: Editor) -> None:
    shop.answers, shop.applies_edits = ONCE, False
    answer = await fix_and_verify(shop)
    assert (answer["verdict"], answer["applied"]) == ("verified", False)
    assert said(shop)[-1].endswith("but nothing was changed: the file is read-only")


@pytest_asyncio.fixture(loop_scope="module")
async def above(editor: Editor, tmp_path: Path) -> AsyncIterator[Editor]:
    """A folder that is no mix project and holds two."""
    for name in ("services/shop", "other"):
        write_shop(tmp_path / name, TESTED)
    editor.open_folder(tmp_path)
    yield editor
    editor.close_everything()


async def test_a_project_below_the_folder_that_is_open(above: Editor) -> None:
    above.answers = ONCE
    uri = above.open(f"services/shop/{MAILER}")
    await above.shows(uri, SPAWN)
    answer = await chosen(above, await above.action_on(uri, 2, "Fix and verify with OTP-Genesis: "))
    assert (answer["verdict"], answer["applied"], answer["reason"]) == ("verified", True, "")
    assert str(above.folder / "services/shop") in above.questions[0]
    assert "Task.Supervisor" in above.texts[uri]


async def test_a_folder_of_several_projects(above: Editor) -> None:
    with pytest.raises(JsonRpcException, match="name a file of one"):
        await above.command("otpGenesis.verify", {})
