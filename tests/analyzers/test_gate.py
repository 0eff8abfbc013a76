"""What the gate keeps out changes no finding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.facts.reading import definitions
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.gate import gate_of
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.roles import Role
from otp_genesis_analyzers.rules import all_rules
from otp_genesis_analyzers.rules.contract import Example
from tests.analyzers.reading import read_gated
from tests.example_project import parse, write_project

EXAMPLE = Path(__file__).parents[2] / "examples" / "shaky_shop"
UNUSED = "OTP001"
"""A comment is only known to be unused where the rule that it names has run."""
CASES = [
    pytest.param(rule.code, example, id=f"{rule.code}-{kind}-{number}")
    for rule in all_rules()
    for kind, examples in (("INVALID", rule.INVALID), ("VALID", rule.VALID))
    for number, example in enumerate(examples)
]


@pytest.fixture(autouse=True)
def _no_small_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be left out is left out, however little it is."""
    monkeypatch.setattr(definitions, "_HARDLY_MORE", -1)


def findings(project: Project) -> tuple[Finding, ...]:
    return engine.check(project, Config(preset="strict"))


def read_in_full(project: Project) -> Project:
    files = {}
    for path in project.files:
        source = engine.read_source(path, project.read)
        assert source is not None
        files[path] = engine.analyze(source, project.role_of(path), project.settings_of(path), gated=False)
    return engine.with_wrappers(replace(project, files=files))


def found_alone(root: Path, code: str) -> list[Finding]:
    """What a rule finds in a project that is read for nothing else."""

    def chosen(config: Config) -> Config:
        return config.merged(select=[code], preset="strict")

    project = engine.load(root, chosen=chosen).project
    return [each for each in engine.check(project, chosen(project.config)) if each.code == code]


def test_on_the_example_project() -> None:
    project = engine.load(EXAMPLE).project
    found = findings(project)
    assert found == findings(read_in_full(project))
    alone = [each for rule in all_rules() for each in found_alone(EXAMPLE, rule.code)]
    assert {*alone} == {each for each in found if each.code != UNUSED}


@pytest.mark.parametrize(("code", "example"), CASES)
def test_on_the_examples_of_the_rules(code: str, example: Example, tmp_path: Path) -> None:
    project = write_project(tmp_path, parse(example.code).files)
    found = findings(project)
    assert found == findings(read_in_full(project))
    if code != UNUSED:
        assert found_alone(tmp_path, code) == [each for each in found if each.code == code]


def test_what_only_rules_that_are_not_selected_ask_for_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    texts = {"spawns": "spawn(g)", "sleeps": "Process.sleep(1)"}
    for name, body in texts.items():
        module = f"defmodule {name.title()} do\n  def f, do: {body}\nend\n"
        (tmp_path / "lib" / f"{name}.ex").write_text(module)

    def read(*selected: str) -> set[str]:
        files = engine.load(tmp_path, chosen=lambda config: config.merged(select=selected)).project.files
        return {name for name in texts if files[f"lib/{name}.ex"].facts.modules}

    assert read("OTP101") == {"spawns"}
    assert read("OTP101", "sleep-as-synchronisation") == read() == {"spawns", "sleeps"}


WORDS = {
    "whole name": ("def f, do: spawn(g)", True),
    "part of a name": ("def f, do: respawn_all(g)", False),
    "with an underscore": ("def f, do: spawn_like(g)", False),
    "in a comment": ("# spawn\ndef f, do: 1", True),
    "captured": ("def f, do: &spawn/1", True),
    "nothing": ("def f, do: 1", False),
}


@pytest.mark.parametrize("name", WORDS)
def test_words(name: str) -> None:
    text, opens = WORDS[name]
    opened = gate_of(Role.LIB).opened(f"defmodule A do\n{text}\nend".encode(), {})
    assert ("OTP101" in {rule.code for rule in opened.rules} if opened else False) == opens


PUT_ENV = 'test "x", do: System.put_env("A", "b")'
IN_TESTS = {
    "what only application code is told of": ('test "x", do: spawn(g)', False),
    "what tests are told of": ('test "x", do: Process.sleep(1)', True),
    "alone": ('use ExUnit.Case, async: false\ntest "x", do: System.put_env("A", "b")', False),
    "beside others": ('use ExUnit.Case, async: true\ntest "x", do: System.put_env("A", "b")', True),
    "on another line": ('use ExUnit.Case, async:\n  true\ntest "x", do: System.put_env("A", "b")', True),
    "a comment": ("# otp-genesis:ignore OTP408", True),
}


@pytest.mark.parametrize("name", IN_TESTS)
def test_a_file_of_tests_is_opened_by_the_rules_about_tests(name: str) -> None:
    text, opens = IN_TESTS[name]
    opened = gate_of(Role.TEST).opened(f"defmodule ATest do\n{text}\nend".encode(), {})
    assert (opened is not None) == opens


def test_only_definitions_that_can_matter_and_those_connected_to_them_are_read() -> None:
    facts = read_gated(
        """
        defmodule A do
          def caller, do: middle()
          defp middle, do: starter()
          defp starter, do: spawn(fn -> helper() end)
          defp helper, do: deeper()
          defp deeper, do: IO.puts("x")
          def unrelated, do: IO.puts("y")
          def named(x), do: apply(__MODULE__, :starter, x)
        end
        """
    )
    (module,) = facts.modules
    read = {function.name for function in module.functions if any(c.calls for c in function.clauses)}
    assert read == {"caller", "middle", "starter", "helper", "deeper", "named"}
    assert [function.name for function in module.functions][-2:] == ["unrelated", "named"]
