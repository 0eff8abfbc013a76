"""OTP118: a kill becomes a shutdown where the reason stands in the call."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.fixes import fix
from tests.fixes.fixing import STRICT, changed_files, files_of, in_function, project_of

APPLIED = {
    "a call": ("Process.exit(user, :kill)", "Process.exit(user, :shutdown)"),
    "piped": ("user |> Process.exit(:kill)", "user |> Process.exit(:shutdown)"),
    "of Erlang": (":erlang.exit(user.pid, :kill)", ":erlang.exit(user.pid, :shutdown)"),
    "for each": (
        "Enum.each(user, &Process.exit(&1, :kill))",
        "Enum.each(user, &Process.exit(&1, :shutdown))",
    ),
    "with a comment": ("Process.exit(user, :kill) # now", "Process.exit(user, :shutdown) # now"),
}
REFUSED = {
    "that ends nothing": ("Process.exit(user, :normal)", "nothing ends by the signal at lib/example.ex:3"),
    "piped, that ends nothing": ("user |> Process.exit(:normal)", "GenServer.stop/1"),
    "the system": ("System.halt(1)", "`System.stop/1`"),
    "the system, of Erlang": (":erlang.halt()", "ends the virtual machine"),
}
BY_ATTRIBUTE = """
defmodule Shop.Mailer do
  @reason :kill
  def run(user), do: Process.exit(user, @reason)
end
"""


@pytest.mark.parametrize("name", APPLIED)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_applied(name: str, newline: str) -> None:
    before, after = (in_function(body).replace("\n", newline) for body in APPLIED[name])
    project = project_of({"lib/example.ex": before.encode()})
    change = fix(found(project), project)
    assert isinstance(change, Change), change
    assert changed_files(change, project) == {"lib/example.ex": after.encode()}
    assert "traps exits" in change.notes[0]


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    body, reason = REFUSED[name]
    project = project_of(files_of(in_function(body)))
    refusal = fix(found(project), project)
    assert isinstance(refusal, Refused), refusal
    assert reason in refusal.reason


def test_a_reason_that_is_written_elsewhere() -> None:
    project = project_of(files_of(BY_ATTRIBUTE))
    refusal = fix(found(project), project)
    assert isinstance(refusal, Refused)
    assert "`@reason` at lib/example.ex:3 is written elsewhere" in refusal.reason


def test_a_call_that_changed_meanwhile() -> None:
    old = project_of(files_of(in_function("Process.exit(user, :kill)")))
    new = project_of(files_of(in_function("save(user)")))
    refusal = fix(found(old), new)
    assert isinstance(refusal, Refused)
    assert "check it again" in refusal.reason


def found(project: Project) -> Finding:
    return next(finding for finding in engine.check(project, STRICT) if finding.code == "OTP118")
