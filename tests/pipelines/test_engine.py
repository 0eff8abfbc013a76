"""What steps do together: order, conditions, loops, limits, failures that a pipeline outlives."""

from __future__ import annotations

import asyncio
import resource
import time
from contextlib import closing
from pathlib import Path

import pytest

from otp_genesis_refactorers.pipelines.journal import Journal
from otp_genesis_refactorers.pipelines.progress import Progress
from otp_genesis_refactorers.pipelines.running import CantRun, prepare, run
from tests.pipelines.pipelines import SHOP, committed, git, perform, pipeline, problems, wish, write


def outputs(root: Path, steps: str, output: str) -> object:
    file = pipeline(root, steps, top=f'outputs: {{value: "{output}"}}\n')
    report = perform(file, root)
    assert report.is_done, report.reason
    return report.outputs["value"]


def test_values_go_from_step_to_step(tmp_path: Path) -> None:
    write(tmp_path, SHOP)
    steps = """\
    - {name: find, type: search, pattern: spawn, glob: "lib/**"}
    - {name: note, type: set_variable, variables: {where: "{{ steps.find.matches[0].path }}"}}
    - {name: shape, type: codebase_query, query: functions, glob: "{{ where }}"}
    """
    assert outputs(tmp_path, steps, "{{ steps.shape.text }}") == "lib/shop/mailer.ex: Shop.Mailer.welcome/1"


def test_a_step_is_skipped_and_is_no_success(tmp_path: Path) -> None:
    steps = """\
    - {name: a, type: set_variable, condition: "1 == 2", variables: {x: 1}}
    - name: b
      type: if
      condition: steps.a.status == 'skipped'
      then: [{name: c, type: set_variable, variables: {y: then}}]
      else: [{name: d, type: set_variable, variables: {y: else}}]
    """
    given = "{{ [steps.a.status, steps.c.status, steps.d.status, y] | join(' ') }}"
    assert outputs(tmp_path, steps, given) == "skipped done skipped then"


def test_a_loop_goes_on_after_an_item_that_failed(tmp_path: Path) -> None:
    write(tmp_path, {"a.txt": "A", "c.txt": "C"})
    steps = """\
    - name: each
      type: for_loop
      items: [a.txt, b.txt, c.txt]
      on_item_error: continue
      collect: "{{ steps.read.content }}"
      steps: [{name: read, type: file_ops, operation: read, path: "{{ item }}"}]
    """
    file = pipeline(
        tmp_path, steps, top='outputs: {value: "{{ steps.each.values }}", left: "{{ steps.each.failed }}"}\n'
    )
    report = perform(file, tmp_path)
    assert report.outputs == {"value": ["A", "C"], "left": 1}
    [failure] = report.failures
    assert failure.path == "each[1]/read"
    assert "b.txt" in failure.reason


def test_a_loop_ends_with_an_item_that_failed(tmp_path: Path) -> None:
    steps = """\
    - name: each
      type: for_loop
      items: [a.txt, b.txt]
      steps: [{name: read, type: file_ops, operation: read, path: "{{ item }}"}]
    """
    report = perform(pipeline(tmp_path, steps), tmp_path)
    assert not report.is_done
    assert report.reason.startswith("each[0]/read: ")


def test_a_while_loop_ends_or_fails(tmp_path: Path) -> None:
    steps = """\
    - {name: begin, type: set_variable, variables: {n: 0}}
    - name: count
      type: while_loop
      until: n == 4
      max_rounds: %s
      collect: "{{ n }}"
      steps: [{name: add, type: set_variable, variables: {n: "{{ n + 1 }}"}}]
    """
    assert outputs(tmp_path, steps % 5, "{{ steps.count.values }}") == [1, 2, 3, 4]
    report = perform(pipeline(tmp_path, steps % 3), tmp_path)
    assert report.reason == "count: its 3 rounds are used up, and it has not come to its end"


def test_a_round_sees_the_round_before(tmp_path: Path) -> None:
    steps = """\
    - name: each
      type: for_loop
      items: [1, 2, 3]
      collect: "{{ steps.keep.variables.seen }}"
      steps:
        - name: keep
          type: set_variable
          variables: {seen: "{{ item if loop.first else loop.previous.keep.variables.seen * 10 + item }}"}
    """
    assert outputs(tmp_path, steps, "{{ steps.each.values }}") == [1, 12, 123]


def test_break_if_ends_a_loop(tmp_path: Path) -> None:
    steps = """\
    - name: each
      type: for_loop
      items: [1, 2, 3, 4]
      break_if: steps.keep.variables.x == 2
      collect: "{{ item }}"
      steps: [{name: keep, type: set_variable, variables: {x: "{{ item }}"}}]
    """
    assert outputs(tmp_path, steps, "{{ steps.each.values }}") == [1, 2]


