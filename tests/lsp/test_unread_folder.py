"""What a folder says before it was read."""

from __future__ import annotations

from pathlib import Path

import pytest

from otp_genesis_analyzers.findings import Severity
from otp_genesis_server.lsp.settings import Settings
from tests.example_project import DEFAULT_MIX
from tests.lsp.desk import Desk
from tests.lsp.shop import CART, CART_TEXT, MAILER, MAILER_TEXT, write_shop

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("no_pause")]

DEADLOCK = "lib/shop/counter.ex"
DEADLOCK_TEXT = """\
defmodule Shop.Counter do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  @impl true
  def init(opts), do: {:ok, opts}

  @impl true
  def handle_call(:next, _from, count) do
    {:reply, GenServer.call(self(), :last) + 1, count}
  end
end
"""


async def test_open_documents_are_shown_before_the_folder_was_read(tmp_path: Path) -> None:
    desk = Desk(write_shop(tmp_path, {DEADLOCK: DEADLOCK_TEXT}))
    desk.type(DEADLOCK, DEADLOCK_TEXT)
    assert await desk.folder.current() is None
    assert desk.shown == [(DEADLOCK, 1, ["OTP111"])]
    desk.type(DEADLOCK, "# Counts\n" + DEADLOCK_TEXT, 2)
    await desk.folder.current()
    assert desk.shown[1:] == [(DEADLOCK, 2, ["OTP111"])]
    await desk.load()
    await desk.settled()
    of_this = [shown.codes for shown in desk.shown if shown.path == DEADLOCK]
    assert all("OTP111" in codes for codes in of_this), "a squiggle that was shown has vanished"


LIBRARY_MIX = """\
defmodule Shop.MixProject do
  use Mix.Project

  def project, do: [app: :shop, version: "1.0.0"]
  def application, do: [extra_applications: [:logger]]
end
"""


@pytest.mark.parametrize(
    ("mix", "severity"), [(DEFAULT_MIX, Severity.INFORMATION), (LIBRARY_MIX, Severity.HINT)]
)
async def test_what_depends_on_the_mix_project_alone_is_shown_before_the_folder_was_read(
    tmp_path: Path, mix: str, severity: Severity
) -> None:
    desk = Desk(write_shop(tmp_path, {"mix.exs": mix}))
    desk.type(MAILER, MAILER_TEXT)
    await desk.folder.current()
    desk.settings = Settings(minimum_severity=severity)
    desk.folder.show()
    assert desk.last_shown() == {MAILER: ["OTP101"]}
    await desk.load()
    await desk.settled()
    assert [shown.codes for shown in desk.shown if shown.path == MAILER][-1] == ["OTP101"]
    assert all(shown.codes == ["OTP101"] for shown in desk.shown if shown.path == MAILER)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (MAILER, MAILER_TEXT.replace("spawn(fn -> deliver(user) end)", "Shop.Till.start_link(user)")),
        (CART, CART_TEXT),
        (DEADLOCK, DEADLOCK_TEXT.replace("use GenServer", "use Shop.Server")),
    ],
    ids=["refined by the project", "of the project", "uses what may be a wrapper"],
)
async def test_what_the_project_might_take_back_waits_for_it(tmp_path: Path, path: str, text: str) -> None:
    desk = Desk(write_shop(tmp_path))
    desk.type(path, text)
    await desk.folder.current()
    assert desk.shown == []


@pytest.mark.parametrize("folder", ["", "apps/till/"])
async def test_the_configuration_counts_before_the_folder_was_read(tmp_path: Path, folder: str) -> None:
    config = {f"{folder}.otp-genesis.toml": 'ignore = ["OTP111"]\n', f"{folder}mix.exs": DEFAULT_MIX}
    desk = Desk(write_shop(tmp_path, config))
    desk.type(folder + DEADLOCK, DEADLOCK_TEXT)
    await desk.folder.current()
    assert desk.shown == []


async def test_a_document_that_is_closed_before_the_folder_was_read(tmp_path: Path) -> None:
    desk = Desk(write_shop(tmp_path, {DEADLOCK: "defmodule Shop.Counter do\nend\n"}))
    desk.type(DEADLOCK, DEADLOCK_TEXT)
    await desk.folder.current()
    desk.folder.close(DEADLOCK)
    await desk.folder.current()
    assert desk.last_shown() == {}
    desk.type(DEADLOCK, DEADLOCK_TEXT)
    desk.folder.close(DEADLOCK)
    await desk.load()
    assert await desk.codes() == {MAILER: ["OTP101"]}
