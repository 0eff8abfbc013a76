"""The loop around a model: what is asked, in which order, with what, and when it ends."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_refactorers.change import apply_to
from otp_genesis_refactorers.llm.mending.mend import MOST_TRIES, Mended, Task, Watch, change_of, mend
from otp_genesis_refactorers.llm.mending.proposals import as_markdown, diff_of, store
from otp_genesis_refactorers.llm.privacy.fencing import Fence
from otp_genesis_refactorers.llm.privacy.withholding import Withholding
from tests.llm.asked import connected
from tests.llm.demo import APPLICATION
from tests.llm.vendors import Asked, Loopback, Says, Step, Vendor, Waits, serving

PATH = "lib/demo/camera.ex"
FILES = {
    **APPLICATION,
    PATH: """
        defmodule Demo.Camera do
          use GenServer

          def frame(camera), do: GenServer.call(camera, :frame)
          def init(peer), do: {:ok, %{peer: peer, waiting: nil}}

          def handle_call(:frame, from, state) do
            send(state.peer, {:frame, self()})

            receive do
              {:frame, frame} -> {:reply, frame, state}
            end
          end

          def handle_info({:spare, from}, state), do: {:noreply, %{state | waiting: from}}
          def handle_info(_message, state), do: {:noreply, state}
        end
        """,
    "lib/demo/signup.ex": """
        defmodule Demo.Signup do
          def welcome(user) do
            spawn(fn -> IO.inspect(user) end)
            :ok
          end
        end
        """,
}
GOOD = """
def handle_call(:frame, from, state) do
  send(state.peer, {:frame, self()})
  {:noreply, %{state | waiting: from}}
end

def handle_info({:frame, frame}, state) do
  GenServer.reply(state.waiting, frame)
  {:noreply, state}
end
"""
BROKEN = "def handle_call(:frame, from, state) do\n  {:noreply, state\nend\n"
BLOCKING = """
def handle_call(:frame, _from, state) do
  receive do
    {:frame, frame} -> {:reply, frame, state}
  end