def test_a_called_pipeline_sees_its_inputs_alone(tmp_path: Path) -> None:
    inner = "- {name: double, type: set_variable, variables: {x: '{{ inputs.n * 2 }}'}}\n"
    pipeline(
        tmp_path, inner, name="inner.yaml", top="inputs: {n: {type: integer}}\noutputs: {twice: '{{ x }}'}\n"
    )
    steps = """\
    - {name: begin, type: set_variable, variables: {x: 20}}
    - {name: call, type: pipeline, file: inner.yaml, inputs: {n: "{{ x }}"}}
    """
    assert outputs(tmp_path, steps, "{{ [x, steps.call.twice] }}") == [20, 40]


def test_a_value_of_the_wrong_type_is_refused(tmp_path: Path) -> None:
    steps = "- {name: a, type: set_variable, variables: {x: '{{ inputs.n }}'}}\n"
    file = pipeline(
        tmp_path, steps, top="inputs: {n: {type: integer}, kind: {choices: [a, b], default: a}}\n"
    )
    with closing(Journal()) as journal:
        for variables, said in (
            ({"n": "many"}, "no value of type integer"),
            ({"n": "1.5"}, "it has to be of type integer"),
            ({"n": "1", "kind": "c"}, "give 'a' or 'b'"),
            ({"n": "1", "m": "2"}, "--var m"),
        ):
            with pytest.raises(CantRun, match=said):
                prepare(wish(file, tmp_path, variables=variables), journal)
    [problem] = problems(file, tmp_path)
    assert "give it with --var n=..." in problem


def test_on_error_continue_keeps_the_reason(tmp_path: Path) -> None:
    steps = """\
    - {name: read, type: file_ops, operation: read, path: nowhere.txt, on_error: continue}
    - {name: after, type: set_variable, variables: {why: "{{ steps.read.status ~ ': ' ~ steps.read.error }}"}}
    """
    assert str(outputs(tmp_path, steps, "{{ why }}")).startswith("failed: ")


def test_limits_are_kept(tmp_path: Path) -> None:
    forever = """\
    - name: again
      type: while_loop
      condition: "1 == 1"
      max_rounds: 1000
      steps: [{name: find, type: search, pattern: x}]
    """
    report = perform(pipeline(tmp_path, forever, top="budget: {steps: 7}\n"), tmp_path)
    assert report.reason == "the run has done 7 steps, as many as its budget allows"
    report = perform(pipeline(tmp_path, forever, top="budget: {deadline_s: 0.2}\n"), tmp_path)
    assert report.reason == "the run has reached its deadline of 0.2 s"
    late = forever.replace("name: again", "name: again\n      timeout_s: 0.2")
    report = perform(pipeline(tmp_path, late), tmp_path)
    assert report.reason == "again: it took longer than 0.2 s"


def test_paths_are_confined(tmp_path: Path) -> None:
    project = write(tmp_path / "project", {"a.txt": "a", "lib/a.ex": "defmodule A do\nend\n"})
    (tmp_path / "secret").write_text("secret")
    (project / "link").symlink_to(tmp_path / "secret")
    for path in ("../secret", str(tmp_path / "secret"), "link", ".git/config", "lib", "lib/../../secret"):
        for operation in ("read", "write", "delete"):
            step = f"- {{name: s, type: file_ops, operation: {operation}, path: '{path}', content: x}}\n"
            report = perform(pipeline(tmp_path, step), project)
            assert not report.is_done, (path, operation)
    step = "- {name: s, type: search, pattern: x, output_to_file: ../out.txt}\n"
    assert not perform(pipeline(tmp_path, step), project).is_done
    assert (tmp_path / "secret").read_text() == "secret"


def test_the_users_files_stay_as_they_are(tmp_path: Path) -> None:
    project = write(tmp_path / "project", SHOP)
    steps = """\
    - {name: new, type: file_ops, operation: write, path: lib/new.ex, content: "defmodule New do\\nend\\n"}
    - {name: gone, type: file_ops, operation: delete, path: lib/shop/mailer.ex}
    - {name: moved, type: file_ops, operation: move, path: lib/new.ex, to: lib/newer.ex}
    - {name: change, type: codebase_query, query: changes, output_to_file: change.diff}
    """
    report = perform(pipeline(tmp_path, steps), project)
    assert report.is_done
    assert {str(file.relative_to(project)) for file in project.rglob("*") if file.is_file()} == set(SHOP)
    [diff] = report.files
    assert "+++ b/lib/newer.ex" in Path(diff).read_text()


