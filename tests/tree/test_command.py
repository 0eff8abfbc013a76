"""`otp-genesis tree`: what is asked for, in which form, and what is said when part of it is not known."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import fastjsonschema
import pytest

from tests.cli.command_line import run, run_command, write, write_shop

EXAMPLE = Path(__file__).parents[2] / "examples" / "shaky_shop"
SCHEMA = Path(__file__).with_name("tree.schema.json")
CART = (
    "defmodule Shop.Cart do\n  use GenServer\n  def init(x), do: {:ok, x}\n"
    "  def handle_cast({:send, m}, s) do\n    spawn(fn -> m end)\n    {:noreply, s}\n  end\n\n"
    "  def post(m), do: GenServer.cast(__MODULE__, {:send, m})\nend\n"
)
APPLICATION = """\
defmodule Shop.Application do
  use Application

  def start(_type, _args) do
    Supervisor.start_link([Shop.Cart], strategy: :one_for_one, name: Shop.Supervisor)
  end
end
"""


def app(name: str) -> dict[str, str]:
    module = name.capitalize()
    return {
        f"apps/{name}/mix.exs": (
            f"defmodule {module}.MixProject do\n  use Mix.Project\n  def project, do: [app: :{name}]\n"
            f"  def application, do: [mod: {{{module}.Application, []}}]\nend\n"
        ),
        f"apps/{name}/lib/{name}.ex": (
            f"defmodule {module}.Application do\n  use Application\n"
            f"  def start(_, _), do: Supervisor.start_link([{module}.Worker], strategy: :one_for_one)\nend\n"
            f"defmodule {module}.Worker do\n  use Agent\n  def later, do: spawn(fn -> :ok end)\nend\n"
        ),
    }


UMBRELLA = {
    "mix.exs": (
        'defmodule All.MixProject do\n  use Mix.Project\n  def project, do: [apps_path: "apps"]\nend\n'
    ),
    **app("cart"),
    **app("till"),
}


@pytest.fixture(scope="module")
def valid() -> Callable[[Any], Any]:
    return fastjsonschema.compile(json.loads(SCHEMA.read_bytes()))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_shop(tmp_path, {"lib/shop/application.ex": APPLICATION, "lib/shop/cart.ex": CART})


def test_text(shop: Path) -> None:
    ran = run("tree", at=shop)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out == (
        "shop (application Shop.Application) lib/shop/application.ex:1\n"
        "└── Shop.Supervisor (Supervisor, one_for_one) lib/shop/application.ex:5\n"
        "    └── Shop.Cart (GenServer, permanent) [OTP101] lib/shop/cart.ex:1\n"
        "\n"
        "Started outside every supervisor\n"
        "└── spawn/1 (in Shop.Cart.handle_cast/2) [OTP101] lib/shop/cart.ex:5\n"
        "\n"
        "2 processes in 1 tree; 1 place starts processes outside every supervisor; 1 finding\n"
    )


def test_any_folder_or_file_of_a_project_stands_for_its_tree(shop: Path) -> None:
    whole = run("tree", at=shop).out
    assert run("tree", "lib/shop", at=shop).out == whole
    assert run("tree", "lib/shop/cart.ex", at=shop).out == whole


def test_an_app_of_an_umbrella(tmp_path: Path) -> None:
    write(tmp_path, UMBRELLA)
    both = run("tree", at=tmp_path).out
    assert both.count("(application") == 2
    for one in (run("tree", "apps/till", at=tmp_path), run("tree", "apps/till/lib", at=tmp_path)):
        assert one.out.startswith("till (application Till.Application) apps/till/lib/till.ex:1\n")
        assert "Cart" not in one.out
        assert "2 processes in 1 tree; 1 place starts processes outside" in one.out


def test_json(shop: Path, valid: Callable[[Any], Any]) -> None:
    ran = run("tree", "--format", "json", at=shop)
    tree = valid(json.loads(ran.out))
    assert tree["root"] == str(shop)
    (supervisor,) = tree["trees"][0]["process"]["children"]
    (cart,) = supervisor["children"]
    assert cart["defined_at"] == {"path": "lib/shop/cart.ex", "line": 1, "column": 11}
    assert cart["started_at"] == {"path": "lib/shop/application.ex", "line": 5, "column": 28}
    assert (cart["findings"][0]["code"], cart["findings"][0]["line"]) == ("OTP101", 5)
    (start,) = tree["outside"]
    assert start["started_at"] == {"path": "lib/shop/cart.ex", "line": 5, "column": 5}


def test_json_paths_are_relative_to_the_folder_given(tmp_path: Path, valid: Callable[[Any], Any]) -> None:
    write(tmp_path, UMBRELLA)
    tree = valid(json.loads(run("tree", "apps/till", "--format", "json", at=tmp_path).out))
    assert tree["root"] == str(tmp_path / "apps/till")
    assert tree["trees"][0]["process"]["defined_at"]["path"] == "lib/till.ex"


def test_the_example_project_fits_the_schema(valid: Callable[[Any], Any]) -> None:
    tree = valid(json.loads(run("tree", EXAMPLE, "--format", "json", at=EXAMPLE).out))
    assert len(tree["outside"]) == 11


def test_svg_and_mermaid(shop: Path) -> None:
    picture = ElementTree.fromstring(run("tree", "--format", "svg", at=shop).out)
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    chart = run("tree", "--format", "mermaid", at=shop).out
    assert chart.startswith("flowchart LR\n")
    assert '("Shop.Cart<br/>GenServer, permanent<br/>OTP101")' in chart


@pytest.mark.parametrize("form", ["text", "mermaid", "svg", "json"])
def test_twice_the_same_bytes(shop: Path, form: str) -> None:
    runs = [
        run_command("tree", "--format", form, at=shop, environment={"PYTHONHASHSEED": seed}) for seed in "12"
    ]
    assert runs[0].returncode == 0
    assert runs[0].stdout == runs[1].stdout


def test_what_is_broken_or_not_text_is_said(shop: Path, valid: Callable[[Any], Any]) -> None:
    write(shop, {"lib/a.ex": "defmodule A do\n  def (\n", "lib/b.ex": b"\xff\xfe"})
    ran = run("tree", at=shop)
    assert ran.status == 0
    assert "lib/a.ex has syntax errors: what it starts may be missing\n" in ran.out
    assert "lib/b.ex: not UTF-8 text (byte 0); it is left out\n" in ran.err
    tree = valid(json.loads(run("tree", "--format", "json", at=shop).out))
    assert (tree["broken"], tree["unparsed"]) == (["lib/a.ex"], ["lib/b.ex"])


def test_a_project_without_processes(tmp_path: Path) -> None:
    write(
        tmp_path, {"mix.exs": "defmodule A.MixProject do\n  use Mix.Project\n  def project, do: [app: :a]\n"}
    )
    write(tmp_path, {"mix.exs": (tmp_path / "mix.exs").read_text() + "  def application, do: []\nend\n"})
    ran = run("tree", at=tmp_path)
    assert (ran.status, ran.out) == (0, "no process is started by this project's code\n")


@pytest.mark.parametrize("path", ["nowhere", "folder", "folder/a.ex"])
def test_what_is_no_project(tmp_path: Path, path: str) -> None:
    write(tmp_path, {"folder/a.ex": CART})
    status, out, err = run("tree", path, at=tmp_path)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("otp-genesis tree: ")


def test_help_has_an_example(tmp_path: Path) -> None:
    assert "otp-genesis tree apps/shop --format svg > shop.svg" in run("tree", "--help", at=tmp_path).out
