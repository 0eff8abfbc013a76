"""`otp-genesis fix --verify`: only what compiles and passes the tests is shown or written."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.command_line import COMMAND, run, write
from tests.example_project import DEFAULT_APPLICATION, DEFAULT_MIX

MAIL = """\
defmodule Shop.Mail do
  def deliver(mail, to) do
    spawn(fn -> send(to, {:mail, mail}) && Shop.Tags.sent(mail) end)
    :ok
  end
end
"""
TAGS = """\
defmodule Shop.Tags do
  def tag(text), do: String.to_atom(text)

  def sent(mail), do: mail
end
"""
TESTS = """\
defmodule Shop.MailTest do
  use ExUnit.Case

  test "mail goes out" do
    assert Shop.Mail.deliver("hello", self()) == :ok
    assert_receive {:mail, "hello"}, 1_000
  end

  test "any text is a tag" do
    assert is_atom(Shop.Tags.tag("never seen before: #{System.unique_integer()}"))
  end
end
"""
SHOP = {
    "mix.exs": DEFAULT_MIX,
    ".otp-genesis.toml": 'select = ["OTP101", "OTP112"]\n',
    "lib/shop/application.ex": DEFAULT_APPLICATION,
    "lib/shop/mail.ex": MAIL,
    "lib/shop/tags.ex": TAGS,
    "test/test_helper.exs": "ExUnit.start()\n",
    "test/shop/mail_test.exs": TESTS,
}
SPAWN, ATOM = "lib/shop/mail.ex:3 OTP101 unsupervised-spawn", "lib/shop/tags.ex:2 OTP112 dynamic-atom"


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / variable))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write(tmp_path / "shop", SHOP)


def texts(root: Path) -> dict[str, str]:
    return {file.relative_to(root).as_posix(): file.read_text() for file in root.rglob("*") if file.is_file()}


def test_what_breaks_a_test_is_left_out_and_the_rest_is_written(shop: Path, tmp_path: Path) -> None:
    ran = run("fix", "--unsafe", "--verify", "--trust", "--write", at=shop)
    assert (ran.status, ran.out) == (1, "lib/shop/application.ex\nlib/shop/mail.ex\n")
    said = ran.err.splitlines()
    assert said[0] == f"{SPAWN}: fixed"
    assert said[1].startswith(f"{ATOM}: not verified, so left out: the test 'any text is a tag' ")
    assert "Task.Supervisor.start_child(Shop.TaskSupervisor, fn ->" in texts(shop)["lib/shop/mail.ex"]
    assert texts(shop)["lib/shop/tags.ex"] == TAGS
    assert len(list((tmp_path / "XDG_DATA_HOME").rglob("*.json"))) == 3
    assert not (shop / "_build").exists()

    again = run("fix", "--unsafe", "--verify", "--trust", "--select", "OTP101", at=shop)
    assert again == (0, "", "nothing to fix\n")


def test_what_is_verified_is_shown(shop: Path) -> None:
    before = texts(shop)
    ran = run("fix", "--unsafe", "--verify", "--trust", "--select", "OTP101", at=shop)
    assert ran.status == 1
    assert ran.out.startswith("--- a/lib/shop/application.ex\n")
    assert ran.err.splitlines()[0] == f"{SPAWN}: would be fixed"
    assert texts(shop) == before


def test_without_trust_nothing_is_run_shown_or_written(shop: Path, tmp_path: Path) -> None:
    before = texts(shop)
    ran = run("fix", "--unsafe", "--verify", "--write", at=shop)
    assert (ran.status, ran.out) == (1, "")
    for said, place in zip(ran.err.splitlines(), (SPAWN, ATOM), strict=True):
        assert said.startswith(f"{place}: not verified, so left out: ")
        assert "--trust" in said
    assert texts(shop) == before
    assert not (tmp_path / "XDG_CACHE_HOME/otp-genesis/shadows").exists()


def test_nothing_to_fix_needs_no_proof(shop: Path) -> None:
    assert run("fix", "--verify", "--select", "OTP410", at=shop) == (0, "", "nothing to fix\n")


def test_outside_a_mix_project(tmp_path: Path) -> None:
    write(tmp_path, {"a.ex": MAIL})
    ran = run("fix", "a.ex", "--unsafe", "--verify", "--trust", at=tmp_path)
    assert (ran.status, ran.out) == (2, "")
    assert ran.err.splitlines()[-1].endswith("belongs to no mix project, so nothing of it can be verified")


def test_an_interruption_leaves_the_project_as_it_is(shop: Path, tmp_path: Path) -> None:
    before = texts(shop)
    process = subprocess.Popen(
        [COMMAND, "fix", "--unsafe", "--verify", "--trust", "--write"],
        cwd=shop,
        env=dict(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    shadows = tmp_path / "XDG_CACHE_HOME/otp-genesis/shadows"
    while process.poll() is None and not list(shadows.rglob("mail.ex")):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"otp-genesis: interrupted\n")
    assert texts(shop) == before
