"""`otp-genesis plan --model`: what is said before it is sent, what of the answer gets into the documents."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.command_line import Ran, run, write_shop
from tests.llm.vendors import Asked, Fails, Loopback, Says

PLAN = ".otp-genesis/plan"
CRITICAL = f"{PLAN}/01-critical-fixes.md"
DECOMPOSITION = f"{PLAN}/03-architectural-decomposition.md"
MAILER = """\
defmodule Shop.Mailer do
  def notify(user) do
    spawn(fn -> send_to(user) end)
    :ok
  end
end
"""
SAVER = MAILER.replace("Mailer", "Saver").replace("notify", "save")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_shop(tmp_path / "shop", {"lib/a.ex": MAILER, "lib/b.ex": SAVER})


def plan(shop: Path, *more: str) -> Ran:
    return run("plan", *more, at=shop)


def advises(asked: Asked) -> Says:
    """The last item first, one proposal that is about something, and one that is not."""
    ids = re.findall(r"- item ([0-9a-f]{8}):", "\n".join(asked.texts))
    proposal = {
        "phase": 3,
        "title": "Give the mails a process",
        "items": ids[:1],
        "places": [{"path": "lib/a.ex", "line": 3, "about": "the mail"}],
        "problem": "It is in the way.",
        "steps": ["Add it."],
        "test": "Kill it.",
    }
    order = [{"item": id_, "why": "It is used most."} for id_ in (*ids[::-1], "ffffffff")]
    answer = {
        "phases": [{"phase": 1, "summary": "Two crashes are silent.", "order": order}],
        "proposals": [proposal, {**proposal, "places": [{"path": "lib/z.ex", "line": 1, "about": ""}]}],
    }
    return Says(json.dumps(answer))


@pytest.mark.parametrize(("model", "title"), [("claude", "Claude"), ("gemini", "Gemini")])
def test_advice_is_asked_for_taken_and_what_is_about_nothing_said(
    shop: Path, vendor: Loopback, model: str, title: str
) -> None:
    vendor.script.append(advises)
    ran = plan(shop, "--model", model)
    assert ran.status == 0, ran.err
    first, *others = ran.err.splitlines()
    assert first.startswith(f"asking {title} (") and "lib/a.ex, lib/b.ex (" in first and "bytes)" in first
    assert "dropped: phase 1 has no open item ffffffff" in others
    assert "dropped: the proposal “Give the mails a process”: lib/z.ex is no file of the project" in others
    assert any(line.startswith("spent: ") for line in others)
    critical = (shop / CRITICAL).read_text()
    assert critical.index("Shop.Saver.save/1") < critical.index("Shop.Mailer.notify/1")
    assert "**1.1 Supervise the process spawned in `Shop.Saver.save/1`**" in critical
    assert f"By {title}, " in critical and "Two crashes are silent." in critical
    assert (shop / DECOMPOSITION).read_text().count("Give the mails a process") == 1


def test_without_a_model_nothing_is_asked(shop: Path, vendor: Loopback) -> None:
    assert plan(shop).status == plan(shop, "--no-model").status == 0
    assert vendor.asked == []


def test_a_model_and_none_exclude_each_other(shop: Path, vendor: Loopback) -> None:
    ran = plan(shop, "--no-model", "--model", "claude")
    assert (ran.status, vendor.asked) == (2, [])
    assert "exclude each other" in ran.err


def test_a_model_that_fails_leaves_the_plan_of_the_code(shop: Path, vendor: Loopback) -> None:
    vendor.script.append(Fails(401, message="no such key"))
    ran = plan(shop, "--model", "claude")
    assert ran.status == 0
    assert "the plan is written without the model: " in ran.err
    assert "Shop.Mailer.notify/1" in (shop / CRITICAL).read_text()
    assert "without a model" in (shop / PLAN / "README.md").read_text()


def test_an_unknown_model_or_no_key_is_a_usage_error(
    shop: Path, vendor: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert plan(shop, "--model", "hal").status == 2
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    ran = plan(shop, "--model", "claude")
    assert ran.status == 2
    assert "ANTHROPIC_API_KEY" in ran.err
    assert not (shop / PLAN).exists()
