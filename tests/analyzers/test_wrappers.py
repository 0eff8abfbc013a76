"""`use MyApp.Server`: what a module is when the project has its own word for `use GenServer`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import CONFIG_NAME, Config
from otp_genesis_analyzers.engine import analyze, reanalyze, with_wrappers
from otp_genesis_analyzers.facts.model import FileFacts
from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.findings import Severity
from otp_genesis_analyzers.last_good import carried_over
from otp_genesis_analyzers.project import FileSettings, Project
from otp_genesis_analyzers.roles import Role
from otp_genesis_analyzers.rules.contract import FileView, Rule
from otp_genesis_analyzers.source import Source
from tests.cli.command_line import write, write_shop

WRAPPER = """\
defmodule Shop.Server do
  defmacro __using__(options) do
    quote do
      use GenServer, unquote(options)
      @before_compile Shop.Server
    end
  end
end
"""
USER = """\
defmodule Shop.Cart do
  use Shop.Server, restart: :transient

  def init(cart), do: {:ok, cart}

  def handle_info({:sold, order}, cart) do
    spawn(fn -> Shop.Warehouse.ship(order) end)
    {:noreply, cart}
  end
end
"""


def loaded(root: Path, files: dict[str, str]) -> Project:
    return engine.load(write_shop(root, files)).project


def kinds_of(project: Project, module: str) -> frozenset[str]:
    return kinds(project.modules[module].module)


def test_a_wrapper_of_the_project_is_found(tmp_path: Path) -> None:
    project = loaded(tmp_path, {"lib/cart.ex": USER, "lib/server.ex": WRAPPER})
    assert kinds_of(project, "Shop.Cart") == {"GenServer"}
    assert kinds_of(project, "Shop.Server") == frozenset()
    [finding] = project.files["lib/cart.ex"].findings
    assert finding.severity is Severity.WARNING, "the rules see a callback of a server"


def test_a_wrapper_of_a_dependency_is_configured(tmp_path: Path) -> None:
    project = loaded(tmp_path, {"lib/cart.ex": USER, CONFIG_NAME: '[servers]\nwrappers = ["Shop.Server"]'})
    assert kinds_of(project, "Shop.Cart") == {"GenServer"}


def test_what_is_read_a_second_time_is_still_made_by_the_wrapper(tmp_path: Path) -> None:
    rest = "".join(f"\n  def total{n}(items), do: Enum.sum(items) + {n}\n" for n in range(20))
    long = USER.removesuffix("end\n") + rest + "end\n"
    project = loaded(tmp_path, {"lib/cart.ex": long, "lib/server.ex": WRAPPER})
    entry = project.module("Shop.Cart")
    assert not project.files["lib/cart.ex"].facts.whole
    assert entry is not None
    assert kinds(entry.module) == {"GenServer"}


def test_a_wrapper_that_nobody_knows(tmp_path: Path) -> None:
    project = loaded(tmp_path, {"lib/cart.ex": USER})
    assert kinds_of(project, "Shop.Cart") == frozenset()
    [finding] = project.files["lib/cart.ex"].findings
    assert finding.severity is Severity.INFORMATION


def test_each_project_of_an_umbrella_has_its_own_configuration(tmp_path: Path) -> None:
    for app in ("one", "two"):
        write_shop(tmp_path / "apps" / app, {"lib/cart.ex": USER.replace("Cart", app.title())})
    write(tmp_path, {f"apps/one/{CONFIG_NAME}": '[servers]\nwrappers = ["Shop.Server"]'})
    write(tmp_path, {"mix.exs": 'defmodule U do\n  def project, do: [apps_path: "apps"]\nend\n'})
    project = engine.load(tmp_path).project
    assert kinds_of(project, "Shop.One") == {"GenServer"}
    assert kinds_of(project, "Shop.Two") == frozenset()


NO_WRAPPERS = {
    "a macro of another name": WRAPPER.replace("__using__", "server"),
    "it uses nothing that makes a process": WRAPPER.replace("GenServer", "Ecto.Schema"),
    "it is a server itself": "defmodule Shop.Server do\n  use GenServer\nend\n",
}


@pytest.mark.parametrize("wrapper", NO_WRAPPERS.values(), ids=NO_WRAPPERS)
def test_what_is_no_wrapper(tmp_path: Path, wrapper: str) -> None:
    project = loaded(tmp_path, {"lib/cart.ex": USER, "lib/server.ex": wrapper})
    assert kinds_of(project, "Shop.Cart") == frozenset()


def test_a_wrapper_that_is_written_later(tmp_path: Path) -> None:
    """What an editor does: one file is analysed anew, the others follow."""
    before = loaded(tmp_path, {"lib/cart.ex": USER, "lib/server.ex": "defmodule Shop.Server do\nend\n"})
    assert with_wrappers(before) is before
    analysis = analyze(Source("lib/server.ex", WRAPPER.encode()), Role.LIB)
    changed = Project(before.apps, {**before.files, "lib/server.ex": analysis}, before.read, before.config)
    after = with_wrappers(changed)
    assert kinds_of(after, "Shop.Cart") == {"GenServer"}
    assert with_wrappers(after) is after


def test_half_typed_code_keeps_what_it_is(tmp_path: Path) -> None:
    project = loaded(tmp_path, {"lib/cart.ex": USER, "lib/server.ex": WRAPPER})
    before, broken = Source("lib/cart.ex", USER.encode()), Source("lib/cart.ex", f"{USER}\nx = [".encode())
    healthy = project.files["lib/cart.ex"]
    assert reanalyze(broken, Role.LIB, before, healthy, project.settings_of("lib/cart.ex")) is None
    analysis = carried_over(broken, before, healthy)
    assert kinds(analysis.facts.modules[0]) == {"GenServer"}


# --- thresholds ---------------------------------------------------------------------------------------


class Long(Rule):
    code = "OTP398"
    name = "long"
    thresholds: ClassVar = {"lines": 500, "clauses": 9}


def test_thresholds_are_the_rule_s_own_until_configured() -> None:
    facts = FileFacts("lib/a.ex", (), (), broken=False)
    source = Source("lib/a.ex", b"")
    plain = FileView(source, facts, Role.LIB)
    configured = FileView(source, facts, Role.LIB, {"OTP398": {"lines": 600}})
    assert (plain.threshold(Long(), "lines"), plain.threshold(Long(), "clauses")) == (500, 9)
    assert (configured.threshold(Long(), "lines"), configured.threshold(Long(), "clauses")) == (600, 9)


def test_settings_come_from_the_nearest_configuration() -> None:
    limits = {"OTP398": {"lines": 600}}
    config = Config(rules=limits, wrappers=("A",), nested=(("apps/one", Config(wrappers=("B",))),))
    project = Project((), {}, lambda _: b"", config)
    assert project.settings_of("lib/a.ex") == FileSettings(limits, {"A": ("GenServer",)})
    assert project.settings_of("apps/one/lib/a.ex") == FileSettings({}, {"B": ("GenServer",)})
