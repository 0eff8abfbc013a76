"""The supervision tree in the editor: as a document, and who supervises the module under the cursor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse
from xml.etree import ElementTree

import pytest
import pytest_asyncio
import pytest_lsp
from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig

from tests.lsp.editor import SERVER, Editor, abilities, make_editor
from tests.lsp.shop import APPLICATION, write_shop

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHOW = "otpGenesis.showSupervisionTree"
FILES = {
    APPLICATION: """\
defmodule Shop.Application do
  use Application
  alias Shop.Cart, as: Basket

  def start(_type, _args) do
    children = [{DynamicSupervisor, name: Shop.Baskets}, {Basket, 1}, Shop.Till]
    Supervisor.start_link(children, strategy: :rest_for_one, name: Shop.Supervisor)
  end

  def total(id), do: Basket.total(id)
end
""",
    "lib/shop/cart.ex": """\
defmodule Shop.Cart do
  use GenServer, restart: :transient

  def open(id), do: DynamicSupervisor.start_child(Shop.Baskets, {__MODULE__, id})
  def total(pid), do: GenServer.call(pid, :total)
  def init(id), do: {:ok, id}
  def handle_call(:total, _from, id), do: {:reply, id, id}
end
""",
    "lib/shop/audit.ex": """\
defmodule Shop.Audit do
  use GenServer

  def begin, do: GenServer.start_link(__MODULE__, [])
  def init(x), do: {:ok, x}
end

defmodule Shop.Idle do
  use GenServer
  def init(x), do: {:ok, x}
end

defmodule Shop.Plain do
  def price(id), do: id
end
""",
}


@pytest_lsp.fixture(scope="module", config=ClientServerConfig(SERVER, client_factory=make_editor))
async def editor(lsp_client: Editor) -> AsyncIterator[None]:
    lsp_client.said = await lsp_client.connect(abilities("visual_studio_code"))
    yield
    await lsp_client.leave()


@pytest_asyncio.fixture(loop_scope="module")
async def shop(editor: Editor, tmp_path: Path) -> AsyncIterator[Editor]:
    editor.open_folder(write_shop(tmp_path, FILES))
    yield editor
    editor.close_everything()


def file_of(uri: str) -> Path:
    return Path(unquote(urlparse(uri).path))


async def hovered(shop: Editor, path: str, text: str) -> str:
    """What is said at the first place of `text`; empty when nothing is."""
    uri = (shop.folder / path).as_uri()
    if uri not in shop.texts:
        shop.open(path)
    await shop.command(SHOW, {})  # which waits until the folder is read
    hover = await shop.hover_at(uri, text)
    if hover is None:
        return ""
    assert isinstance(hover.contents, lsp.MarkupContent)
    return hover.contents.value


# --- the document ----------------------------------------------------------------------------------


async def test_the_tree_is_written_and_opened(shop: Editor) -> None:
    shown = await shop.command(SHOW, {"root": shop.folder.as_uri()})
    assert shown["root"] == shop.folder.as_uri()
    file = file_of(shown["uri"])
    assert not file.is_relative_to(shop.folder)
    assert file.read_text() == shown["markdown"]
    assert "└── Shop.Supervisor (Supervisor, rest_for_one)" in shown["markdown"]
    assert "```mermaid\nflowchart LR\n" in shown["markdown"]
    await shop.until(lambda: bool(shop.shown_documents))
    assert shop.has_shown(shown["uri"])
    places = {
        (node.get("data-path"), node.get("data-line"))
        for node in ElementTree.fromstring(shown["svg"]).iter("{http://www.w3.org/2000/svg}g")
        if node.get("data-path")
    }
    assert ("lib/shop/cart.ex", "1") in places


async def test_findings_link_to_their_lines(shop: Editor) -> None:
    shown = await shop.command(SHOW, {})
    mailer = (shop.folder / "lib/shop/mailer.ex").as_uri()
    assert (
        f"| [`lib/shop/mailer.ex:3`](<{mailer}#L3>) | OTP101 unsupervised-spawn, information | "
        in shown["markdown"]
    )


@pytest.mark.parametrize(
    ("form", "start"), [("svg", "<svg "), ("text", "shop ("), ("json", "{"), ("mermaid", "flow")]
)
async def test_other_formats(shop: Editor, form: str, start: str) -> None:
    shown = await shop.command(SHOW, {"format": form})
    assert file_of(shown["uri"]).read_text().startswith(start)
    assert shown["markdown"].startswith("# Supervision tree of ")


async def test_unsaved_text_counts(shop: Editor) -> None:
    uri = shop.open(APPLICATION)
    shop.replace(uri, ", Shop.Till]", ", Shop.Till, Shop.Unsaved]")
    shown = await shop.command(SHOW, {})
    assert "└── Shop.Unsaved" in shown["markdown"]


async def test_as_a_request(shop: Editor) -> None:
    shown: Any = await shop.protocol.send_request_async(SHOW.replace(".", "/"), {"format": "svg"})
    assert shown.svg.startswith("<svg ")


async def test_what_is_no_format_or_no_project(shop: Editor) -> None:
    with pytest.raises(JsonRpcException, match="format"):
        await shop.command(SHOW, {"format": "png"})
    with pytest.raises(JsonRpcException, match="no mix project at"):
        await shop.command(SHOW, {"root": "file:///nowhere/at/all"})


# --- hover -----------------------------------------------------------------------------------------


async def test_a_process_says_who_supervises_it(shop: Editor) -> None:
    said = await hovered(shop, "lib/shop/cart.ex", "Cart do")
    place = f"(<{(shop.folder / APPLICATION).as_uri()}#L6>)"
    assert said.startswith("**Shop.Cart** · GenServer\n\n")
    assert (
        f"Supervised by `Shop.Supervisor` (`rest_for_one`), restart `transient`, [`{APPLICATION}:6`]{place}."
        in said
    )
    assert (
        "Supervised by `Shop.Baskets`, restart `transient`, started by `Shop.Cart.open/1`, [`lib/shop/"
        in said
    )


async def test_where_code_names_a_process(shop: Editor) -> None:
    for text in ("Basket, 1", "Basket.total"):
        assert (await hovered(shop, APPLICATION, text)).startswith("**Shop.Cart** · GenServer\n")


async def test_a_process_outside_any_supervisor(shop: Editor) -> None:
    said = await hovered(shop, "lib/shop/audit.ex", "Shop.Audit")
    assert "Started **outside any supervisor** by `Shop.Audit.begin/0`, [`lib/shop/audit.ex:4`]" in said


async def test_a_process_that_nobody_starts_and_an_application(shop: Editor) -> None:
    assert (await hovered(shop, "lib/shop/audit.ex", "Idle")).endswith(
        "No supervisor of this project starts it."
    )
    said = await hovered(shop, APPLICATION, "Shop.Application")
    assert said.endswith("The application module of `shop`: the runtime starts it.")


async def test_no_claim_about_a_list_that_is_known_at_run_time_only(shop: Editor) -> None:
    uri = shop.open(APPLICATION)
    shop.replace(uri, ", Shop.Till]", ", Shop.Till] ++ more()")
    assert "No supervisor is seen to start it" in await hovered(shop, "lib/shop/audit.ex", "Idle")


async def test_what_is_no_process_says_nothing(shop: Editor) -> None:
    assert await hovered(shop, "lib/shop/audit.ex", "Shop.Plain") == ""
    assert await hovered(shop, "lib/shop/audit.ex", "price") == ""
    assert await hovered(shop, "lib/shop/cart.ex", "GenServer.call") == ""
    assert await hovered(shop, "lib/shop/cart.ex", "total(pid)") == ""
