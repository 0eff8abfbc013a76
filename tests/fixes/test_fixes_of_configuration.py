"""OTP505 and its kin: what of a module's body can be read later, and what can't."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from otp_genesis_refactorers.change import Refused
from tests.fixes.fixing import changed_files, fixed, project_of

PATH = "lib/shop/api.ex"


def run_fix(code: str, text: bytes) -> bytes | Refused:
    """The file after the fix of its first finding of a rule, put through the gates."""
    project = project_of({PATH: text})
    change = fixed(project, (code,))
    return change if isinstance(change, Refused) else changed_files(change, project)[PATH]


def module(body: str) -> str:
    lines = [f"  {line}" if line else "" for line in body.strip("\n").splitlines()]
    return "\n".join(["defmodule Shop.Api do", *lines, "end", ""])


def check_becomes(before: str, after: str) -> None:
    """Also with the line breaks of Windows."""
    for newline in ("\n", "\r\n"):
        fixed = run_fix("OTP505", module(before).replace("\n", newline).encode())
        assert isinstance(fixed, bytes), fixed
        assert fixed.decode() == module(after).replace("\n", newline)


def check_refused(body: str, part: str) -> None:
    refused = run_fix("OTP505", module(body).encode())
    assert isinstance(refused, Refused), refused
    assert part in refused.reason
    assert "\n" not in refused.reason


MANY_LINES = """
@pool "POOL_SIZE"
      |> System.get_env("10")
      |> String.to_integer()

# used twice
def start, do: List.duplicate(@pool, 2) ++ [pool: @pool]
"""
MANY_LINES_FIXED = """
# used twice
def start, do: List.duplicate(pool(), 2) ++ [pool: pool()]

defp pool do
  "POOL_SIZE"
  |> System.get_env("10")
  |> String.to_integer()
end
"""
ARGUMENTS_BELOW = """
@many Application.get_env(
        :shop,
        :many
      )

def more, do: "#{@many} more"
"""


def test_a_value_of_many_lines_becomes_a_block() -> None:
    check_becomes(MANY_LINES, MANY_LINES_FIXED)


@pytest.mark.parametrize(
    ("use", "after"),
    [
        ("def url, do: @base[:url]", "def url, do: base()[:url]"),
        ('def url(x), do: "#{@base}/#{x}"', 'def url(x), do: "#{base()}/#{x}"'),
        ("def all(xs), do: Enum.map(xs, &(@base <> &1))", "def all(xs), do: Enum.map(xs, &(base() <> &1))"),
        ("def in?(x), do: x in @base", "def in?(x), do: x in base()"),
        (
            "def get(x) do\n  case @base do\n    nil -> x\n    base -> base\n  end\nend",
            "def get(x) do\n  case base() do\n    nil -> x\n    base -> base\n  end\nend",
        ),
        ("def own, do: own(@base)\ndef own(x), do: x", "def own, do: own(base())\ndef own(x), do: x"),
    ],
)
def test_uses_in_functions_become_calls(use: str, after: str) -> None:
    before = f"use GenServer\n@base Application.get_env(:shop, :base)\n\n{use}"
    check_becomes(before, f"use GenServer\n\n{after}\n\ndefp base, do: Application.get_env(:shop, :base)")


@pytest.mark.parametrize(
    "use",
    [
        "def f(@base), do: true",
        "def f(x) when x == @base, do: x",
        "def f(x), do: match?(@base, x)",
        "def f(x) do\n  case x do\n    @base -> 1\n  end\nend",
        "def f(x) do\n  @base = x\nend",
        "def f, do: from(u in User, where: u.base == @base)",
        "def f(<<_::size(@base), x::binary>>), do: x",
        "plug :put_base, @base\ndef put_base(c, b), do: {c, b}",
        "@more [@base]\ndef f, do: @more",
        "defmacro f, do: @base",
        "def f, do: @base\ndef base, do: 1",
    ],
)
def test_other_uses_keep_the_value_of_the_build(use: str) -> None:
    before = f"@base Application.get_env(:shop, :base, 1)\n\n{use}"
    check_becomes(before, before.replace("get_env", "compile_env"))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (
            '@home System.get_env("HOME")\n\ndef f(@home), do: 1',
            "is used at lib/shop/api.ex:4, where no function",
        ),
        ('@home System.get_env("HOME")\n\ndef home, do: @home', "can't have a function `home/0`"),
        ('@home System.get_env("HOME")\n\ndef f, do: 1', "is read nowhere"),
        ('@home System.get_env("HOME") # here\n\ndef f, do: @home', "a comment stands behind"),
        ('@home System.get_env("HOME")\n@home "x"\n\ndef f, do: @home', "is set several times"),
        ('@root "/x"\n@home System.get_env(@key)\n\ndef f, do: @home', "uses variables or other attributes"),
        ('key = "x"\n@home System.get_env(key)\n\ndef f, do: @home', "uses variables or other attributes"),
        ('@home dir: System.get_env("HOME")\n\ndef f, do: @home', "is not written as `@home value`"),
        ('@node System.get_env("HOME")\n\ndef f, do: @node', "can't have a function `node/0`"),
        ("@all Application.get_all_env(:shop)\n\ndef f(@all), do: 1", "is used at lib/shop/api.ex:4"),
    ],
)
def test_what_has_to_be_done_by_hand(body: str, reason: str) -> None:
    check_refused(body, reason)


def test_a_long_line_is_broken() -> None:
    key = "a_key_that_is_so_long" + 40 * "g"
    before = f"@base Application.get_env(:shop, :{key})\n\ndef f(@base), do: 1"
    after = f"@base Application.compile_env(\n        :shop,\n        :{key}\n      )\n\ndef f(@base), do: 1"
    assert len(module(before).splitlines()[1]) == 98
    check_becomes(before, after)


def test_what_is_written_compiles_and_stays_formatted(tmp_path: Path) -> None:
    bodies = {
        "A": MANY_LINES,
        "B": ARGUMENTS_BELOW,
        "C": '@x System.get_env("X")\ndef x?, do: is_nil(@x)',
        "D": "# Why.\n# Now.\n@x Application.get_env(:shop, __MODULE__, [])[:x]\n@y 1\n\ndef f, do: {@x, @y}",
    }
    for name, body in bodies.items():
        fixed = run_fix("OTP505", module(body).encode())
        assert isinstance(fixed, bytes), fixed
        (tmp_path / f"{name}.ex").write_bytes(fixed.replace(b"Shop.Api", name.encode()))
    (tmp_path / ".formatter.exs").write_text('[inputs: ["*.ex"]]\n')
    subprocess.run(["mix", "format", "--check-formatted"], cwd=tmp_path, check=True)
    paths = sorted(path.name for path in tmp_path.glob("*.ex"))
    compiled = ["elixirc", "--warnings-as-errors", "-o", str(tmp_path), *paths]
    subprocess.run(compiled, cwd=tmp_path, check=True, capture_output=True)
