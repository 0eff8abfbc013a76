"""Each gate lets a good change pass and stops a bad one."""

from __future__ import annotations

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import FixKind, Severity
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.change import Change, Edit, file_change
from otp_genesis_refactorers.gates import finding_gone, first_failure, none_new, parses
from otp_genesis_refactorers.gates.trial import Failed, Passed, Trial, try_out
from tests.fixes.fixing import STRICT, WITH_SUPERVISOR, project_of, start_findings

TEXT = """\
defmodule Shop.Mailer do
  def run(job) do
    spawn(job)
    spawn(job)
    :ok
  end
end
"""
GOOD = "Task.Supervisor.start_child(Shop.TaskSupervisor, job)"


def trial(old: str, new: str, *, text: str = TEXT, finding: int = 0) -> Trial:
    """The first `old` in the text replaced by `new`, as the fix of a finding."""
    project = project_of({"lib/a.ex": text.encode()}, WITH_SUPERVISOR)
    start = len(text[: text.index(old)].encode())
    edit = Edit(Span(start, len(old.encode())), new)
    change = Change("Try it", FixKind.UNSAFE, (file_change("lib/a.ex", text.encode(), [edit]),))
    return try_out(start_findings(project)[finding], change, project, engine.check(project, STRICT), STRICT)


def test_a_good_change_passes_all() -> None:
    assert first_failure(trial("spawn(job)", GOOD)) is None


def test_parses() -> None:
    assert parses.check(trial("spawn(job)", GOOD)) == Passed()
    assert parses.check(trial("spawn(job)", "spawn(job")) == Failed("lib/a.ex would no longer parse")
    assert parses.check(trial("    :ok\n  end", "    :ok")) == Failed("lib/a.ex would no longer parse")


def test_errors_that_were_there_before_are_none_of_the_change() -> None:
    broken = TEXT + "defmodule Shop.Torn do\n  def run(, do: :ok\nend\n"
    assert parses.check(trial("spawn(job)", GOOD, text=broken)) == Passed()


def test_finding_gone() -> None:
    assert finding_gone.check(trial("spawn(job)", GOOD)) == Passed()
    kept = finding_gone.check(trial("spawn(job)", "spawn(fn -> job.() end)"))
    assert isinstance(kept, Failed)
    assert kept.reason.startswith("OTP101 would still be found in lib/a.ex: `spawn/1` starts")


def test_a_finding_that_only_moved_is_not_gone() -> None:
    text = TEXT.replace("    spawn(job)\n    spawn(job)", "    spawn(job)")
    moved = trial("    spawn(job)\n", "    log(job)\n    spawn(job)\n", text=text)
    assert isinstance(finding_gone.check(moved), Failed)


def test_the_other_of_two_equal_findings_is_not_the_one() -> None:
    assert isinstance(finding_gone.check(trial("spawn(job)", GOOD, finding=1)), Failed)


def test_none_new() -> None:
    assert none_new.check(trial("spawn(job)", GOOD)) == Passed()
    assert none_new.check(trial("  def run", "  # far\n  # away\n\n  def run")) == Passed()
    new = none_new.check(trial(":ok", "Task.start(job)\n    :ok"))
    assert isinstance(new, Failed)
    assert new.reason.startswith("OTP102 would be found anew in lib/a.ex")


def test_a_new_hint_of_another_rule_stops_nothing() -> None:
    advised = trial(":ok", ":ets.insert(:jobs, {job, true})\n    :ok")
    assert ("OTP120", Severity.HINT) in {(found.code, found.severity) for found in advised.found_after}
    assert none_new.check(advised) == Passed()


def test_a_finding_that_moved_with_its_text_is_not_new() -> None:
    moved = trial("    spawn(job)\n    spawn(job)\n", "    spawn(job)\n    later()\n    spawn(job)\n")
    assert none_new.check(moved) == Passed()
