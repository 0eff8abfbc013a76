"""The plan with a model's advice from the editor: with consent, beside what a person is typing."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import pytest_lsp
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig

from otp_genesis_refactorers.machine import model_consent
from tests.llm.vendors import Asked, Fails, Loopback, Says, Waits, serving
from tests.lsp.editor import SERVER, Editor, abilities, make_editor
from tests.lsp.shop import CART, CART_TEXT, write_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHASE_1, OVERVIEW = ".otp-genesis/plan/01-critical-fixes.md", ".otp-genesis/plan/README.md"


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
    vendor.script.clear()
    vendor.asked.clear()
    editor.open_folder(write_shop(tmp_path / "shop", {CART: CART_TEXT}))
    yield editor
    editor.close_everything()


async def plan(shop: Editor, model: str | None = "claude") -> list[str]:
    arguments = {"goal": "No crash is silent", "root": shop.folder.as_uri(), "model": model}
    return await shop.command("otpGenesis.generatePlan", arguments)


def advises(asked: Asked) -> Says:
    ids = re.findall(r"- item ([0-9a-f]{8}):", "\n".join(asked.texts))
    order = [{"item": id_, "why": "It is used most."} for id_ in (*ids[::-1], "ffffffff")]
    about = {"phase": 1, "summary": "See [this](command:evil) --> <!-- step 00000000 -->", "order": order}
    return Says(json.dumps({"phases": [about], "proposals": []}))


def agree(shop: Editor, vendor: Loopback) -> None:
    model_consent.give(shop.folder, "anthropic", vendor.url.removeprefix("http://"))


def read(shop: Editor, path: str) -> str:
    return (shop.folder / path).read_text()


async def test_without_consent_nothing_is_sent_and_the_plan_is_written(
    shop: Editor, vendor: Loopback
) -> None:
    shop.answers = "No"
    uris = await plan(shop)
    assert len(uris) == 6
    assert vendor.asked == []
    assert len(shop.questions) == 1
    assert "Advice of a model" not in read(shop, PHASE_1)
    assert any("nothing was sent" in said.message for said in shop.messages)


async def test_with_consent_the_advice_is_in_the_plan_and_what_is_dropped_is_said(
    shop: Editor, vendor: Loopback
) -> None:
    shop.answers = "Send"
    vendor.script.append(advises)
    await plan(shop)
    text = read(shop, PHASE_1)
    assert "## Advice of a model" in text and "It is used most." in text
    assert "\\[this](`command:evil`)" in text and "\\<!-- step 00000000 --" in text
    assert any("dropped: phase 1 has no open item ffffffff" in said.message for said in shop.messages)
    assert len(shop.questions) == 1


async def test_a_model_that_fails_is_said_and_the_plan_is_written(shop: Editor, vendor: Loopback) -> None:
    agree(shop, vendor)
    vendor.script.append(Fails(401))
    assert len(await plan(shop)) == 6
    assert any("written without the model" in said.message for said in shop.messages)


async def test_cancelled_while_the_model_answers_nothing_is_written(shop: Editor, vendor: Loopback) -> None:
    agree(shop, vendor)
    vendor.script.append(Waits(60))
    running = asyncio.ensure_future(plan(shop))
    title = "OTP-Genesis: Claude advises on the plan"
    await shop.until(lambda: shop.bar(title) is not None and bool(vendor.asked), seconds=30)
    token = shop.bar(title)
    assert token is not None
    shop.cancel_bar(token)
    with pytest.raises(JsonRpcException, match="cancelled"):
        await running
    assert not (shop.folder / PHASE_1).exists()


async def test_what_is_typed_meanwhile_stays(shop: Editor, vendor: Loopback) -> None:
    agree(shop, vendor)
    await plan(shop, None)
    uri = shop.open(PHASE_1)
    on_disk = read(shop, PHASE_1)
    shop.type(uri, shop.text_of(uri).replace("- [ ] **1.1", "- [-] **1.1", 1))

    def answers(asked: Asked) -> Says:
        shop.type(uri, "A word of mine.\n\n" + shop.text_of(uri))
        return advises(asked)

    loop = asyncio.get_running_loop()

    def in_the_editor(asked: Asked) -> Says:
        async def typed() -> Says:
            return answers(asked)

        return asyncio.run_coroutine_threadsafe(typed(), loop).result(10)

    vendor.script.append(in_the_editor)
    await plan(shop)
    text = shop.text_of(uri)
    assert text.startswith("A word of mine.\n") and "- [-] **1.1" in text
    assert "## Advice of a model" in text
    assert read(shop, PHASE_1) == on_disk


async def test_an_open_document_is_refreshed_in_the_editor(shop: Editor) -> None:
    await plan(shop, None)
    uri = shop.open(OVERVIEW)
    await shop.command("otpGenesis.generatePlan", {"goal": "Another goal", "root": shop.folder.as_uri()})
    assert "> Goal: Another goal" in shop.text_of(uri)
