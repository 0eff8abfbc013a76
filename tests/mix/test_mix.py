"""What mix says of a project, as data."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from otp_genesis_refactorers import mix
from otp_genesis_refactorers.mix import TestCase, TestResult
from otp_genesis_refactorers.shadow.workspace import Shadow
from tests.mix.projects import MIX, state_of, trusted_shadow, write, write_till

EVERY_STATE = """\
defmodule EveryStateTest do
  use ExUnit.Case

  test "passes", do: assert Till.total([1]) == 1
  test "asserts \\"wrongly\\"", do: assert Till.total([1]) == 2
  test "raises", do: raise ArgumentError, "no"
  test "lacks a function", do: apply(Till, :gone, [])
  test "exits", do: exit(:gone)
  test "throws", do: throw(:ball)
  test "calls the dead", do: GenServer.call(:nobody, :hello)

  test "dies with another" do
    spawn_link(fn -> exit(:boom) end)
    Process.sleep(5_000)
  end

  @tag timeout: 20
  test "never ends", do: Process.sleep(5_000)

  @tag :skip
  test "is skipped", do: :ok

  describe "a block" do
    test "has a name", do: :ok
  end
end

defmodule NeverSetUpTest do
  use ExUnit.Case

  setup_all do
    assert 1 == 2
  end

  test "is invalid", do: :ok
end
"""


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Generator[Shadow]:
    """A shadow that the tests of this file share: each lays its files over it."""
    with trusted_shadow(write_till(tmp_path_factory.mktemp("mix") / "till")) as shadow:
        yield shadow


def test_every_way_in_which_a_test_can_end(till: Shadow) -> None:
    till.sync({"test/every_state_test.exs": EVERY_STATE.encode()})
    result = mix.test(till, ["test/every_state_test.exs"])
    assert result.run.status == "failed"
    assert result.run.exit_code == 2
    assert result.finished
    assert {each.name: (each.state, each.kind, each.exception) for each in result.tests} == {
        "passes": ("passed", "", ""),
        'asserts "wrongly"': ("failed", "assertion", "ExUnit.AssertionError"),
        "raises": ("failed", "error", "ArgumentError"),
        "lacks a function": ("failed", "error", "UndefinedFunctionError"),
        "exits": ("failed", "exit", ""),
        "throws": ("failed", "throw", ""),
        "calls the dead": ("failed", "exit", ""),
        "dies with another": ("failed", "exit", ""),
        "never ends": ("failed", "timeout", "ExUnit.TimeoutError"),
        "is skipped": ("skipped", "", ""),
        "a block has a name": ("passed", "", ""),
        "is invalid": ("invalid", "assertion", "ExUnit.AssertionError"),
    }
    wrong = one(result, 'asserts "wrongly"')
    assert (wrong.module, wrong.path, wrong.line) == ("EveryStateTest", "test/every_state_test.exs", 5)
    assert "Assertion with == failed" in wrong.message
    assert "left:  1" in wrong.message
    assert "setup_all" in one(result, "is invalid").message


def one(result: TestResult, name: str) -> TestCase:
    return next(each for each in result.tests if each.name == name)


def test_a_suite_that_passes(till: Shadow) -> None:
    till.sync({})
    result = mix.test(till, seed=7)
    assert (result.run.status, result.run.exit_code, result.finished, result.seed) == ("ok", 0, True, 7)
    assert [(each.name, each.state) for each in result.tests] == [("adds up", "passed")]
    assert result.run.command == ("mix", "test", "--seed", "7")
    assert "1 test, 0 failures" in result.run.stdout


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("System.halt(0)", "ended before its tests had"),
        ("System.stop(0); Process.sleep(:infinity)", "ended before its tests had"),
        (":erlang.halt(3)", ""),
    ],
)
def test_a_suite_that_does_not_come_to_its_end_has_not_passed(till: Shadow, body: str, reason: str) -> None:
    till.sync(
        {"test/halt_test.exs": f'defmodule H do\n use ExUnit.Case\n test "h" do\n {body}\n end\nend'.encode()}
    )
    result = mix.test(till, ["test/halt_test.exs"])
    assert (result.run.status, result.finished) == ("failed", False)
    assert reason in result.run.reason


def test_a_suite_that_ends_as_if_nothing_had_failed_has_failed(till: Shadow) -> None:
    lying = "System.at_exit(fn _ -> System.halt(0) end)\nExUnit.start()\n"
    till.sync({"test/test_helper.exs": lying.encode(), "test/till_test.exs": EVERY_STATE.encode()})
    assert mix.test(till, ["test/till_test.exs:5"]).run.status == "failed"


def test_a_project_with_formatters_of_its_own(till: Shadow) -> None:
    own = b"ExUnit.start(formatters: [ExUnit.CLIFormatter])\nExUnit.configure(formatters: [], seed: 3)\n"
    till.sync({"test/test_helper.exs": own})
    result = mix.test(till)
    assert (result.run.status, len(result.tests)) == ("ok", 1)


def test_a_test_file_that_does_not_compile(till: Shadow) -> None:
    till.sync({"test/till_test.exs": b"defmodule TillTest do\n  use ExUnit.Case\n  nonsense()\nend\n"})
    result = mix.test(till)
    assert (result.run.status, result.run.exit_code, result.tests) == ("failed", 1, ())
    assert "undefined function nonsense/0" in result.run.stdout + result.run.stderr


def test_no_tests_are_no_failure_and_no_success_of_any(till: Shadow) -> None:
    till.sync({"test/till_test.exs": None})
    result = mix.test(till)
    assert (result.run.status, result.tests) == ("ok", ())


def test_a_place_runs_one_test(till: Shadow) -> None:
    till.sync({"test/every_state_test.exs": EVERY_STATE.encode()})
    result = mix.test(till, ["test/every_state_test.exs:4"])
    assert result.run.status == "ok"
    assert [each.name for each in result.in_state("passed")] == ["passes"]
    assert len(result.in_state("excluded")) == 11


WARNS = b"""\
defmodule Till do
  def total(prices), do: Enum.sum(prices)
  def price(item), do: 3
