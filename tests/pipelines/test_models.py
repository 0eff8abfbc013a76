"""Pipelines with models, against a server on this machine that speaks as both vendors do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.llm.vendors import Asked, Call, Loopback, Says, serving
from tests.pipelines.pipelines import APPLICATION, MIX, SHOP, committed, git, perform, pipeline, write

SEED = Path(__file__).parent / "seed"
PACK = """\
This file is a merged representation of the entire codebase, combined into a single document by Repomix.

<files>
<file path="lib/shop/mailer.ex">
defmodule Shop.Mailer do
  def welcome(user), do: spawn(fn -> send(user, :welcome) end)
end
</file>

<file path="config/prod.secret.exs">
config :shop, password: "hunter2-hunter2"
</file>

</files>
"""
DOCUMENTS = """\
Here is the plan.

# Phase 1: Critical Fixes (Stop the Bleeding)

Supervise what `lib/shop/mailer.ex` spawns.

```elixir
# Phase 9 is only a comment
```

# Phase 2: State Persistence

Nothing to do.

# Phase 3: Architectural Decomposition

# Phase 4: Testing & Communication

# Phase 5: Integration & Rollout

Done.
"""


@contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, *script: object) -> Iterator[Loopback]:
    with serving(*script) as loopback:  # type: ignore[arg-type]
        for name, value in loopback.environment.items():
            monkeypatch.setenv(name, value)
        yield loopback


def asked_for(asked: Asked) -> str:
    return "\n".join(asked.texts)


def test_the_first_plan_pipeline_runs_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, pack = tmp_path / "empty", tmp_path / "repomix-output.xml"
    root.mkdir()
    pack.write_text(PACK)
    file = SEED / "generate_refactor_plan.yaml"
    notes: list[str] = []
    with answering(monkeypatch, Says("1. spawn in lib/shop/mailer.ex"), Says(DOCUMENTS)) as loopback:
        given = {"input_file": pack, "prompt": "Make it survive every crash"}
        report = perform(file, root, notes=notes, record=tmp_path / "kept", **given)
        assert report.is_done, report.reason
        first, second = map(asked_for, loopback.asked)
    assert "spawn(fn -> send(user, :welcome) end)" in first
    assert "Make it survive every crash" in first, "a goal that the pipeline doesn't mention is put behind"
    assert "hunter2" not in first
    assert "1. spawn in lib/shop/mailer.ex" in second
    assert "Make it survive every crash" not in second
    plan = root / ".otp-genesis/plan"
    assert [Path(path).relative_to(plan).name for path in report.files] == [
        "README.md",
        "01-critical-fixes.md",
        "02-state-persistence.md",
        "03-architectural-decomposition.md",
        "04-testing-and-communication.md",
        "05-integration-and-rollout.md",
    ]
    assert "# Phase 9 is only a comment" in (plan / "01-critical-fixes.md").read_text()
    assert len(notes) == 2
    assert "Claude (" in notes[0]
    assert "repomix-output.xml" in notes[0]
    assert report.spent.tokens > 0

    monkeypatch.delenv("ANTHROPIC_API_KEY")
    (plan / "01-critical-fixes.md").write_text("# Phase 1: Critical fixes\n\nMy own words.\n")
    replayed = perform(file, root, replay=tmp_path / "kept", **given)
    assert replayed.is_done, replayed.reason
    assert (plan / "01-critical-fixes.md").read_text().endswith("My own words.\n"), "what is there is kept"
    assert Path(replayed.files[1]).read_text().startswith("# Phase 1: Critical Fixes (Stop")


def test_what_was_not_recorded_is_not_made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = pipeline(tmp_path, "- {name: ask, type: claude, prompt: [{type: static, content: x}]}\n")
    with answering(monkeypatch, Says("it could answer")) as loopback:
        report = perform(file, tmp_path, replay=tmp_path / "nothing")
        assert "has no reply to this request" in report.reason
        assert loopback.asked == []


MAILER_CHANGED = SHOP["lib/shop/mailer.ex"].replace(":ok", ":sent")
SUPPLIED = """\
- {name: find, type: analyze, rule: OTP101}
- {name: fix, type: edit, fix: "{{ steps.find.findings[0] }}"}
- {name: run_verification, type: verify, finding: "{{ steps.find.findings[0] }}"}
"""
VERDICT = '{"status": "passed", "next_action": "commit"}'


@pytest.mark.parametrize("trusted", [True, False])
def test_the_fragment_commits_what_was_verified_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    root = committed(tmp_path / "shop")
    fragment = (SEED / "steps_of_master_workflow.yaml").read_text()
    file = pipeline(tmp_path, SUPPLIED + fragment)
    before = git(root, "status", "--porcelain"), git(root, "rev-parse", "HEAD")
    message = "Supervise the welcome mail\n\nIt was spawned."
    commit = Says(calls=(Call("commit", {"message": message}),))
    with answering(monkeypatch, Says(VERDICT), commit, Says("Done.")) as loopback:
        report = perform(file, root, trusted_for_this_run=trusted)
        assert report.is_done, report.reason
        verify_fix, commit_changes, answered = map(asked_for, loopback.asked)
    assert "existing_tests" in verify_fix
    assert "Task.Supervisor" in commit_changes, "the diff is in the prompt"
    assert (git(root, "status", "--porcelain"), git(root, "rev-parse", "HEAD")) == before
    if trusted:
        assert git(root, "log", "-1", "--format=%B", report.branch).startswith(message)
        assert "OTP-Genesis-Evidence: " in git(root, "log", "-1", "--format=%B", report.branch)
        assert "committed" in answered
    else:
        assert report.branch == ""
        assert "is not verified, so it is not committed" in answered
        assert git(root, "branch", "--list", "otp-genesis/*") == ""


LIBRARY = {
    **{path: text for path, text in SHOP.items() if "application" not in path},
    "mix.exs": MIX.replace(", mod: {Shop.Application, []}", ""),
}


def mending(new: str) -> Says:
    edit = {"path": "lib/shop/mailer.ex", "old": "spawn(fn -> send(user, :welcome) end)", "new": new}
    return Says(
        json.dumps({"title": "Send it at once", "explanation": "No process is needed.", "edits": [edit]})
    )


def analysis(next_action: str) -> Says:
    said = {
        "root_cause": "the message is another",
        "explanation": "the test waits",
        "next_action": next_action,
    }
    return Says(json.dumps(said))


def test_a_model_mends_what_no_rule_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = committed(tmp_path / "shop", LIBRARY)
    order = Says(json.dumps({"order": [], "remarks": "one after another"}))
    script = [
        order,
        mending("send(user, :wellcome)"),
        analysis("retry"),
        mending("send(user, :welcome)"),
    ]
    variables = {"model": "claude", "generate_tests": "false", "rule": "OTP101"}
    with answering(monkeypatch, *script) as loopback:
        report = perform("master_workflow", root, variables=variables, trusted_for_this_run=True)
        assert report.is_done, report.reason
        assert loopback.script == []
        retried = asked_for(loopback.asked[-1])
    assert "existing_tests" in retried, "it is told what was wrong with its first answer"
    assert "the message is another" in retried
    [done] = report.outputs["committed"]
    assert done["commit"] == git(root, "rev-parse", report.branch)
    assert "    send(user, :welcome)\n" in git(root, "show", f"{report.branch}:lib/shop/mailer.ex") + "\n"
    assert git(root, "log", "-1", "--format=%s", report.branch) == "Send it at once"


def test_a_model_can_give_up_but_not_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = committed(tmp_path / "shop", LIBRARY)
    variables = {"model": "gemini", "generate_tests": "false", "rule": "OTP101"}
    order = Says(json.dumps({"order": [], "remarks": "all is verified, commit it"}))
    with answering(monkeypatch, order, mending("send(user, :wellcome)"), analysis("skip")):
        report = perform("master_workflow", root, variables=variables, trusted_for_this_run=True)
    assert report.is_done, report.reason
    assert (report.outputs["committed"], report.branch) == ([], "")
    [left] = report.outputs["left"]
    assert left["status"] == "failed"


def test_a_reply_of_no_use_fails_the_step_and_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = pipeline(tmp_path, "- {name: ask, type: claude, prompt: [{type: static, content: x}]}\n")
    with answering(monkeypatch, Says("no", stop="refused"), Says("yes")) as loopback:
        refused = perform(file, tmp_path)
        assert "refused" in refused.reason
        again = perform("", tmp_path, resume=refused.run)
        assert again.last_text == "yes"
        assert len(loopback.asked) == 2


def test_a_budget_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = "- {name: ask, type: claude, prompt: [{type: static, content: x}]}\n"
    with answering(monkeypatch, Says("yes")) as loopback:
        report = perform(pipeline(tmp_path, steps, top="budget: {tokens: 100}\n"), tmp_path)
        assert "not sent" in report.reason
        assert loopback.asked == []


def test_a_model_is_one_of_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = "- {name: ask, type: claude, model: %s, prompt: [{type: static, content: x}]}\n"
    with answering(monkeypatch) as loopback:
        for name, said in (
            ("claude-opus-5-5", "no model 'claude-opus-5-5' in your"),
            ("gemini", "does not ask"),
        ):
            assert said in perform(pipeline(tmp_path, steps % name), tmp_path).reason
        assert loopback.asked == []


def test_secrets_and_what_is_withheld_stay_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(
        tmp_path / "shop", {**SHOP, ".env": "KEY=1", "notes.md": "x", ".otp-genesis-ignore": "notes.md\n"}
    )
    with answering(monkeypatch) as loopback:
        for path in (".env", "notes.md"):
            steps = f"- {{name: ask, type: claude, prompt: [{{type: file, path: {path}}}]}}\n"
            assert "is not sent to a model" in perform(pipeline(tmp_path, steps), root).reason
        assert loopback.asked == []


def test_a_models_edits_stay_in_the_copy_and_in_its_scope(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = committed(tmp_path / "shop")
    edits = [
        Says(calls=(Call("edit", {"path": "mix.exs", "old": "0.1.0", "new": "6.6.6"}),)),
        Says(calls=(Call("edit", {"path": "lib/shop/mailer.ex", "old": "    :ok\n", "new": "    :sent\n"}),)),
        Says("It gives :sent now."),
    ]
    variables = {"model": "claude", "file": "lib/shop/mailer.ex"}
    with answering(monkeypatch, *edits) as loopback:
        report = perform("atomic/refactor_file", root, variables=variables, prompt="Give :sent")
        assert report.is_done, report.reason
        assert "is not among the files that this step may change" in asked_for(loopback.asked[1])
    assert report.outputs["paths"] == ["lib/shop/mailer.ex"]
    assert "+    :sent" in str(report.outputs["diff"])
    assert git(root, "status", "--porcelain") == ""
    assert (root / "lib/shop/application.ex").read_text() == APPLICATION


@pytest.mark.parametrize("model", ["claude", "gemini"])
def test_a_test_by_a_model_goes_where_tests_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    root = committed(tmp_path / "shop")
    (root / "lib/shop/mailer.ex").write_text(MAILER_CHANGED)
    diff = tmp_path / "change.diff"
    diff.write_text(git(root, "diff") + "\n")
    git(root, "checkout", "-q", ".")
    test = {"path": "test/shop/sent_test.exs", "content": "defmodule Shop.SentTest do\nend\n"}
    variables = {"model": model, "diff": str(diff)}
    with answering(
        monkeypatch, Says(json.dumps(test)), Says(json.dumps({**test, "path": "lib/a.ex"}))
    ) as loopback:
        report = perform("atomic/generate_test", root, variables=variables, prompt="Test :sent")
        assert report.is_done, report.reason
        assert (report.outputs["test_file"], report.outputs["content"]) == (test["path"], test["content"])
        assert "+    :sent" in asked_for(loopback.asked[0])
        elsewhere = perform("atomic/generate_test", root, variables=variables)
        assert "is not among the files that this step may change" in elsewhere.reason
