"""A run that is killed with -9 is taken up again: nothing that was finished is done twice, or paid twice.

The process is killed where it hurts most: a step has done what it does, and that is not written down yet.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from otp_genesis_refactorers.pipelines.journal import Journal, StepRecord
from otp_genesis_refactorers.pipelines.running import CantRun
from tests.llm.vendors import Loopback, Says, serving
from tests.pipelines.pipelines import committed, git, items, killed_at, perform, pipeline, planned

EVERY_KIND = """\
- {name: set, type: set_variable, variables: {n: 1}}
- {name: search, type: search, pattern: spawn}
- {name: query, type: codebase_query, query: modules}
- {name: analyze, type: analyze, rule: OTP101, output_to_file: findings.txt}
- {name: claude, type: claude, prompt: [{type: static, content: "One."}]}
- {name: smart, type: claude_smart, preset: chat, prompt: [{type: previous_response, name: claude}]}
- {name: gemini, type: gemini, prompt: [{type: static, content: "Three."}], output_schema: {type: object}}
- {name: edit, type: edit, fix: "{{ steps.analyze.findings[0] }}"}
- {name: ops, type: file_ops, operation: exists, path: lib/shop/mailer.ex}
- {name: call, type: pipeline, file: inner.yaml, inputs: {n: "{{ n }}"}}
- {name: branch, type: if, condition: n == 1, then: [{name: then, type: set_variable, variables: {m: 2}}]}
- name: for
  type: for_loop
  items: [1, 2]
  steps: [{name: each, type: set_variable, variables: {last: "{{ item }}"}}]
- name: while
  type: while_loop
  until: n == 3
  steps: [{name: count, type: set_variable, variables: {n: "{{ n + 1 }}"}}]
- {name: command, type: command, argv: [mix, compile]}
- {name: verify, type: verify, finding: "{{ steps.analyze.findings[0] }}"}
- {name: commit, type: git_commit, message: Supervise the mail}
- {name: items, type: plan_items, phase: 1}
- name: note
  type: plan_note
  item: "{{ steps.items.items[0].id }}"
  evidence: "{{ steps.verify.evidence }}"
"""
KILLS = [
    *("set", "search", "query", "analyze", "claude", "smart", "gemini", "edit", "ops", "call/inner", "call"),
    *(
        "branch/then",
        "branch",
        "for[1]/each",
        "for",
        "while[1]/count",
        "while",
        "command",
        "verify",
        "commit",
        "items",
        "note",
    ),
]
TOP = "outputs: {n: '{{ n }}', last: '{{ last }}', m: '{{ m }}', commit: '{{ steps.commit.commit }}'}\n"
REPLIES = (Says("uno"), Says("dos"), Says('{"number": 3}'))


def run_of(root: Path) -> tuple[str, list[StepRecord]]:
    with closing(Journal()) as journal:
        [record] = journal.runs()
        return record.id, journal.steps(record.id)


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Loopback:  # type: ignore[misc]
    with serving(*REPLIES) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server  # type: ignore[misc]


def test_killed_in_every_kind_of_step(tmp_path: Path, loopback: Loopback) -> None:
    root = committed(tmp_path / "shop")
    inner = "- {name: inner, type: set_variable, variables: {x: '{{ inputs.n }}'}}\n"
    pipeline(tmp_path, inner, name="inner.yaml", top="inputs: {n: {type: integer}}\n")
    file = pipeline(tmp_path, EVERY_KIND, top=TOP)
    planned(root)
    before = git(root, "status", "--porcelain"), git(root, "rev-parse", "HEAD")

    killed_at(KILLS[0], file, root, trusted_for_this_run=True)
    run, _ = run_of(root)
    for step in KILLS[1:]:
        killed_at(step, "", root, resume=run, trusted_for_this_run=True)
    report = perform("", root, resume=run, trusted_for_this_run=True)

    assert report.is_done, report.reason
    assert report.outputs == {"n": 3, "last": 2, "m": 2, "commit": git(root, "rev-parse", report.branch)}
    assert len(loopback.asked) == len(REPLIES), "no reply was paid twice"
    assert git(root, "rev-list", "--count", f"HEAD..{report.branch}") == "1"
    assert "Task.Supervisor" in git(root, "show", f"{report.branch}:lib/shop/mailer.ex")
    assert (git(root, "status", "--porcelain"), git(root, "rev-parse", "HEAD")) == before

    assert [line for line in items(root) if " verified " in line and line.startswith("- [x]")]
    _, steps = run_of(root)
    ended = Counter(step.path for step in steps if step.outcome)
    holding = {"call", "branch", "for", "while"}
    assert all(count == 1 for path, count in ended.items() if path not in holding), (
        "no finished step was repeated"
    )
    with pytest.raises(CantRun, match="has come to its end already"):
        perform("", root, resume=run)


def test_a_reply_is_kept_before_it_is_looked_at(tmp_path: Path, loopback: Loopback) -> None:
    loopback.script[:] = [Says("the answer")]
    root = committed(tmp_path / "shop")
    file = pipeline(tmp_path, "- {name: ask, type: claude, prompt: [{type: static, content: x}]}\n")
    killed_at("ask", file, root)
    run, _ = run_of(root)
    report = perform("", root, resume=run)
    assert report.last_text == "the answer"
    assert len(loopback.asked) == 1


def test_a_step_is_done_again_when_its_inputs_are_others(tmp_path: Path) -> None:
    steps = """\
    - {name: a, type: search, pattern: "{{ inputs.word }}"}
    - {name: b, type: search, pattern: spawn}
    - {name: fails, type: file_ops, operation: read, path: nowhere}
    """
    root = committed(tmp_path / "shop")
    file = pipeline(tmp_path, steps, top="inputs: {word: {type: string}}\n")
    first = perform(file, root, variables={"word": "send"})
    assert (first.is_done, first.steps_done) == (False, 2)
    again = perform("", root, resume=first.run)
    assert again.steps_reused == 2
    other = perform("", root, resume=first.run, variables={"word": "spawn"})
    assert other.steps_reused == 1
    (root / "lib/shop/mailer.ex").write_text("defmodule Shop.Mailer do\nend\n")
    git(root, "commit", "-qam", "Another commit")
    assert perform("", root, resume=first.run).steps_reused == 0


def test_a_changed_pipeline_goes_on_where_it_differs(tmp_path: Path) -> None:
    root = committed(tmp_path / "shop")
    steps = (
        "- {name: a, type: search, pattern: send}\n- {name: b, type: file_ops, operation: read, path: %s}\n"
    )
    first = perform(pipeline(tmp_path, steps % "nowhere"), root)
    assert not first.is_done
    pipeline(tmp_path, steps % "mix.exs")
    again = perform("", root, resume=first.run)
    assert (again.is_done, again.steps_reused) == (True, 1)


def test_what_is_interrupted_is_listed_and_two_never_run_it_at_once(tmp_path: Path) -> None:
    root = committed(tmp_path / "shop")
    file = pipeline(tmp_path, "- {name: a, type: search, pattern: send}\n")
    killed_at("a", file, root)
    with closing(Journal()) as journal:
        [record] = journal.runs()
        assert record.status == "interrupted"
        with journal.held(record.id):
            [record] = journal.runs()
            assert record.status == "running"
            with pytest.raises(CantRun, match="under way in another process"):
                perform("", root, resume=record.id)
