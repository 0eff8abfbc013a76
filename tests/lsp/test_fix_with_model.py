"""Fixes by models from the editor: offered with a key, sent with consent, applied with proof."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest
import pytest_asyncio
import pytest_lsp
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig

from otp_genesis_refactorers.machine import model_consent, trust
from tests.llm.vendors import Loopback, Says, serving
from tests.lsp.editor import SERVER, Editor, Squiggle, abilities, make_editor
from tests.lsp.shop import write_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

COMMAND = "otpGenesis.fix"
CAMERA = "lib/shop/camera.ex"
TEXT = """\
defmodule Shop.Camera do
  use GenServer

  def start_link(peer), do: GenServer.start_link(__MODULE__, peer)
  def frame(camera), do: GenServer.call(camera, :frame)

  @impl true
  def init(peer), do: {:ok, %{peer: peer, waiting: nil}}

  @impl true
  def handle_call(:frame, from, state) do
    send(state.peer, {:frame, self()})

    receive do
      {:frame, frame} -> {:reply, frame, %{state | waiting: from}}
    end
  end
end
"""
FIXED = TEXT[: TEXT.index("    receive do")] + (
    "    {:noreply, %{state | waiting: from}}\n"
    "  end\n\n"
    "  @impl true\n"
    "  def handle_info({:frame, frame}, state) do\n"
    "    GenServer.reply(state.waiting, frame)\n"
    "    {:noreply, state}\n"
    "  end\n"
    "end\n"
)
TEST = """\
defmodule Shop.CameraTest do
  use ExUnit.Case, async: true

  test "starts" do
    assert is_pid(start_supervised!({Shop.Camera, self()}))
  end
