"""Tests that are generated from the editor: where they are offered, what arrives, what is said of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
import pytest_asyncio
import pytest_lsp
from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig

from otp_genesis_refactorers.machine import trust
from tests.exunit.shop import FLAGS, STACK, write_shop
from tests.llm.vendors import Loopback, Says, serving
from tests.lsp.editor import SERVER, Editor, abilities, make_editor

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = """\
defmodule Shop.FlagsTest do
  use ExUnit.Case

  test "a flag is set" do
    start_supervised!(Shop.Flags)
    assert Shop.Flags.set(:sale, true) == :ok
    assert Shop.Flags.on?(:sale)
  end
end
"""
ONCE, NO = "Run mix once", "No"
COMMAND = "otpGenesis.generateTest"
PUSH, INIT = STACK.splitlines().index(next(line for line in STACK.splitlines() if "def push" in line)), 11
TITLE = "Generate ExUnit test for Shop.Stack.push/2"


@pytest.fixture(scope="module", autouse=True)
def vendor() -> Iterator[Loopback]:
    """Set up before the server is started, which inherits its address."""
    with serving() as loopback, pytest.MonkeyPatch.context() as patch:
        for name, value in loopback.environment.items():
            patch.setenv(name, value)
        yield loopback


@pytest_lsp.fixture(scope="module", config=ClientServerConfig(SERVER, client_factory=make_editor))
async def editor(lsp_client: Editor) -> AsyncIterator[None]:
    await lsp_client.connect(abilities("visual_studio_code"))
    yield
    await lsp_client.leave()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests, so that mix compiles it once."""
    return write_shop(tmp_path_factory.mktemp("work") / "shop", {"test/shop/README.md": "Tests.\n"})


@pytest_asyncio.fixture(loop_scope="module")
async def shop(editor: Editor, folder: Path) -> AsyncIterator[Editor]:
    editor.open_folder(folder)
    yield editor
    editor.close_everything()
    for file in (folder / "test/shop").glob("*.exs"):
        file.unlink()


async def opened(shop: Editor, path: str) -> str:
    uri = shop.open(path)
    await shop.until(lambda: shop.is_newest(uri))
    return uri


def said(shop: Editor) -> list[str]:
    return [message.message for message in shop.messages]


async def titles(shop: Editor, uri: str, line: int) -> list[str]:
    offers = await shop.actions(uri, line)
    return [offer.title for offer in offers if offer.title.startswith("Generate")]


async def test_where_it_is_offered(shop: Editor) -> None:
    uri = await opened(shop, "lib/shop/stack.ex")
    assert await titles(shop, uri, PUSH) == [TITLE]
    assert await titles(shop, uri, INIT) == []
    assert await titles(shop, uri, 0) == []
    application = await opened(shop, "lib/shop/application.ex")
    assert await titles(shop, application, 4) == []


async def test_nobody_who_moves_the_cursor_is_offered_one(shop: Editor) -> None:
    uri = await opened(shop, "lib/shop/stack.ex")
    context = lsp.CodeActionContext([], trigger_kind=lsp.CodeActionTriggerKind.Automatic)
    place = lsp.Range(lsp.Position(PUSH, 4), lsp.Position(PUSH, 4))
    asked = lsp.CodeActionParams(lsp.TextDocumentIdentifier(uri), place, context)
    assert not await shop.text_document_code_action_async(asked)


async def test_who_says_no_gets_what_the_facts_say(shop: Editor) -> None:
    shop.answers = NO
    uri = await opened(shop, "lib/shop/stack.ex")
    (offer,) = [each for each in await shop.actions(uri, PUSH) if each.title == TITLE]
    assert offer.command
    assert offer.command.arguments
    answer: Any = await shop.command(offer.command.command, offer.command.arguments[0])
    assert (answer["applied"], answer["proven"]) == (True, False)
    assert "mix may not run" in answer["reason"]
    test = (shop.folder / "test/shop/stack_test.exs").as_uri()
    assert answer["uri"] == test
    assert shop.texts[test].startswith("defmodule Shop.Stack.PushTest do\n")
    assert "not proven" in said(shop)[-1]


async def test_who_lets_mix_run_gets_one_that_is_proven(shop: Editor) -> None:
    shop.answers = ONCE
    uri = await opened(shop, "lib/shop/flags.ex")
    shop.replace(uri, "false)", "nil)")
    position = {"line": 0, "character": 4}
    answer: Any = await shop.command(COMMAND, {"uri": uri, "position": position})
    assert (answer["applied"], answer["proven"], answer["reason"]) == (True, True, "")
    text = shop.texts[answer["uri"]]
    assert text.startswith("defmodule Shop.FlagsTest do\n")
    assert 'assert Flags.on?("flag") == nil\n' in text  # as it is typed, not as it is saved
    assert said(shop)[-1].startswith("OTP-Genesis: Add a test for Shop.Flags: proven: passes 3 times")
    *_, bar = shop.bars("OTP-Genesis: generating a test").values()
    begin, *reports, end = bar
    assert begin.cancellable
    assert [report.message for report in reports][:2] == [
        "running the client functions",
        "running the test, 1 of 3",
    ]
    assert end.kind == "end"
    assert (shop.folder / "lib/shop/flags.ex").read_text() == FLAGS


async def test_what_there_is_no_test_for(shop: Editor) -> None:
    shop.answers = NO
    uri = await opened(shop, "lib/shop/application.ex")
    answer: Any = await shop.command(COMMAND, {"uri": uri})
    assert (answer["applied"], answer["uri"]) == (False, None)
    assert answer["reason"] == "Shop.Application is an application: every test runs with it started"
    assert said(shop)[-1] == f"OTP-Genesis: nothing was changed: {answer['reason']}"


async def test_what_a_model_writes_is_only_taken_with_proof(shop: Editor, vendor: Loopback) -> None:
    uri = await opened(shop, "lib/shop/flags.ex")
    asked = {"uri": uri, "model": "claude"}
    shop.answers = NO
    assert (await shop.command(COMMAND, asked))["reason"] == "nothing was sent"
    assert vendor.asked == []
    shop.answers = "Send"
    vendor.script.append(Says(json.dumps({"source": ANSWER})))
    answer: Any = await shop.command(COMMAND, asked)
    assert (answer["applied"], answer["proven"]) == (False, False)
    assert Path(unquote(urlparse(answer["document"]).path)).read_text() == ANSWER
    assert "tokens" in answer["spent"]
    trust.grant(shop.folder)
    vendor.script.append(Says(json.dumps({"source": ANSWER})))
    answer = await shop.command(COMMAND, asked)
    trust.revoke(shop.folder)
    assert (answer["applied"], answer["proven"]) == (True, True)
    assert shop.texts[answer["uri"]] == ANSWER