def test_a_command_that_is_not_allowed_is_not_run(tmp_path: Path, own_user: Path) -> None:
    project = write(tmp_path / "project", SHOP)
    steps = "- {name: c, type: command, argv: [touch, made]}\n"
    report = perform(pipeline(tmp_path, steps), project, trusted_for_this_run=True)
    assert "is not among the commands that pipelines may run" in report.reason
    (project / ".otp-genesis.toml").write_text('[pipelines]\ncommands = ["touch"]\n')
    assert not perform(pipeline(tmp_path, steps), project, trusted_for_this_run=True).is_done
    steps = "- {name: c, type: command, argv: [mix, test, '{{ inputs.file }}']}\n"
    file = pipeline(tmp_path, steps, top="inputs: {file: {type: string}}\n")
    report = perform(file, project, variables={"file": "--trace"}, trusted_for_this_run=True)
    assert "is no file of the code base" in report.reason


def test_a_command_does_not_run_without_trust(tmp_path: Path) -> None:
    project = write(tmp_path / "project", SHOP)
    steps = "- {name: c, type: command, argv: [mix, test]}\n"
    given = str(outputs(project, steps, "{{ steps.c.status ~ ': ' ~ steps.c.reason }}"))
    assert given.startswith("not_verified: mix may not run on")


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[Progress] = []
    steps = "- {name: a, type: search, pattern: x}\n- {name: b, type: search, pattern: y}\n"
    perform(pipeline(tmp_path, steps), tmp_path, on_progress=told.append)
    assert [(each.steps_done, each.step) for each in told] == [(0, "a"), (1, "a"), (1, "b"), (2, "b")]


def test_rounds_run_at_the_same_time_in_bounded_memory(tmp_path: Path) -> None:
    write(tmp_path, {"large.txt": "x" * 400_000})
    steps = """\
    - name: each
      type: for_loop
      items: "{{ inputs.numbers }}"
      max_parallel: 4
      collect: "{{ item }}"
      steps: [{name: read, type: file_ops, operation: read, path: large.txt}]
    """
    file = pipeline(
        tmp_path, steps, top="inputs: {numbers: {type: list}}\noutputs: {n: '{{ steps.each.values }}'}\n"
    )
    warm = perform(file, tmp_path, variables={"numbers": "[1, 2, 3, 4, 5, 6, 7, 8]"})
    assert warm.is_done
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    numbers = list(range(200))
    report = perform(file, tmp_path, variables={"numbers": str(numbers)})
    grown_bytes = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    assert report.outputs["n"] == numbers
    assert grown_bytes < 40_000_000, "two hundred outcomes would be more than 160 MB"


def test_a_run_is_cancelled_at_once(tmp_path: Path) -> None:
    steps = """\
    - name: again
      type: while_loop
      condition: "1 == 1"
      max_rounds: 40
      steps: [{name: find, type: search, pattern: x}]
    """
    file = pipeline(tmp_path, steps)
    with closing(Journal()) as journal:
        asked = wish(file, tmp_path)
        ready = prepare(asked, journal)

        async def cancelled() -> float:
            rounds: list[Progress] = []
            task = asyncio.create_task(run(asked, ready, journal, on_progress=rounds.append))
            while len(rounds) < 5:
                await asyncio.sleep(0.01)
            task.cancel()
            begin = time.monotonic()
            with pytest.raises(asyncio.CancelledError):
                await task
            return time.monotonic() - begin

        assert asyncio.run(cancelled()) < 5
        [record] = journal.runs()
        assert record.status == "cancelled"
    resumed = perform("", tmp_path, resume=record.id)
    assert resumed.steps_reused >= 1


def test_defaults_hold_for_steps_that_say_nothing_else(tmp_path: Path) -> None:
    steps = """\
    - {name: a, type: file_ops, operation: read, path: nowhere}
    - {name: b, type: set_variable, variables: {seen: "{{ steps.a.status }}"}}
    - {name: c, type: file_ops, operation: read, path: nowhere, on_error: stop}
    """
    report = perform(
        pipeline(tmp_path, steps, top="defaults: {on_error: continue, timeout_s: 60}\n"), tmp_path
    )
    assert report.reason.startswith("c: ")
    assert [failure.path for failure in report.failures] == ["a"]


def test_what_could_not_be_committed_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    steps = """\
    - {name: find, type: search, pattern: spawn}
    - {name: keep, type: git_commit, message: Done}
    """
    root = committed(tmp_path / "shop")
    file = pipeline(tmp_path, steps)
    (root / ".git/MERGE_HEAD").write_text(git(root, "rev-parse", "HEAD") + "\n")
    report = perform(file, root)
    assert (report.is_done, report.steps_done) == (False, 0)
    assert "merge" in report.reason
    (root / ".git/MERGE_HEAD").unlink()
    assert perform(file, root).reason == "keep: there is nothing to commit: the code is as it was"
    assert "git" in perform(file, write(tmp_path / "plain", SHOP)).reason