end
"""
FILES = {CAMERA: TEXT, "test/test_helper.exs": "ExUnit.start()\n", "test/camera_test.exs": TEST}
RECEIVE = Squiggle(13, "receive", "OTP110")
ANSWER = json.dumps(
    {
        "title": "Reply when the frame arrives",
        "explanation": "The server takes other messages meanwhile.",
        "edits": [
            {
                "path": CAMERA,
                "old": TEXT[TEXT.index("    receive") :],
                "new": FIXED[FIXED.index("    {:nor") :],
            }
        ],
    }
)
BAR = "OTP-Genesis: Claude mends OTP110"


@pytest.fixture(scope="module", autouse=True)
def vendor() -> Iterator[Loopback]:
    """Set up before the server is started, which inherits its address."""
    with serving() as loopback, pytest.MonkeyPatch.context() as patch:
        for name, value in loopback.environment.items():
            patch.setenv(name, value)
        yield loopback


@pytest_lsp.fixture(scope="module", config=ClientServerConfig(SERVER, client_factory=make_editor))
async def editor(lsp_client: Editor) -> AsyncIterator[None]:
    lsp_client.said = await lsp_client.connect(abilities("visual_studio_code"))
    yield
    await lsp_client.leave()


@pytest_asyncio.fixture(loop_scope="module")
async def shop(editor: Editor, vendor: Loopback, tmp_path: Path) -> AsyncIterator[Editor]:
    folder = write_shop(tmp_path / "shop", FILES)
    vendor.script.clear()
    vendor.asked.clear()
    editor.open_folder(folder)
    yield editor
    editor.close_everything()
    assert (folder / CAMERA).read_text() == TEXT


async def offers(shop: Editor) -> dict[str, lsp.CodeAction]:
    uri = shop.open(CAMERA)
    await shop.shows(uri, RECEIVE)
    actions = await shop.actions(uri, RECEIVE.line, "quickfix")
    return {action.title: action for action in actions if "Fix with" in action.title}


async def chosen(shop: Editor, model: str = "Claude") -> Any:
    """What becomes of it when the user chooses the fix of a model."""
    found = await offers(shop)
    (action,) = [action for title, action in found.items() if f"({model})" in title]
    assert action.command
    assert action.command.command == COMMAND
    assert action.command.arguments
    return await shop.command(COMMAND, action.command.arguments[0])


async def test_each_provider_with_a_key_is_offered(shop: Editor) -> None:
    titles = [*await offers(shop)]
    assert [title.partition(":")[0] for title in titles] == [
        "Fix with OTP-Genesis (Claude)",
        "Fix with OTP-Genesis (Gemini)",
    ]
    assert all("Shop.Camera" in title for title in titles)


async def test_nothing_is_sent_without_consent(shop: Editor, vendor: Loopback) -> None:
    shop.answers = "No"
    result = await chosen(shop)
    assert (result["applied"], result["reason"]) == (False, "nothing was sent")
    (question,) = shop.questions
    assert question.startswith("Send code of shop to Claude (")
    assert CAMERA in question
    assert "bytes" in question
    assert vendor.asked == []


async def test_nothing_is_sent_where_nobody_can_be_asked(shop: Editor, vendor: Loopback) -> None:
    shop.can_be_asked = False
    assert (await chosen(shop))["reason"] == "nothing was sent"
    assert vendor.asked == []


async def test_what_is_proven_is_applied_and_its_cost_is_told(shop: Editor, vendor: Loopback) -> None:
    trust.grant(shop.folder)
    shop.answers = "Send"
    vendor.script.append(Says(ANSWER))
    result = await chosen(shop)
    assert (result["reason"], result["verdict"], result["applied"]) == ("", "verified", True)
    assert shop.texts[(shop.folder / CAMERA).as_uri()] == FIXED
    assert "tokens" in shop.messages[-1].message
    assert shop.messages[-1].message.startswith(
        "OTP-Genesis: Reply when the frame arrives: verified, and applied"
    )
    assert len(shop.questions) == 1
    host = vendor.url.removeprefix("http://")
    assert model_consent.is_given(shop.folder, "anthropic", host)
    assert not model_consent.is_given(shop.folder, "google", host)


async def test_what_is_not_compiled_is_only_applied_when_the_user_says_so(
    shop: Editor, vendor: Loopback
) -> None:
    model_consent.give(shop.folder, "anthropic", vendor.url.removeprefix("http://"))
    vendor.script.append(Says(ANSWER))
    result = await chosen(shop)
    assert (result["applied"], result["verdict"]) == (False, "not_verified")
    assert result["reason"].startswith("not compiled, not tested: ")
    assert "Reply when the frame arrives" in _read(result["document"])
    assert any("not compiled, not tested" in question for question in shop.questions)
    shop.close((shop.folder / CAMERA).as_uri())
    shop.answers = "Apply it unproven"
    vendor.script.append(Says(ANSWER))
    assert (await chosen(shop))["applied"] is True


async def test_what_fails_a_gate_can_be_looked_at(shop: Editor, vendor: Loopback) -> None:
    model_consent.give(shop.folder, "google", vendor.url.removeprefix("http://"))
    bad = ANSWER.replace("{:noreply, %{state | waiting: from}}", "receive do: (x -> x)")
    vendor.script += [Says(bad)] * 3
    result = await chosen(shop, "Gemini")
    assert (result["applied"], result["verdict"]) == (False, "rejected")
    assert "OTP110 would still be found" in result["reason"]
    await shop.until(lambda: len(shop.shown_documents) > 0)
    assert "OTP110 would still be found" in _read(result["document"])


async def test_cancelling_in_the_bar_hangs_up(shop: Editor, vendor: Loopback) -> None:
    model_consent.give(shop.folder, "anthropic", vendor.url.removeprefix("http://"))
    vendor.script.append(Says(ANSWER, pause_seconds=0.3))
    work = asyncio.create_task(chosen(shop))
    await shop.until(lambda: bool(vendor.asked))
    bar = shop.bar(BAR)
    assert bar is not None
    shop.cancel_bar(bar)
    with pytest.raises(JsonRpcException, match="cancelled"):
        await work
    assert await asyncio.to_thread(vendor.asked[0].aborted.wait, 20)


async def test_a_project_that_names_an_address_gets_no_request(shop: Editor, vendor: Loopback) -> None:
    shop.answers = "Send"
    (shop.folder / ".otp-genesis.toml").write_text('[models.claude]\nbase_url = "https://evil.example"\n')
    result = await chosen(shop)
    assert ".otp-genesis.toml" in result["reason"]
    assert vendor.asked == []
    assert shop.questions == []


def _read(uri: str) -> str:
    return Path(unquote(urlparse(uri).path)).read_text()
