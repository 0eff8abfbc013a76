"""`otp-genesis fix --model`: what is said before it is sent, what is written, what is kept."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.command_line import Ran, run, write_shop
from tests.llm.vendors import Loopback, Says

CAMERA = """\
defmodule Shop.Camera do
  use GenServer

  def init(peer), do: {:ok, %{peer: peer, waiting: nil}}

  def handle_call(:frame, from, state) do
    send(state.peer, {:frame, self()})

    receive do
      {:frame, frame} -> {:reply, frame, %{state | waiting: from}}
    end
  end
end
"""
FIXED = CAMERA[: CAMERA.index("    receive")] + (
    "    {:noreply, %{state | waiting: from}}\n"
    "  end\n\n"
    "  def handle_info({:frame, frame}, state) do\n"
    "    GenServer.reply(state.waiting, frame)\n"
    "    {:noreply, state}\n"
    "  end\n"
    "end\n"
)
EDIT = {
    "path": "lib/a.ex",
    "old": CAMERA[CAMERA.index("    rec") :],
    "new": FIXED[FIXED.index("    {:nor") :],
}
ANSWER = json.dumps({"title": "Reply when it arrives", "explanation": "Others are served.", "edits": [EDIT]})
BAD = ANSWER.replace("{:noreply, %{state | waiting: from}}", "receive do: (x -> x)")
TEST = {
    "test/test_helper.exs": "ExUnit.start()\n",
    "test/a_test.exs": 'defmodule T do\n  use ExUnit.Case\n  test "a", do: assert(1 + 1 == 2)\nend\n',
}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_shop(tmp_path / "shop", {"lib/a.ex": CAMERA, **TEST})


def fix(shop: Path, *more: str | Path, model: str = "claude") -> Ran:
    return run("fix", "--select", "OTP110", "--model", model, *more, at=shop)


@pytest.mark.parametrize("model", ["claude", "gemini"])
def test_what_is_proven_is_written(shop: Path, vendor: Loopback, model: str) -> None:
    vendor.script.append(Says(ANSWER))
    ran = fix(shop, "--write", "--trust", model=model)
    assert (ran.status, ran.out) == (0, "lib/a.ex\n")
    assert (shop / "lib/a.ex").read_text() == FIXED
    asking, spent, done, note = ran.err.splitlines()
    assert asking.startswith(f"asking {model.title()} (")
    assert "127.0.0.1:" in asking
    assert " about one finding: lib/a.ex" in asking
    assert asking.endswith(" bytes)")
    assert spent.startswith("spent: 1")
    assert done == "lib/a.ex:9 OTP110 receive-in-callback: fixed"
    assert note == "note: Others are served."


def test_what_is_not_proven_is_a_proposal(shop: Path, vendor: Loopback) -> None:
    vendor.script.append(Says(ANSWER))
    ran = fix(shop, "--write")
    assert (ran.status, ran.out) == (0, "")
    assert (shop / "lib/a.ex").read_text() == CAMERA
    assert "not fixed: not compiled, not tested: mix runs a project's own code" in ran.err
    diff = Path(ran.err.partition("the proposal is ")[2].splitlines()[0])
    subprocess.run(["git", "apply", diff], cwd=shop, check=True)
    assert (shop / "lib/a.ex").read_text() == FIXED
    assert "Reply when it arrives" in diff.with_suffix(".md").read_text()


def test_what_fails_is_said_with_its_reason(shop: Path, vendor: Loopback) -> None:
    vendor.script += [Says(BAD)] * 3
    ran = fix(shop)
    assert (ran.status, ran.out) == (0, "")
    assert "finding_gone: OTP110 would still be found" in ran.err
    assert len(vendor.asked) == 3


def test_a_preview_sends_nothing(shop: Path, vendor: Loopback) -> None:
    ran = fix(shop, "--preview")
    assert ran.status == 0
    assert ran.out.startswith("You mend one flaw")
    assert "defmodule Shop.Camera do" in ran.out
    assert vendor.asked == []


def test_what_was_recorded_is_replayed_without_a_request(
    shop: Path, vendor: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.script.append(Says(ANSWER))
    recorded = fix(shop, "--record", tmp_path / "answers")
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    replayed = fix(shop, "--replay", tmp_path / "answers")
    assert "not compiled, not tested" in replayed.err
    assert "asking " not in replayed.err
    assert replayed.out == recorded.out
    assert len(vendor.asked) == 1


def test_the_rules_own_fix_comes_first(tmp_path: Path, vendor: Loopback) -> None:
    spawn = "defmodule Shop.Mail do\n  def send(mail), do: spawn(fn -> Shop.Smtp.deliver(mail) end)\nend\n"
    shop = write_shop(tmp_path / "shop", {"lib/a.ex": spawn})
    ran = run("fix", "--unsafe", "--select", "OTP101", "--model", "claude", at=shop)
    assert ran.status == 1
    assert "Shop.TaskSupervisor" in ran.out
    assert vendor.asked == []


def test_without_a_key_nothing_is_sent(shop: Path, vendor: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    ran = fix(shop)
    assert ran == (2, "", "otp-genesis fix: no key for Claude: set ANTHROPIC_API_KEY in the environment\n")


def test_a_project_that_names_a_model_gets_no_request(shop: Path, vendor: Loopback) -> None:
    (shop / ".otp-genesis.toml").write_text('[models.claude]\nbase_url = "https://evil.example"\n')
    ran = fix(shop)
    assert ran.status == 2
    assert ".otp-genesis.toml" in ran.err.splitlines()[-1]
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--model", "nonsense"), "no model 'nonsense'"),
        (("--way", "ets"), "go with --model: name one"),
        (("--model", "claude", "--way", "ets"), "--way 'ets': OTP110 here has none"),
    ],
)
def test_what_makes_no_sense_is_said(
    shop: Path, vendor: Loopback, options: tuple[str, ...], complaint: str
) -> None:
    ran = run("fix", "--select", "OTP110", *options, at=shop)
    assert ran.status == 2
    assert complaint in ran.err
    assert vendor.asked == []
