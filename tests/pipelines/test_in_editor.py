"""Runs for an editor: what it is handed in place of a commit, with the real mix."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from otp_genesis_analyzers.findings import FixKind
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.codebase import Codebase, open_files
from otp_genesis_refactorers.llm.connecting import Model
from otp_genesis_refactorers.llm.preview import Preview
from otp_genesis_refactorers.pipelines.plan_source import PlanOnDisk
from otp_genesis_refactorers.pipelines.running import Editor, Report
from tests.pipelines.pipelines import SHOP, perform, pipeline, write

CLOCK = """\
defmodule Shop.Clock do
  use GenServer

  def start_link(_opts), do: GenServer.start_link(__MODULE__, 0)

  @impl true
  def init(count) do
    send(self(), :begin)
    {:ok, count}
  end

  @impl true
  def handle_info(:begin, count), do: {:noreply, count + 1}
end
"""
CLOCK_TEST = """\
defmodule Shop.ClockTest do
  use ExUnit.Case

  test "it begins" do
    assert :sys.get_state(start_supervised!(Shop.Clock)) == 1
  end
end
"""
FIX = """\
- {{name: find_{rule}, type: analyze, rule: {rule}}}
- {{name: fix_{rule}, type: edit, fix: "{{{{ steps.find_{rule}.findings }}}}", partly: true}}
"""
SAFE, UNSAFE = FIX.format(rule="OTP205"), FIX.format(rule="OTP101")
BY_HAND = """\
- name: more
  type: edit
  changes: [{path: lib/shop/clock.ex, old: "use GenServer\\n", new: "use GenServer\\n\\n"}]
"""
VERIFIED = "- {name: verify, type: verify}\n"


class Shown:
    """The files of a folder as an editor shows them, and what it was handed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.buffers: dict[str, bytes] = {}
        self.handed: list[Change] = []
        self.typed_meanwhile = b""

    def open_code(self, _commit: str) -> Codebase | Refused:
        return open_files(self.root, self.buffers)

    def deliver(self, change: Change) -> Refused | None:
        self.handed.append(change)
        if not self.typed_meanwhile:
            return None
        self.buffers["lib/shop/clock.ex"] = self.typed_meanwhile
        return Refused("lib/shop/clock.ex was changed meanwhile")

    async def may_send(self, _model: Model, _preview: Preview) -> bool:
        return False

    def run(self, steps: str) -> Report:
        file = pipeline(self.root.parent, steps)
        with ThreadPoolExecutor() as threads:
            editor = Editor(self.open_code, self.deliver, self.may_send, PlanOnDisk(self.root), threads)
            return perform(file, self.root, editor=editor, trusted_for_this_run=True)


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    clock = {"lib/shop/clock.ex": CLOCK, "test/shop/clock_test.exs": CLOCK_TEST}
    return Shown(write(tmp_path / "shop", {**SHOP, **clock}))


@pytest.mark.parametrize(
    ("steps", "kind"),
    [
        (SAFE, FixKind.SAFE),
        (UNSAFE, FixKind.UNSAFE),
        (SAFE + UNSAFE, FixKind.UNSAFE),
        (SAFE + BY_HAND, FixKind.UNSAFE),
    ],
    ids=["a safe fix", "an unsafe one", "both", "an edit after a safe fix"],
)
def test_only_safe_fixes_need_no_confirmation(shown: Shown, steps: str, kind: FixKind) -> None:
    report = shown.run(steps + VERIFIED)
    assert (report.is_done, report.reason) == (True, "")
    assert [change.kind for change in shown.handed] == [kind]


def test_what_was_undone_is_taken_up_from_what_the_editor_shows_by_then(shown: Shown) -> None:
    shown.typed_meanwhile = CLOCK.replace("count + 1", "count + 2").encode()
    rest = """\
- {name: keep, type: git_commit, message: Begin otherwise, on_error: continue}
- {name: undo, type: edit, undo: true}
- {name: read, type: file_ops, operation: read, path: lib/shop/clock.ex}
"""
    report = shown.run(SAFE + VERIFIED + rest)
    assert [failure.reason for failure in report.failures] == ["lib/shop/clock.ex was changed meanwhile"]
    assert "count + 2" in report.last_text