end
"""


def answer(code: str = GOOD, **more: object) -> Says:
    edit = {"path": PATH, "function": "Demo.Camera.handle_call/3", "new": code}
    fix: dict[str, object] = {"title": "Reply later", "explanation": "It waits.", "edits": [edit], **more}
    return Says(json.dumps(fix))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "demo"
    for path, text in FILES.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip("\n"))
    return root


def task_for(root: Path, code: str = "OTP110", **more: Any) -> Task:
    project = engine.load(root).project
    (finding,) = [found for found in engine.check(project, project.config) if found.code == code]
    withholding = Withholding.of(root, os.environ)
    return Task(root, project, project.config, finding, withholding, Fence.fresh(), **more)


def mended(
    task: Task, *script: Step | Callable[[Asked], Step], vendor: Vendor = "claude"
) -> tuple[Mended, Loopback]:
    async def run(loopback: Loopback) -> Mended:
        async with connected(loopback, vendor) as connection:
            return await mend(task, connection)

    with serving(*script) as loopback:
        return asyncio.run(run(loopback)), loopback


@pytest.mark.parametrize("vendor", ["claude", "gemini"])
def test_what_passes_the_static_gates_without_mix_is_a_proposal(root: Path, vendor: Vendor) -> None:
    result, loopback = mended(task_for(root), answer(), vendor=vendor)
    assert result.accepted is None
    assert result.reason.startswith("not compiled, not tested: mix runs a project's own code")
    assert result.proposal is not None
    assert result.proposal.is_unproven
    assert result.proposal.title == "Reply later"
    assert len(loopback.asked) == 1


def test_without_elixir_it_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otp_genesis_refactorers.machine.toolchain._USUAL_PLACES", ())
    monkeypatch.setenv("PATH", "/nowhere")
    result, _ = mended(task_for(root, trusted_for_this_run=True), answer())
    assert result.reason.startswith("not compiled, not tested: ")
    assert "lixir" in result.reason


def test_broken_syntax_then_right(root: Path) -> None:
    result, loopback = mended(task_for(root), answer(BROKEN), answer())
    assert result.attempts[0].reason.startswith("parses: ")
    assert result.attempts[-1].is_unproven
    said = "\n".join(loopback.asked[1].texts)
    assert "lib/demo/camera.ex would no longer parse" in said
    assert "+    {:noreply, state\n" in said


def test_each_try_begins_afresh_with_the_same_prefix_and_the_last_diff(root: Path) -> None:
    script = [answer(BLOCKING), answer(BROKEN), answer()]
    _, loopback = mended(task_for(root), *script)
    first, second, third = (_said(asked) for asked in loopback.asked)
    assert first.system == second.system == third.system
    assert first.stable == second.stable == third.stable
    assert second.last.startswith(first.last)
    assert "OTP110 would still be found" in second.last
    assert "OTP110 would still be found" not in third.last
    assert "would no longer parse" in third.last


def test_after_three_tries_it_is_over(root: Path) -> None:
    result, loopback = mended(task_for(root), *[answer(BLOCKING)] * 9)
    assert len(loopback.asked) == MOST_TRIES
    assert result.accepted is None
    assert "(the last of 3 tries)" in result.reason
    assert result.proposal is not None
    assert not result.proposal.is_unproven


def test_the_same_again_is_not_proved_again(root: Path) -> None:
    result, _ = mended(task_for(root), *[answer(BLOCKING)] * 3)
    assert len({id(attempt.evidence) for attempt in result.attempts}) == 1


def test_the_rules_own_fix_comes_first(root: Path) -> None:
    result, loopback = mended(task_for(root, "OTP101"))
    assert [attempt.by for attempt in result.attempts] == ["rule"]
    assert not loopback.asked


def test_a_model_that_sees_no_fix_is_believed(root: Path) -> None:
    no = Says(json.dumps({"title": "", "explanation": "", "edits": [], "cannot": "It\nis meant\x1b[31m so."}))
    result, loopback = mended(task_for(root), no)
    assert result.reason == "the model sees no fix: It is meant [31m so."
    assert not result.is_cut_short
    assert len(loopback.asked) == 1


@pytest.mark.parametrize(
    ("script", "reason", "is_cut_short"),
    [
        ([Says("", stop="refused")], "refused to answer", False),
        ([Says('{"title": "Re', stop="truncated")], "answer is longer than", False),
        ([Says("no JSON")] * 3, "gave no valid answer", False),
        ([Waits(60)], "gave no complete answer within", True),
    ],
)
def test_what_is_no_answer_is_a_reason(
    root: Path, script: list[Step], reason: str, is_cut_short: bool
) -> None:
    async def run(loopback: Loopback) -> Mended:
        async with connected(loopback, "claude", deadline_seconds=2.0) as connection:
            return await mend(task_for(root), connection)

    with serving(*script) as loopback:
        result = asyncio.run(run(loopback))
    assert reason in result.reason
    assert result.is_cut_short is is_cut_short
    assert result.proposal is None


def test_a_proposal_outlives_the_failure_after_it(root: Path) -> None:
    result, _ = mended(task_for(root), answer(BLOCKING), Says("", stop="refused"))
    assert "refused to answer" in result.reason
    assert result.proposal is not None
    assert result.proposal.title == "Reply later"


def test_a_budget_that_runs_out(root: Path, tmp_path: Path) -> None:
    file = tmp_path / "config" / "otp-genesis" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[models.budget]\nrun_tokens = 1000\n")
    result, loopback = mended(task_for(root), answer())
    assert "budget" in result.reason
    assert result.is_cut_short
    assert not loopback.asked


def test_cancelling_hangs_up_and_tells_the_threads(root: Path) -> None:
    watch = Watch()

    async def run(loopback: Loopback) -> None:
        async with connected(loopback, "claude") as connection:
            work = asyncio.create_task(mend(task_for(root), connection, watch))
            assert await asyncio.to_thread(loopback.answering.wait, 20)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work

    with serving(Says(answer().text, pause_seconds=0.2)) as loopback:
        asyncio.run(run(loopback))
        assert loopback.asked[0].aborted.wait(20)
    assert watch.cancel.is_set()


def test_what_is_withheld_is_not_asked_about(root: Path) -> None:
    (root / ".otp-genesis-ignore").write_text("lib/demo/camera.ex\n")
    result, loopback = mended(task_for(root), answer())
    assert "lib/demo/camera.ex is not sent to a model" in result.reason
    assert not loopback.asked


def test_a_test_comes_with_the_change(root: Path) -> None:
    test = 'defmodule T do\n  use ExUnit.Case\n\n  test "a" do\n    assert 1 + 1 == 2\n  end\nend'
    result, _ = mended(task_for(root), answer(test=test))
    assert result.proposal is not None
    assert result.proposal.contents["test/demo/camera_otp110_test.exs"] == f"{test}\n".encode()


def test_an_alias_that_is_left_unused_goes_too(root: Path) -> None:
    text = (root / PATH).read_text()
    aliased = text.replace("use GenServer\n", "use GenServer\n  alias Demo.Frames\n", 1)
    (root / PATH).write_text(aliased.replace("{:reply, frame, state}", "{:reply, Frames.of(frame), state}"))
    result, _ = mended(task_for(root), answer())
    assert result.proposal is not None
    assert b"alias Demo.Frames" not in result.proposal.contents[PATH]


def test_a_proposal_as_a_change_as_a_diff_and_as_a_document(root: Path) -> None:
    result, _ = mended(task_for(root), answer(BROKEN), answer(explanation="See [this](command:evil)."))
    assert result.proposal is not None
    change = change_of(result.proposal, result.task.project)
    after = apply_to(change, {PATH: (root / PATH).read_bytes()})
    assert after == result.proposal.contents
    assert diff_of(result, result.proposal).startswith(f"--- a/{PATH}\n+++ b/{PATH}\n")
    shown = as_markdown(result)
    assert shown.startswith("# Not fixed: OTP110 receive-in-callback\n")
    assert "## 2. Reply later" in shown
    assert "](command:" not in shown
    file = store(result)
    assert file.read_text() == shown
    assert file.with_suffix(".diff").read_text() == diff_of(result, result.proposal)


def test_the_fix_fits_what_is_typed_and_not_saved(root: Path) -> None:
    task = task_for(root)
    typed = (root / PATH).read_bytes().replace(b"use GenServer\n", b"use GenServer\n  # typed\n")
    loaded = engine.load(
        root, read=lambda path: typed if path == PATH else (root / path).read_bytes()
    ).project
    (finding,) = [found for found in engine.check(loaded, loaded.config) if found.code == "OTP110"]
    result, _ = mended(replace(task, project=loaded, finding=finding, unsaved={PATH: typed}), answer())
    assert result.proposal is not None
    assert b"# typed" in result.proposal.contents[PATH]


class _Said:
    def __init__(self, system: str, stable: str, last: str) -> None:
        self.system, self.stable, self.last = system, stable, last


def _said(asked: Asked) -> _Said:
    """The parts of a request to Claude."""
    body: Mapping[str, Any] = asked.body
    blocks = [block["text"] for message in body["messages"] for block in message["content"]]
    return _Said(json.dumps(body["system"]), blocks[0], blocks[-1])
