"""Reading pipelines: the ones that the project began with, those built in, YAML and its traps."""

from __future__ import annotations

import json
from pathlib import Path

import fastjsonschema
import pytest
from ruamel.yaml import YAML

from otp_genesis_refactorers.pipelines.language.loading import BUILT_IN, built_in_names, load_pipeline
from otp_genesis_refactorers.pipelines.language.schema import pipeline_schema
from otp_genesis_refactorers.pipelines.language.step_types import step_types
from otp_genesis_refactorers.pipelines.language.yaml_text import MAX_BYTES, read_yaml
from otp_genesis_refactorers.pipelines.problems import BadPipeline
from tests.pipelines.pipelines import pipeline, problems

SEED = Path(__file__).parent / "seed"
STEP_TYPES = (
    "analyze claude claude_smart codebase_query command edit file_ops for_loop gemini git_commit if pipeline"
    " plan_items plan_note search set_variable verify while_loop"
)


def test_the_step_types() -> None:
    assert sorted(step_types()) == STEP_TYPES.split()


def test_the_plan_pipeline_loads_as_it_was_written() -> None:
    loaded = load_pipeline(SEED / "generate_refactor_plan.yaml", frozenset({"input_file"}))
    assert [step.kind for step in loaded.workflow.steps] == ["claude", "claude_smart"]


def test_the_fragment_of_the_master_workflow_loads_as_it_was_written(tmp_path: Path) -> None:
    fragment = (SEED / "steps_of_master_workflow.yaml").read_text()
    supplied = "- {name: run_verification, type: verify}\n"
    file = pipeline(tmp_path, supplied + fragment)
    assert problems(file, tmp_path) == []
    assert [step.name for step in load_pipeline(file, frozenset()).workflow.steps] == [
        "run_verification",
        "verify_fix",
        "commit_changes",
    ]


@pytest.mark.parametrize("name", built_in_names())
def test_what_is_built_in_loads_and_is_described(name: str) -> None:
    loaded = load_pipeline(BUILT_IN / f"{name}.yaml", frozenset())
    assert loaded.workflow.description
    assert (BUILT_IN / f"{name}.yaml").read_text().startswith("#"), "it says how it is run"


def test_the_built_in_ones_are_all_there() -> None:
    atomic = ("find_anti_pattern", "generate_test", "refactor_file", "run_verification")
    expected = {"generate_refactor_plan", "master_workflow", *(f"atomic/{name}" for name in atomic)}
    assert expected <= set(built_in_names())


def test_a_copy_of_a_built_in_pipeline_can_be_changed(tmp_path: Path) -> None:
    copy = tmp_path / "mine.yaml"
    copy.write_text((BUILT_IN / "master_workflow.yaml").read_text())
    (tmp_path / "atomic").mkdir()
    own = (BUILT_IN / "atomic/refactor_file.yaml").read_text()
    (tmp_path / "atomic/refactor_file.yaml").write_text(own.replace("name: refactor_file", "name: my own"))
    loaded = load_pipeline(copy, frozenset())
    assert loaded.calls["atomic/refactor_file.yaml"].workflow.name == "my own"
    assert loaded.calls["atomic/generate_test.yaml"].workflow.name == "generate_test"


def test_the_schema_takes_what_loads() -> None:
    valid = fastjsonschema.compile(
        {**pipeline_schema(), "$schema": "http://json-schema.org/draft-07/schema#"}
    )
    for file in (*SEED.glob("generate*.yaml"), *BUILT_IN.rglob("*.yaml")):
        valid(json.loads(json.dumps(YAML(typ="safe", pure=True).load(file.read_text()))))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "the file is empty"),
        (b"a: \xff", "this is not UTF-8 text"),
        (b"a: !!python/object/apply:os.system [ls]", "means nothing here"),
        (b"a: !secret x", "means nothing here"),
        (b"x: " + b"a" * MAX_BYTES, "KiB"),
        (
            b"a: &a [x, x, x, x, x, x, x, x, x, x]\n"
            + b"".join(
                b"%c: &%c [%s]\n" % (98 + n, 98 + n, b", ".join([b"*%c" % (97 + n)] * 10)) for n in range(6)
            ),
            "too much",
        ),
        (b"a: &a [*a]", "too much"),
        (b"[" * 300 + b"]" * 300, "too much"),
        (b"a: {b: 1, b: 2}", "'b' stands twice"),
        (b"1: a", "can't be a key"),
    ],
    ids=range(10),
)
def test_yaml_that_is_refused(text: bytes, message: str) -> None:
    with pytest.raises(BadPipeline) as error:
        read_yaml("p.yaml", text)
    [problem] = error.value.problems
    assert message in problem.message


def test_words_of_yaml_1_1_are_text() -> None:
    assert read_yaml("p.yaml", b"{on: yes, day: 2026-01-01, n: 0o17, big: 2_000}").data == {
        "on": "yes",
        "day": "2026-01-01",
        "n": 15,
        "big": 2000,
    }


def test_pipelines_that_call_each_other_are_refused(tmp_path: Path) -> None:
    pipeline(tmp_path, "- {name: a, type: pipeline, file: b.yaml}\n", name="a.yaml")
    pipeline(tmp_path, "- {name: b, type: pipeline, file: a.yaml}\n", name="b.yaml")
    [problem] = problems(tmp_path / "a.yaml", tmp_path)
    assert "'a.yaml' calls itself" in problem


def test_a_called_pipeline_that_leads_out_through_a_link_is_refused(tmp_path: Path) -> None:
    outside = pipeline(tmp_path / "outside", "- {name: a, type: search, pattern: x}\n")
    inside = tmp_path / "inside"
    file = pipeline(inside, "- {name: a, type: pipeline, file: link.yaml}\n")
    (inside / "link.yaml").symlink_to(outside)
    [problem] = problems(file, inside)
    assert "there is no pipeline 'link.yaml'" in problem
