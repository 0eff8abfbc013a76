"""Where a finding is about state: its server is killed, comes back under its supervisor, and answers.

What it still knows then is for the given test to say; this shows that recovering does not itself fail, as an
`init/1` does that waits for what is not there yet.
"""

from __future__ import annotations

from otp_genesis_analyzers.forest.names import own_name
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.supervision import forest
from otp_genesis_refactorers.gates.running.experiment import Experiment
from otp_genesis_refactorers.gates.running.generated_test import passes
from otp_genesis_refactorers.gates.running.runs import patient
from otp_genesis_refactorers.gates.trial import Failed, NotRun, Passed, Verdict

RANK = 140
_STATE_PHASE = 2
_TEST = """\
defmodule OtpGenesis.CrashTest do
  use ExUnit.Case, async: false

  test "the server comes back after a crash" do
    for _ <- 1..2 do
      pid = GenServer.whereis(NAME)
      assert is_pid(pid), "it does not run"
      reference = Process.monitor(pid)
      Process.exit(pid, :kill)
      assert_receive {:DOWN, ^reference, :process, ^pid, _}, 5_000
      assert back = restarted(pid, 200), "it does not come back"
      assert :sys.get_state(back, 5_000) != :otp_genesis
    end
  end

  defp restarted(_, 0), do: nil

  defp restarted(before, tries) do
    case GenServer.whereis(NAME) do
      pid when is_pid(pid) and pid != before ->
        pid

      _ ->
        Process.sleep(20)
        restarted(before, tries - 1)
    end
  end
end
"""


def check(experiment: Experiment) -> Verdict:
    finding = experiment.trial.finding
    if finding is None:
        return NotRun("no finding was named", applies=False)
    if finding.phase != _STATE_PHASE:
        return NotRun("the finding is not about state", applies=False)
    if experiment.baseline.problem:
        return NotRun(experiment.baseline.problem)
    name = _server_name(experiment.trial.before, finding.scope)
    if not name:
        return NotRun("no supervised server of a known name is concerned", applies=False)
    app = experiment.trial.before.app_of(finding.path)
    folder = f"{app.folder}/" if app is not None and app.folder else ""
    path = f"{folder}test/otp_genesis_crash_test.exs"
    extra = {path: _TEST.replace("NAME", name).encode()}
    limits = patient(experiment.baseline.test_seconds)
    experiment.lay({}, extra)
    if passes(experiment.run_tests([path], limits=limits)) is not None:
        return NotRun(f"{name} can't be crashed in a test, with or without the change", applies=False)
    experiment.lay(experiment.contents, extra)
    failure = passes(experiment.run_tests([path], limits=limits))
    if isinstance(failure, Failed):
        return Failed(f"{name} does not survive a crash: {failure.reason}", failure.details)
    return failure or Passed()


def _server_name(project: Project, scope: str) -> str:
    """The registered name of the supervised server that a finding is about; empty when not known."""
    started = forest(project).started
    for module in _modules_of(scope):
        entry = project.module(module)
        if entry is not None and module in started:
            named = (child.name for _, child in started[module] if child.name)
            return own_name(entry.module) or next(named, "")
    return ""


def _modules_of(scope: str) -> tuple[str, str]:
    """`Shop.Cart.put/2` and `Shop.Cart`: a scope is a function, or a module by itself."""
    return scope, scope.rpartition(".")[0]