end
"""


def test_warnings_are_given_also_when_nothing_is_compiled_anew(till: Shadow) -> None:
    till.sync({"lib/till.ex": WARNS})
    first, second = mix.compile(till), mix.compile(till)
    assert "Compiling 1 file" in first.run.stdout
    assert "Compiling" not in second.run.stdout
    for result in (first, second):
        [warning] = result.diagnostics
        assert result.run.status == "ok"
        assert (warning.path, warning.line, warning.severity) == ("lib/till.ex", 3, "warning")
        assert 'variable "item" is unused' in warning.message


def test_errors_have_their_places(till: Shadow) -> None:
    till.sync({"lib/till.ex": b"defmodule Till do\n  def total(prices), do: sum(prices)\nend\n"})
    result = mix.compile(till)
    [error] = [each for each in result.diagnostics if each.severity == "error"]
    assert (result.run.status, error.path, error.line) == ("failed", "lib/till.ex", 2)
    assert "undefined function sum/1" in error.message


def test_a_broken_mix_file_is_no_diagnostic(till: Shadow) -> None:
    till.sync({"mix.exs": b"defmodule Till.MixProject do"})
    result = mix.compile(till)
    assert (result.run.status, result.diagnostics) == ("failed", ())
    assert "mix.exs:1" in result.run.stderr


def test_a_change_of_the_same_size_in_the_same_second_is_seen(till: Shadow) -> None:
    seen: list[str] = []
    for digit in b"123":
        till.sync({"lib/till.ex": b"defmodule Till do\n  def total(_), do: %c\nend\n" % digit})
        seen.append(mix.run(till, ["run", "-e", "IO.write(Till.total([]))"]).stdout[-1])
    assert seen == ["1", "2", "3"]


def test_a_removed_module_is_gone_from_the_build(till: Shadow) -> None:
    till.sync({"lib/more.ex": b"defmodule More do\nend\n"})
    exists = ["run", "-e", "IO.write(Code.ensure_loaded?(More))"]
    assert mix.run(till, exists).stdout.endswith("true")
    till.sync({})
    assert mix.run(till, exists).stdout.endswith("false")


def test_layout(till: Shadow) -> None:
    overlay = {"lib/till.ex": b"defmodule  Till  do\nend\n", "lib/b.ex": b"defmodule B do"}
    till.sync(overlay)
    result = mix.format_check(till, ["mix.exs", "lib/till.ex", "lib/b.ex"])
    assert result.run.status == "failed"
    assert result.unformatted == ("lib/till.ex", "lib/b.ex")
    till.sync({".formatter.exs": b"[line_length: 30]"})
    assert mix.format_check(till, ["lib/till.ex"]).unformatted == ("lib/till.ex",)
    till.sync({".formatter.exs": b"[import_deps: [:ecto]]"})
    unknown = mix.format_check(till, ["lib/till.ex"])
    assert unknown.run.status == "not_run"
    assert "ecto" in unknown.run.reason


def test_own_tasks_report_any_text(till: Shadow, tmp_path: Path) -> None:
    till.sync({})
    speaks = r"""
    defmodule Mix.Tasks.Speak do
      use Mix.Task
      def run(_) do
        text = "ä\"\\\n\t\0👩‍👩"
        OtpGenesis.Report.write(%{text: text, bytes: <<255>>, list: [1, nil, true, :a], map: %{a: 1}})
      end
    end
    """
    script = write(tmp_path, {"speak.ex": speaks}) / "speak.ex"
    result, entries = mix.run_own_task(till, script, ["speak"])
    assert result.status == "ok"
    family = 'ä"\\\n\t\0\N{WOMAN}\N{ZERO WIDTH JOINER}\N{WOMAN}'
    assert entries == [{"text": family, "bytes": "<<255>>", "list": [1, None, True, "a"], "map": {"a": 1}}]


APP = """\
defmodule {module}.MixProject do
  use Mix.Project

  def project do
    [
      app: :{name},
      version: "0.1.0",
      build_path: "../../_build",
      deps_path: "../../deps",
      lockfile: "../../mix.lock",
      deps: [{dependency}]
    ]
  end
