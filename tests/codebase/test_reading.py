"""What a code base shows, and what it does not show."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.codebase import Codebase, Match, Matches, Text, open_commit, open_files
from tests.codebase.projects import MAILER, linked_folder, of_commit, of_files, sure, why
from tests.git.repositories import committed, git, write
from tests.mix.projects import MODULE, write_till

Make = Callable[..., Codebase]
both = pytest.mark.parametrize("make", [of_files, of_commit])


def text(answer: object) -> str:
    assert isinstance(answer, Text), answer
    return answer.text


def paths(codebase: Codebase) -> tuple[str, ...]:
    answer = codebase.paths()
    assert isinstance(answer, tuple)
    return answer


def found(answer: object) -> list[tuple[str, int]]:
    assert isinstance(answer, Matches), answer
    return [(match.path, match.line) for match in answer.found]


@pytest.fixture(scope="module")
def linked(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Make, Codebase]:
    """Code bases whose folders hold links that lead out of them."""
    return {make: make(linked_folder(tmp_path_factory.mktemp("linked"))) for make in (of_files, of_commit)}


# --- reading ------------------------------------------------------------------------------------------


@both
def test_files_and_their_lines(tmp_path: Path, make: Make) -> None:
    codebase = make(tmp_path)
    assert codebase.paths() == (
        "lib/mailer.ex",
        "lib/till.ex",
        "mix.exs",
        "test/test_helper.exs",
        "test/till_test.exs",
    )
    assert codebase.paths("lib/**/*.ex") == ("lib/mailer.ex", "lib/till.ex")
    assert "is no pattern" in why(codebase.paths("!"))
    assert codebase.content("lib/till.ex") == MODULE.encode()
    assert codebase.read("lib/mailer.ex", 6, 7) == Text(
        "lib/mailer.ex", 6, 7, 13, "  def send_off(mail) do\n    spawn(fn -> deliver(mail) end)\n"
    )
    assert text(codebase.read("lib/till.ex")) == MODULE
    assert text(codebase.read("lib/till.ex", 3, 99)) == "end\n"
    assert why(codebase.read("lib/till.ex", 9)) == "lib/till.ex has 3 lines, none with the number 9"
    assert "counted from 1" in why(codebase.read("lib/till.ex", 0))
    assert "counted from 1" in why(codebase.read("lib/till.ex", 3, 2))


@both
def test_long_files_come_in_parts(tmp_path: Path, make: Make) -> None:
    codebase = make(tmp_path, {"lib/long.ex": "# line\n" * 5000, "lib/wide.ex": "x" * 300_000, "e.ex": ""})
    part = codebase.read("lib/long.ex", 100)
    assert isinstance(part, Text)
    assert (part.first, part.last, part.total) == (100, 2099, 5000)
    assert len(text(codebase.read("lib/wide.ex"))) == 300_000
    assert codebase.read("e.ex") == Text("e.ex", 1, 0, 0, "")


@both
@pytest.mark.parametrize(("content", "reason"), [(b"\xff\xfe", "no UTF-8 text"), (b"a\0b", "is no text")])
def test_what_is_no_text(tmp_path: Path, make: Make, content: bytes, reason: str) -> None:
    codebase = make(tmp_path, {"lib/odd.ex": content})
    assert reason in why(codebase.read("lib/odd.ex"))
    assert codebase.content("lib/odd.ex") == content


@both
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("../secret", "outside the project"),
        ("lib/../../secret", "outside the project"),
        ("/etc/passwd", "outside the project"),
        ("lib\\..\\secret", "outside the project"),
        ("C:/secret", "outside the project"),
        (".git/config", "belongs to git"),
        (".GIT/config", "belongs to git"),
        ("lib/.git/config", "belongs to git"),
        ("git~1/config", "belongs to git"),
        ("lib/aux.ex", "reserved name"),
        ("lib//till.ex", "no plain path"),
        ("lib/till.ex/", "no plain path"),
        ("./lib/till.ex", "no plain path"),
        ("lib/a\nb.ex", "no plain path"),
        ("lib/\u202etill.ex", "no plain path"),
        ("", "no plain path"),
        ("x" * 300, "no plain path"),
        ("lib/gone.ex", "there is no lib/gone.ex"),
        ("link.ex", "symbolic link"),
        ("linked/passwd", "symbolic link"),
        ("inside/till.ex", "symbolic link"),
        ("lib", ""),
        ("lib/till.ex/x.ex", ""),
    ],
)
def test_what_is_not_read(linked: Mapping[Make, Codebase], make: Make, path: str, reason: str) -> None:
    codebase = linked[make]
    for answer in (codebase.content(path), codebase.read(path), codebase.definition(path, 1)):
        assert reason in why(answer)


def test_pipes_devices_and_large_files(tmp_path: Path) -> None:
    codebase = of_files(tmp_path)
    os.mkfifo(tmp_path / "lib/pipe.ex")
    (tmp_path / "lib/large.ex").write_bytes(b"x" * (5 << 20))
    assert why(codebase.content("lib/pipe.ex")) == "lib/pipe.ex is no regular file"
    assert why(codebase.content("lib/large.ex")) == "lib/large.ex has more than 4 MiB"
    assert "lib/pipe.ex" not in paths(codebase)


def test_a_link_that_appears_later_is_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    codebase = of_files(root)
    shutil.rmtree(root / "lib")
    (root / "lib").symlink_to("/etc")
    assert "symbolic link" in why(codebase.content("lib/passwd"))


@both
def test_builds_dependencies_and_keys_are_no_part_of_it(tmp_path: Path, make: Make) -> None:
    odd = {"_build/a.ex": "", "deps/b/mix.exs": "", ".env": "KEY=1", ".secret/x.ex": "", "cover/c.ex": ""}
    codebase = make(tmp_path, odd)
    assert not set(odd) & set(paths(codebase))
    assert codebase.search("KEY") == Matches(())
    for path in odd:
        assert isinstance(codebase.content(path), Refused)


def test_a_commit_is_read_whatever_the_disk_holds(tmp_path: Path) -> None:
    codebase = of_commit(tmp_path)
    git(tmp_path, "update-index", "--skip-worktree", "lib/till.ex")
    write(tmp_path, {"lib/till.ex": "dirty", "lib/new.ex": "defmodule New do\nend\n"})
    (tmp_path / "lib/mailer.ex").unlink()
    again = sure(open_commit(tmp_path))
    assert again.content("lib/till.ex") == MODULE.encode()
    assert again.paths() == codebase.paths()
    assert again.findings("OTP101") == codebase.findings("OTP101") != ()
    assert sure(open_files(tmp_path)).content("lib/till.ex") == b"dirty"


def test_a_project_in_a_folder_of_the_repository(tmp_path: Path) -> None:
    committed(tmp_path, {"shop/lib/a.ex": MODULE, "other/b.ex": MODULE})
    codebase = sure(open_commit(tmp_path / "shop"))
    assert codebase.paths() == ("lib/a.ex",)
    assert "outside" in why(codebase.content("../other/b.ex"))


def test_where_there_is_no_commit(tmp_path: Path) -> None:
    write_till(tmp_path)
    assert "is in no git repository" in why(open_commit(tmp_path))
    git(tmp_path, "init", "--quiet")
    assert "git knows no commit 'HEAD'" in why(open_commit(tmp_path))
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "first")
    assert "has no files below" in why(open_commit(tmp_path))
    assert "is no folder" in why(open_files(tmp_path / "gone"))


def test_what_editors_hold_wins(tmp_path: Path) -> None:
    write_till(tmp_path)
    held = {"lib/till.ex": MAILER.encode(), "lib/new.ex": b"# new\n", "deps/a/a.ex": b"", "../b.ex": b""}
    codebase = sure(open_files(tmp_path, held))
    assert codebase.content("lib/till.ex") == MAILER.encode()
    assert "lib/new.ex" in paths(codebase)
    assert not {"deps/a/a.ex", "../b.ex"} & set(paths(codebase))
    assert found(codebase.search("spawn")) == [("lib/till.ex", 7)]


# --- searching ----------------------------------------------------------------------------------------


@both
def test_search(tmp_path: Path, make: Make) -> None:
    codebase = make(tmp_path)
    assert found(codebase.search("deliver(")) == [("lib/mailer.ex", line) for line in (7, 11, 12)]
    assert found(codebase.search("def deliver(_")) == [("lib/mailer.ex", 12)]
    assert found(codebase.search(r"def \w+\(", "lib/*.ex", regex=True)) == [
        ("lib/mailer.ex", 6),
        ("lib/mailer.ex", 11),
        ("lib/mailer.ex", 12),
        ("lib/till.ex", 2),
    ]
    assert found(codebase.search("end$", "test/", regex=True)) == [
        ("test/till_test.exs", 6),
        ("test/till_test.exs", 7),
    ]
    assert codebase.search("deliver(", limit=2) == Matches(
        (
            Match("lib/mailer.ex", 7, "    spawn(fn -> deliver(mail) end)"),
            Match("lib/mailer.ex", 11, "  def deliver(mail) when is_map(mail), do: {:ok, mail}"),
        ),
        more=True,
    )
    assert found(codebase.search("nowhere")) == []


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [("", "empty"), ("a(", "unclosed group"), ("(?=a)", "look-around"), ("a" * 2000, "1000 characters")],
)
def test_patterns_that_are_refused(tmp_path: Path, pattern: str, reason: str) -> None:
    codebase = of_files(tmp_path)
    assert reason in why(codebase.search(pattern, regex=True))


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*x", r"(\w+\s*){1,50}$x"])
def test_no_pattern_runs_away(tmp_path: Path, pattern: str) -> None:
    codebase = of_files(tmp_path, {"lib/long.ex": "a" * 100_000 + "\n" + "a b " * 5000})
    assert codebase.search(pattern, "lib/long.ex", regex=True) is not None


def test_findings(tmp_path: Path) -> None:
    codebase = of_files(tmp_path)
    named, coded = codebase.findings("unsupervised-spawn"), codebase.findings("otp101", "lib/mailer.ex")
    assert named == coded
    assert isinstance(named, tuple)
    assert [codebase.place(finding) for finding in named] == [(7, 5)]
    assert codebase.findings("OTP101", "lib/till.ex") == ()
    assert why(codebase.findings("OTP999")) == "there is no rule 'OTP999': see 'otp-genesis rules'"


# --- parts of files -----------------------------------------------------------------------------------


def test_the_function_around_a_line(tmp_path: Path) -> None:
    codebase = of_files(tmp_path, {"README.md": "a\nb\n"})
    assert text(codebase.definition("lib/mailer.ex", 7)).startswith('  @doc "Sends it."\n  @spec')
    assert text(codebase.definition("lib/mailer.ex", 7)).endswith("    :ok\n  end\n")
    assert text(codebase.definition("lib/mailer.ex", 12)).count("def deliver") == 2
    assert text(codebase.definition("lib/mailer.ex", 1)) == MAILER
    assert text(codebase.definition("README.md", 1)) == "a\nb\n"


def test_the_skeleton(tmp_path: Path) -> None:
    code = '''\
defmodule Shop.Cart do
  @moduledoc """
  Long.
  """
  use GenServer, restart: :transient
  alias Shop.{Item, Price}

  @behaviour Shop.Basket
  @type t :: %{
          items: [Item.t()]
        }
  @limit 10

  defstruct [:items, total: 0]

  @callback price(t()) :: integer()

  @doc "Adds."
  @spec add(t(), Item.t()) :: t()
  def add(cart, item \\\\ nil)
  def add(cart, nil), do: cart
  def add(%{items: items} = cart, item) when length(items) < @limit do
    def_not(cart, item)
  end

  defp def_not(cart, _), do: cart

  defmacro twice(x), do: quote(do: unquote(x) * 2)
  defdelegate size(map), to: Map
  defguard is_cart(x) when is_map(x)

  defmodule Inner do
    import Enum, only: [map: 2]
    def all(list), do: map(list, & &1)
  end

  defimpl String.Chars, for: Shop.Cart do
    def to_string(_), do: "cart"
  end
end
'''
    codebase = of_files(tmp_path, {"lib/cart.ex": code, "README.md": "no"})
    assert codebase.skeleton("lib/cart.ex") == (
        "1: defmodule Shop.Cart do\n"
        "5:   use GenServer, restart: :transient\n"
        "6:   alias Shop.{Item, Price}\n"
        "8:   @behaviour Shop.Basket\n"
        "9:   @type t :: %{ items: [Item.t()] }\n"
        "14:   defstruct [:items, total: 0]\n"
        "16:   @callback price(t()) :: integer()\n"
        "19:   @spec add(t(), Item.t()) :: t()\n"
        "20:   def add(cart, item \\\\ nil)\n"
        "21:   def add(cart, nil)\n"
        "22:   def add(%{items: items} = cart, item) when length(items) < @limit\n"
        "28:   defmacro twice(x)\n"
        "29:   defdelegate size(map), to: Map\n"
        "30:   defguard is_cart(x) when is_map(x)\n"
        "32:   defmodule Inner do\n"
        "33:     import Enum, only: [map: 2]\n"
        "34:     def all(list)\n"
        "37:   defimpl String.Chars, for: Shop.Cart do\n"
        "38:     def to_string(_)\n"
    )
    assert "no Elixir file" in why(codebase.skeleton("README.md"))


@pytest.mark.parametrize(
    "code", ["", "defmodule", "def (", "def a, do:", "end end", "defmodule A do\n  def a(" * 300]
)
def test_the_skeleton_of_broken_code(tmp_path: Path, code: str) -> None:
    assert isinstance(of_files(tmp_path, {"lib/a.ex": code}).skeleton("lib/a.ex"), str)
