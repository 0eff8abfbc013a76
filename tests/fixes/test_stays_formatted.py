"""What `mix format` left alone before a fix it leaves alone after it.

The cases are many short files in one project: the real formatter gets them, the fixes change them,
and the real formatter is asked whether it would change anything.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from otp_genesis_refactorers.change import Change, Refused
from tests.example_project import DEFAULT_APPLICATION, DEFAULT_MIX
from tests.fixes.fixing import changed_files, fixed, project_of

FORMATTER = '[inputs: ["lib/**/*.ex"]]\n'
NAMES = ("Shop.TaskSupervisor", "Wholesale.Warehouse.Department.BackgroundTaskSupervisor")
WIDTHS = (4, 24, 33, 45)

# A start whose words are as long as `word`.
STARTS = (
    "spawn(fn -> {word}() end)",
    "spawn(fn -> one(); {word}() end)",
    "spawn(fn ->\n{word}()\nend)",
    'spawn(fn ->\n# why\n{word}("""\n  text\n""")\nend)',
    "spawn(Mod, :{word}, [a, {word}])",
    "spawn(Mod, :f, [\n{word}\n])",
    "spawn(&{word}/0)",
    "spawn({word})",
    "fn -> {word}() end |> spawn()",
)
# Where the start stands in a function.
CONTEXTS = (
    "{start}\n:ok",
    "one()\n# why\n{start}\n# and then\ntwo()",
    "pid = {start}\nsend(pid, :go)",
    "_ = {start}\n:ok",
    "ok? && {start}\n:ok",
    "if ok?, do: {start}\n:ok",
    "if ok?, do: :ok, else: {start}\n:ok",
    "case x do\n# one\n:one -> 1\n{{:two, y}} -> {start}\n# three\n:three -> 3\nend\n:ok",
    "case x do\n:one -> 1\n{{:two, y}} -> if y, do: {start}\nend\n:ok",
    "receive do\n:go -> {start}\nafter\n10 -> :ok\nend\n:ok",
    "Enum.each(xs, fn x -> {start} end)\n:ok",
    "xs |> Enum.filter(&ok?/1) |> Enum.each(fn x -> {start} end)\n:ok",
    "for x <- xs, y <- ys, do: {start}\n:ok",
    "with {{:ok, x}} <- y, do: {start}\n:ok",
)
FUNCTIONS = ("def run(x), do: {start}", "@doc false\ndef run(%{{x: x}}) when x > 2, do: {start}")

CHILDREN = (
    "[]",
    "[Shop.Repo]",
    "[Shop.Repo, {Phoenix.PubSub, name: Shop.PubSub}]",
    "[Shop.Repo, {Phoenix.PubSub, name: Shop.PubSub}, ShopWeb.Endpoint]",
    "[{Shop.Cache, [size: 10, ttl: 20]}, Shop.Case, ShopWeb.Endpoint]",
    "[\nShop.Repo,\n# the way in\nShopWeb.Endpoint\n]",
    "[\n# Starts a worker by calling: Shop.Worker.start_link(arg)\n# {Shop.Worker, arg}\n]",
    "[\nShop.Repo\n\n# nothing else\n]",
)
TREES = (
    "children = {children}\nopts = [strategy: :one_for_one]\nSupervisor.start_link(children, opts)",
    "before()\n# why\nchildren = {children}\nSupervisor.start_link(children, opts())",
    "children = {children} ++ more()\nSupervisor.start_link(children, strategy: :one_for_one)",
    "Supervisor.start_link({children}, strategy: :one_for_one)",
    "Supervisor.start_link({children}, strategy: :one_for_one, name: Shop.Supervisor)",
    "Supervisor.start_link({children} ++ more(), strategy: :one_for_one)",
    "{{:ok, _}} = Supervisor.start_link({children}, opts())",
    "with :ok <- before() do\nSupervisor.start_link({children}, strategy: :one_for_one)\nend",
)
MAILER = "defmodule Shop.Mailer do\n  def run(user) do\n    spawn(fn -> user end)\n    :ok\n  end\nend\n"


def calls() -> Iterator[str]:
    for width, start in product(WIDTHS, STARTS):
        written = start.format(word="w" * width)
        for context in CONTEXTS:
            yield f"defmodule Shop.A do\ndef run(x) do\n{context.format(start=written)}\nend\nend\n"
        for function in FUNCTIONS:
            yield f"defmodule Shop.A do\n{function.format(start=written)}\nend\n"


def trees() -> Iterator[str]:
    for children, tree in product(CHILDREN, TREES):
        body = tree.format(children=children)
        yield f"defmodule Shop.Application do\ndef start(_type, _args) do\n{body}\nend\nend\n"


def mix_format(root: Path, *options: str) -> str:
    done = subprocess.run(["mix", "format", *options], cwd=root, capture_output=True, text=True, check=False)
    return done.stderr


def test_every_fixed_file_stays_formatted(tmp_path: Path) -> None:
    lib = tmp_path / "lib"
    lib.mkdir()
    (tmp_path / "mix.exs").write_text(DEFAULT_MIX)
    (tmp_path / ".formatter.exs").write_text(FORMATTER)
    for number, text in enumerate(calls()):
        (lib / f"call{number}.ex").write_text(text)
    for number, text in enumerate(trees()):
        (lib / f"tree{number}.ex").write_text(text)
    assert mix_format(tmp_path) == ""

    refused: list[str] = []
    for number, file in enumerate(sorted(lib.iterdir())):
        text = file.read_bytes()
        if file.name.startswith("tree"):
            path, project = (
                "lib/shop/application.ex",
                {"lib/shop/application.ex": text, "lib/m.ex": MAILER.encode()},
            )
            application = DEFAULT_APPLICATION
        else:
            path, project = "lib/a.ex", {"lib/a.ex": text}
            name = NAMES[number % len(NAMES)]
            application = DEFAULT_APPLICATION.replace("[]", f"[{{Task.Supervisor, name: {name}}}]")
        whole = project_of(project, application)
        change = fixed(whole)
        if isinstance(change, Refused):
            refused.append(change.reason)
            continue
        assert isinstance(change, Change)
        file.write_bytes(changed_files(change, whole)[path])
    assert refused == []
    assert mix_format(tmp_path, "--check-formatted") == ""