end
"""


def test_an_umbrella_with_a_path_dependency_outside(tmp_path: Path) -> None:
    umbrella = MIX.replace('app: :till, version: "0.1.0"', 'apps_path: "apps"')
    test = 'defmodule {0}Test do\n  use ExUnit.Case\n  test "works", do: assert {0}.value(1) == {1}\nend\n'
    far = MIX.replace("Till", "Far").replace(":till", ":far")
    write(tmp_path / "far", {"mix.exs": far, "lib/far.ex": "defmodule Far do\n  def value, do: 7\nend\n"})
    root = write(
        tmp_path / "umbrella",
        {
            "mix.exs": umbrella,
            "apps/one/mix.exs": APP.format(
                module="One", name="one", dependency='{:far, path: "../../../far"}'
            ),
            "apps/one/lib/one.ex": "defmodule One do\n  def value(unused), do: Far.value()\nend\n",
            "apps/one/test/test_helper.exs": "ExUnit.start()\n",
            "apps/one/test/one_test.exs": test.format("One", 8),
            "apps/two/mix.exs": APP.format(module="Two", name="two", dependency="{:one, in_umbrella: true}"),
            "apps/two/lib/two.ex": "defmodule Two do\n  def value(it), do: One.value(it)\nend\n",
            "apps/two/test/test_helper.exs": "ExUnit.start()\n",
            "apps/two/test/two_test.exs": test.format("Two", 7),
        },
    )
    before = state_of(tmp_path)
    with trusted_shadow(root) as shadow:
        assert [(each.path, each.line) for each in mix.compile(shadow).diagnostics] == [
            ("apps/one/lib/one.ex", 2)
        ]
        result = mix.test(shadow)
        assert result.run.status == "failed"
        assert result.finished
        assert [(each.path, each.state) for each in result.tests] == [
            ("apps/one/test/one_test.exs", "failed"),
            ("apps/two/test/two_test.exs", "passed"),
        ]
        only = mix.test(shadow, ["apps/two/test/two_test.exs"])
        assert [(each.path, each.state) for each in only.tests] == [("apps/two/test/two_test.exs", "passed")]
        assert only.run.status == "ok"
    assert state_of(tmp_path) == before


CREDO = """\
defmodule Mix.Tasks.Credo do
  use Mix.Task

  def run(["--strict", "--format", "json" | files]) do
    Mix.Task.run("compile")
    issues = Enum.map(files, &~s({"filename": "#{&1}", "line_no": 2, "check": "Credo.X", "message": "m"}))
    IO.puts(~s({\\n  "issues": [#{Enum.join(issues, ",")}]\\n}))
    if issues != [], do: exit({:shutdown, 4})
  end
end
"""


def test_credo_where_the_project_has_it(tmp_path: Path) -> None:
    mix_file = MIX.replace("Till", "Credo").replace(":till", ":credo")
    write(tmp_path / "credo", {"mix.exs": mix_file, "lib/credo.ex": CREDO})
    root = write_till(tmp_path / "till", {"mix.exs": MIX.replace("[]]", '[{:credo, path: "../credo"}]]')})
    with trusted_shadow(root) as shadow:
        result = mix.credo(shadow, ["lib/till.ex"])
        assert result.run.status == "failed"
        assert [(each.path, each.line, each.check) for each in result.issues] == [
            ("lib/till.ex", 2, "Credo.X")
        ]
        assert mix.credo(shadow).run.status == "ok"
        shadow.sync({"mix.exs": MIX.encode()})
        assert mix.credo(shadow).run.reason == "the project has no Credo"
        shadow.sync({"mix.exs": MIX.replace("[]]", '[{:credo, path: "../credo", only: :dev}]]').encode()})
        assert "test environment" in mix.credo(shadow).run.reason
