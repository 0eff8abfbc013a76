"""Elixir text with marks, as small projects on disk.

    # file: lib/shop/mailer.ex
    defmodule Shop.Mailer do
      def notify(user) do
        spawn(fn -> deliver(user) end)
    #   ^^^^^ information: no link, monitor or supervisor
        :ok
      end
    end

A mark line stands under the line it speaks of and is no part of the file. Its carets cover the
finding exactly, in code points; the severity must be equal, the message must hold the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import LineIndex

DEFAULT_PATH = "lib/example.ex"
DEFAULT_MIX = """\
defmodule Shop.MixProject do
  use Mix.Project

  def project, do: [app: :shop, version: "0.1.0"]

  def application, do: [mod: {Shop.Application, []}]
end
"""
DEFAULT_APPLICATION = """\
defmodule Shop.Application do
  use Application

  @impl true
  def start(_type, _args) do
    children = []

    Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
  end
end
"""

_HEADER = re.compile(r"# file: (\S+)")
_MARK = re.compile(r"\s*#\s*(?P<carets>\^+) (?P<severity>error|warning|information|hint)(: (?P<message>.+))?")


@dataclass(frozen=True, order=True)
class Mark:
    """Line and columns are 0-based, columns in code points, `end` exclusive."""

    path: str
    line: int
    start: int
    end: int
    severity: str
    message: str = ""

    def is_of(self, found: Mark) -> bool:
        """Whether a finding, written as a mark, is the one that this mark asks for."""
        return replace(self, message="") == replace(found, message="") and self.message in found.message


@dataclass(frozen=True)
class ExampleText:
    files: Mapping[str, str]
    marks: tuple[Mark, ...]


def parse(code: str) -> ExampleText:
    """The files of an example without their marks, and the marks."""
    lines: dict[str, list[str]] = {}
    marks: list[Mark] = []
    path = DEFAULT_PATH
    for line in code.splitlines():
        header, mark = _HEADER.fullmatch(line), _MARK.fullmatch(line)
        if header:
            path = header[1]
            lines[path] = []
        elif mark:
            above = len(lines[path]) - 1
            columns = mark.span("carets")
            marks.append(Mark(path, above, *columns, mark["severity"], mark["message"] or ""))
        else:
            lines.setdefault(path, []).append(line)
    return ExampleText(
        {path: "\n".join(text).strip("\n") + "\n" for path, text in lines.items()}, tuple(marks)
    )


def write_project(root: Path, files: Mapping[str, str]) -> Project:
    """The files on disk below `root`, with an application `:shop` where there is no `mix.exs`, and read."""
    files = dict(files)
    if not any(path.rpartition("/")[2] == "mix.exs" for path in files):
        files = {"mix.exs": DEFAULT_MIX, "lib/shop/application.ex": DEFAULT_APPLICATION} | files
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    return engine.load(root).project


def findings_in(project: Project) -> tuple[Finding, ...]:
    """What all rules find."""
    return engine.check(project, Config(preset="strict"))


def as_marks(project: Project, findings: Iterable[Finding]) -> list[Mark]:
    return sorted(_as_mark(project, finding) for finding in findings)


def _as_mark(project: Project, finding: Finding) -> Mark:
    lines = LineIndex(project.read(finding.path))
    line, start = lines.position(finding.span.start, "utf-32")
    end_line, end = lines.position(finding.span.end, "utf-32")
    assert line == end_line, f"{finding.code} in {finding.path} covers more than one line"
    return Mark(finding.path, line, start, end, finding.severity.label, finding.message)
