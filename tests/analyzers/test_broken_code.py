"""Half-typed code: what is said of it may be less than before, never something new elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.facts.model import Clause
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.last_good import carried_over
from otp_genesis_analyzers.project import FileAnalysis, Project
from otp_genesis_analyzers.roles import Role
from otp_genesis_analyzers.source import Source
from tests.analyzers.reading import read

EXAMPLE = Path(__file__).parents[2] / "examples" / "shaky_shop"

TYPED = {
    "string": 'x = "abc',
    "charlist": "x = 'abc",
    "heredoc": 'x = """',
    "doc": '@doc """',
    "sigil": "x = ~s(abc",
    "fn": "Enum.each(x, fn y ->",
    "do": "if x do",
    "case": "case x do",
    "parenthesis": "call(",
    "list": "[1,",
    "map": "%{a: ",
    "interpolation": '"a #{',
    "end": "end",
    "def": "def half(x) do",
}


@pytest.fixture(scope="module")
def example() -> engine.Loaded:
    return engine.load(EXAMPLE)


def broken_versions(content: bytes, typed: str) -> Iterator[bytes]:
    """The text with the half-typed line put in at about 30 places."""
    lines = content.splitlines(keepends=True)
    for at in range(1, len(lines), max(1, len(lines) // 30)):
        yield b"".join([*lines[:at], b"    " + typed.encode() + b"\n", *lines[at:]])


def findings_with(project: Project, path: str, analysis: FileAnalysis, content: bytes) -> tuple[Finding, ...]:
    def read_file(wanted: str) -> bytes:
        return content if wanted == path else project.read(wanted)

    return engine.check(Project(project.apps, {**project.files, path: analysis}, read_file), Config())


def said(findings: tuple[Finding, ...]) -> set[tuple[str, str, str]]:
    return {(finding.code, finding.path, finding.scope) for finding in findings}


@pytest.mark.parametrize("name", TYPED)
def test_a_file_that_was_never_healthy_adds_no_finding(name: str, example: engine.Loaded) -> None:
    project, healthy = example.project, said(engine.check(example.project, Config()))
    for path in ("lib/shaky_shop/application.ex", "lib/shaky_shop/orders.ex", "lib/shaky_shop/catalogue.ex"):
        for content in broken_versions(project.read(path), TYPED[name]):
            source = Source(path, content)
            if not source.broken:
                continue
            analysis = engine.analyze(source, project.role_of(path))
            new = said(findings_with(project, path, analysis, content)) - healthy
            assert not new, content.decode()


@pytest.mark.parametrize("name", TYPED)
def test_while_typing_all_that_was_said_stands_where_its_text_is(name: str, example: engine.Loaded) -> None:
    project = example.project
    before_all = engine.check(project, Config())
    for path in ("lib/shaky_shop/application.ex", "lib/shaky_shop/orders.ex"):
        before = Source(path, project.read(path))
        for content in broken_versions(before.content, TYPED[name]):
            source = Source(path, content)
            if not source.broken:
                continue
            assert engine.reanalyze(source, project.role_of(path), before, project.files[path]) is None
            analysis = carried_over(source, before, project.files[path])
            after_all = findings_with(project, path, analysis, content)
            assert [f.fingerprint for f in after_all] == [f.fingerprint for f in before_all]
            for old, new in zip(before_all, after_all, strict=True):
                if old.path == path:
                    assert before.text(old.span) == source.text(new.span)


def test_what_stands_before_the_break_is_still_known() -> None:
    facts = read(
        """
        defmodule Shop.Mailer do
          use GenServer

          def first(x), do: Task.start(fn -> x end)

          def second(x) do
            y = "unclosed
          end

          def third(x), do: Task.start(fn -> x end)
        end
        """
    )
    (module,) = facts.modules
    assert facts.broken and not module.complete
    assert [use.module for use in module.uses] == ["GenServer"]
    assert [function.id for function in module.functions] == ["first/1"]


def test_a_definition_that_swallowed_another_is_not_believed() -> None:
    facts = read(
        """
        defmodule A do
          def first(x) do
            if x do
          end

          def second(x), do: spawn(fn -> x end)
        end
        """
    )
    clauses: list[Clause] = [c for m in facts.modules for f in m.functions for c in f.clauses]
    assert clauses == []


def test_an_end_too_many_is_broken() -> None:
    facts = read("defmodule A do\n  def a do\n    1\n  end\n  end\n\n  def b, do: 2\nend")
    assert facts.broken and not facts.modules[0].complete


ODD = """
defmodule¦defmodule do¦def¦def do end¦&¦@¦fn¦%¦a |> ¦alias A.{¦use¦import¦import A, only: x¦case¦receive
receive do¦quote¦with¦defmodule A, do: (¦apply(A, :b, [c | d])¦defimpl¦defimpl A, for: [B, C] do end
Supervisor.start_link()¦Supervisor.init([[[]]], [])¦end end end¦((((((¦%{a | }¦alias __MODULE__, as: X
@impl¦defmodule A.B.C, do: nil¦DynamicSupervisor.start_child()¦\x00¦\ufeff¦x = ~w(¦spawn¦&spawn/¦apply()
"""


@pytest.mark.parametrize("text", ODD.strip().replace("\n", "¦").split("¦"))
def test_odd_text_raises_nothing(text: str) -> None:
    engine.analyze(Source("lib/odd.ex", text.encode()), Role.LIB)
    engine.analyze(Source("lib/odd.ex", f"defmodule A do\ndef b do\n{text}\nend\nend".encode()), Role.LIB)


@pytest.mark.parametrize(
    "text",
    ["[" * 5000, "x = " + "1 + " * 3000 + "1", "f(" * 800 + ")" * 800, "fn -> " * 500, "{" * 900 + "}" * 900],
    ids=["lists", "sum", "calls", "fns", "tuples"],
)
def test_deep_text_raises_nothing(text: str) -> None:
    engine.analyze(Source("lib/deep.ex", text.encode()), Role.LIB)
