"""From Elixir text to the trees that are drawn of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from otp_genesis_analyzers.forest.grow import process_forest
from otp_genesis_analyzers.forest.marks import marks
from otp_genesis_analyzers.forest.model import Process, ProcessForest
from otp_genesis_analyzers.forest.whole import read_whole
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import LineIndex
from otp_genesis_server.tree.drawing import Drawing, Position, drawing
from otp_genesis_server.tree.text import lines
from tests.example_project import findings_in, parse, write_project

MIX = """\
defmodule Shop.MixProject do
  use Mix.Project
  def project, do: [app: :shop, version: "0.1.0"]
  def application, do: [mod: {Shop.Application, []}]
end
"""
SERVER = "use GenServer\n  def init(x), do: {:ok, x}"
APPLICATION = """
# file: lib/shop/application.ex
defmodule Shop.Application do
  use Application
  def start(_type, _args) do
    children = {children}
    Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
  end
  {more}
end
"""


def application(children: str, more: str = "") -> str:
    return APPLICATION.replace("{children}", children).replace("{more}", more)


def grown(root: Path, code: str) -> tuple[Project, ProcessForest]:
    """The forest of files written as in `tests/example_project.py`, with the `mix.exs` of an application."""
    project = read_whole(write_project(root, {"mix.exs": MIX, **parse(code).files}))
    return project, process_forest(project)


def drawn(root: Path, code: str, *, with_findings: bool = False) -> Drawing:
    project, forest = grown(root, code)
    found = findings_in(project) if with_findings else ()
    return drawing(forest, marks(project, found), position_in(project))


def text_of(root: Path, code: str) -> str:
    """The text without places, a line break at its end."""
    return "\n".join(line.rstrip() for line in lines(drawn(root, code), place=lambda path, line: "")) + "\n"


def process_in(forest: ProcessForest, module: str) -> Process:
    """The only process of a module in the trees."""
    (found,) = [process for tree in forest.trees for process in _all(tree.root) if process.module == module]
    return found


def position_in(project: Project) -> Position:
    @cache
    def lines_of(path: str) -> LineIndex:
        return LineIndex(project.read(path))

    def position(path: str, byte_offset: int) -> tuple[int, int]:
        line, column = lines_of(path).position(byte_offset, "utf-32")
        return line + 1, column + 1

    return position


def _all(process: Process) -> list[Process]:
    return [process, *(below for child in process.children for below in _all(child))]
