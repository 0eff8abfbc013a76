"""What a verification makes of projects that are not in order themselves. Runs mix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config
from otp_genesis_refactorers.proof.evidence import Evidence
from otp_genesis_refactorers.proof.verification import Request, verify

MIX = """\
defmodule Shop.MixProject do
  use Mix.Project

  def project, do: [app: :shop, version: "0.1.0"]
end
"""
LIB = """\
defmodule Shop do
  def price(cents), do: cents
  def old(_unused = a), do: a
  def worker(job), do: spawn(job)
end
"""
TEST = """\
defmodule ShopTest do
  use ExUnit.Case

  test "has a price", do: assert Shop.price(3) == 3
end
"""
UNSTEADY = """\
defmodule UnsteadyTest do
  use ExUnit.Case

  test "never passes", do: assert Shop.price(3) == 4
  test "passes now and then", do: assert ExUnit.configuration()[:seed] == 1
end
"""
SHOP = {
    "mix.exs": MIX,
    "lib/shop.ex": LIB,
    "test/test_helper.exs": "ExUnit.start()\n",
    "test/shop_test.exs": TEST,
}
UMBRELLA = {
    "mix.exs": MIX.replace("Shop.", "Umbrella.").replace("app: :shop", 'apps_path: "apps", deps: []'),
    **{f"apps/shop/{path}": text for path, text in SHOP.items()},
    "apps/desk/mix.exs": MIX.replace("Shop", "Desk").replace(
        'app: :shop, version: "0.1.0"', 'app: :desk, version: "0.1.0", deps: [{:shop, in_umbrella: true}]'
    ),
    "apps/desk/lib/desk.ex": "defmodule Desk do\n  def price(cents), do: Shop.price(cents)\nend\n",
    "apps/desk/test/test_helper.exs": "ExUnit.start()\n",
    "apps/desk/test/desk_test.exs": TEST.replace("Shop", "Desk"),
}
BETTER = {"lib/shop.ex": LIB.replace("do: cents", "do: cents + 0")}
WORSE = {"lib/shop.ex": LIB.replace("do: cents", "do: cents + 1")}


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))


def request(root: Path, files: Mapping[str, str], patch: Mapping[str, str]) -> Request:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    contents = {path: text.encode() for path, text in patch.items()}
    return Request(root, engine.load(root).project, Config(), contents, trusted_for_this_run=True)


def reasons(evidence: Evidence) -> dict[str, str]:
    return {gate.name: gate.reason for gate in evidence.gates if gate.status != "pass" and gate.applies}


def test_what_failed_before_says_nothing(tmp_path: Path) -> None:
    unsteady = {**SHOP, "test/unsteady_test.exs": UNSTEADY}
    asked = request(tmp_path / "shop", unsteady, BETTER)
    evidence = verify(asked)
    assert (evidence.verdict, reasons(evidence)) == ("verified", {})
    assert evidence.isolation in ("bubblewrap", "none")
    assert evidence.tools["Elixir"]
    worse = verify(replace(asked, contents={path: text.encode() for path, text in WORSE.items()}))
    assert worse.verdict == "rejected"
    assert "has a price" in worse.reason
    assert "fails, which passed before" in worse.reason


def test_without_a_test_that_passes_nothing_is_verified(tmp_path: Path) -> None:
    failing = {**SHOP, "test/shop_test.exs": TEST.replace("== 3", "== 5")}
    evidence = verify(request(tmp_path / "shop", failing, BETTER))
    assert evidence.verdict == "not_verified"
    assert reasons(evidence).keys() == {"existing_tests"}
    assert evidence.reason.startswith(
        "none of the project's tests passes as it is, 'ShopTest: has a price' for one"
    )


@pytest.mark.parametrize("helper", [True, False])
def test_without_a_test_nothing_is_verified(tmp_path: Path, helper: bool) -> None:
    files = {path: text for path, text in SHOP.items() if not path.startswith("test/")}
    files |= {"test/test_helper.exs": "ExUnit.start()\n"} if helper else {}
    evidence = verify(request(tmp_path / "shop", files, BETTER))
    assert evidence.verdict == "not_verified"
    assert evidence.reason.startswith("the project has no tests")


def test_a_project_that_does_not_compile_proves_nothing(tmp_path: Path) -> None:
    broken = {**SHOP, "lib/torn.ex": "defmodule Torn do\n  def a, do: b\nend\n"}
    evidence = verify(request(tmp_path / "shop", broken, BETTER))
    assert evidence.verdict == "not_verified"
    assert "does not compile as it is" in evidence.reason


def test_a_change_is_made_on_what_editors_hold(tmp_path: Path) -> None:
    torn = {**SHOP, "lib/shop.ex": "defmodule Shop do\n"}
    asked = request(tmp_path / "shop", torn, BETTER)
    unsaved = {"lib/shop.ex": LIB.encode()}

    def read(path: str) -> bytes:
        return unsaved[path] if path in unsaved else (asked.root / path).read_bytes()

    open_project = engine.load(asked.root, read=read).project
    evidence = verify(replace(asked, project=open_project, unsaved=unsaved))
    assert evidence.verdict == "verified", reasons(evidence)


def test_it_can_be_cancelled(tmp_path: Path) -> None:
    cancel, asked = Event(), []

    def cancel_at_compile(gate: str) -> None:
        asked.append(gate)
        if gate == "compile":
            cancel.set()

    evidence = verify(request(tmp_path / "shop", SHOP, BETTER), cancel=cancel, on_gate=cancel_at_compile)
    assert evidence.verdict == "not_verified"
    assert "cancelled" in evidence.reason
    assert asked[0] == "scope"


def test_all_apps_of_an_umbrella_are_asked(tmp_path: Path) -> None:
    asked = request(tmp_path / "shop", UMBRELLA, {f"apps/shop/{path}": text for path, text in BETTER.items()})
    assert verify(asked).verdict == "verified"
    contents = {
        "apps/desk/lib/desk.ex": UMBRELLA["apps/desk/lib/desk.ex"].replace("(cents)\n", "(-cents)\n").encode()
    }
    worse = verify(replace(asked, contents=contents))
    assert worse.verdict == "rejected"
    assert "apps/desk/test/desk_test.exs:4" in worse.reason
