"""OTP205: which clause moves, which stays and is called, and when `init/1` is left alone."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers.findings import FixKind
from tests.fixes.test_fixes_of_servers import check_becomes, check_refused, run_fix

CLAUSE = "  def handle_info(:load, state), do: {:noreply, state}"


def server(init: str, rest: str = CLAUSE) -> str:
    """A GenServer whose `init/1` has this body."""
    lines = "\n".join(f"    {line}" if line else "" for line in init.splitlines())
    return f"defmodule Shop.A do\n  use GenServer\n\n  def init(opts) do\n{lines}\n  end\n\n{rest}\nend"


SENDS = "send(self(), :load)\n{:ok, opts}"


@pytest.mark.parametrize(
    ("init", "after"),
    [
        (SENDS, "def init(opts) do\n    {:ok, opts, {:continue, :load}}"),
        ("self() |> send(:load)\n{:ok, opts}", "def init(opts) do\n    {:ok, opts, {:continue, :load}}"),
        ("a = 1\n\nsend(self(), :load)\n\n{:ok, a}", "a = 1\n\n    {:ok, a, {:continue, :load}}"),
        ("# soon\nsend(self(), :load)\n{:ok, opts}", "# soon\n    {:ok, opts, {:continue, :load}}"),
        ("send(self(), :load); {:ok, opts}", "    {:ok, opts, {:continue, :load}}"),
        (
            "send(self(), :load)\n\ncase opts do\n  [] -> {:stop, :empty}\n  _ -> {:ok, %{}}\nend",
            "[] -> {:stop, :empty}\n      _ -> {:ok, %{}, {:continue, :load}}",
        ),
    ],
)
def test_init_goes_on(init: str, after: str) -> None:
    change = check_becomes(
        "OTP205", server(init), after, "def handle_continue(:load, state), do: {:noreply, state}"
    )
    assert change.kind is FixKind.SAFE


def test_each_clause_of_init_that_sends_it_goes_on() -> None:
    other = "  def init([]) do\n    send(self(), :load)\n    {:ok, %{}}\n  end\n\n"
    text = server(SENDS).replace("  def init(opts)", f"{other}  def init(opts)")
    check_becomes("OTP205", text, "{:ok, %{}, {:continue, :load}}", "{:ok, opts, {:continue, :load}}")


def test_clause_goes_to_those_of_its_new_kind() -> None:
    rest = f"""  def handle_continue(:more, state), do: {{:noreply, state}}

  @impl true
  # first
{CLAUSE}
  def handle_info(:stop, state), do: {{:stop, :normal, state}}"""
    check_becomes(
        "OTP205",
        server(SENDS, rest),
        "def handle_continue(:more, state), do: {:noreply, state}\n\n"
        "  # first\n  def handle_continue(:load, state), do: {:noreply, state}\n\n"
        "  @impl true\n  def handle_info(:stop, state)",
    )


@pytest.mark.parametrize(
    "rest",
    [
        "  def handle_info(:load, state) do\n    again(Process.send_after(self(), :load, 9))\n  end",
        CLAUSE + "\n  def load(pid), do: send(pid, :load)",
        CLAUSE + "\n  def handle_cast(:load, state), do: handle_info(:load, state)",
        CLAUSE.replace(":load,", "message,"),
        CLAUSE.replace("state),", "state) when is_map(state),") + "\n" + CLAUSE,
    ],
    ids=["comes back", "others send it", "is called", "takes all", "has a guard"],
)
def test_clause_that_has_other_uses_stays(rest: str) -> None:
    called = "def handle_continue(:load, state), do: handle_info(:load, state)"
    change = check_becomes("OTP205", server(SENDS, rest), called, rest)
    assert change.kind is FixKind.UNSAFE


def test_clause_stays_where_a_test_sends_the_message() -> None:
    text = f"# file: lib/a.ex\n{server(SENDS)}\n# file: test/a_test.exs\nsend(pid, :load)"
    result = run_fix(
        "OTP205", text.replace("send(pid, :load)", "defmodule T do\n  def f(p), do: send(p, :load)\nend")
    )
    assert not isinstance(result, tuple) or result[1].kind is FixKind.UNSAFE


REACHED = {
    "a broadcast": 'def tell, do: Phoenix.PubSub.broadcast(Shop.PubSub, "all", :load)',
    "a timer": "def later, do: :timer.send_after(100, Shop.A, :load)",
    "a timer that calls": "def later, do: :timer.apply_after(100, Kernel, :send, [Shop.A, :load])",
    "a message made elsewhere": "def tell(message), do: send(Shop.A, message)",
    "a function for many": "def tell, do: broadcast(:load)",
    "its clause": "def now(state), do: Shop.A.handle_info(:load, state)",
    "a test": 'use ExUnit.Case\n\n  test "loads", %{pid: pid} do\n    send(pid, :load)\n  end',
}


@pytest.mark.parametrize("name", REACHED)
def test_clause_that_is_reached_from_elsewhere_stays(name: str) -> None:
    path = "test/b_test.exs" if "test" in name else "lib/b.ex"
    text = f"# file: lib/a.ex\n{server(SENDS)}\n# file: {path}\ndefmodule Shop.B do\n  {REACHED[name]}\nend"
    called = "def handle_continue(:load, state), do: handle_info(:load, state)"
    change = check_becomes("OTP205", text, called, CLAUSE)
    assert change.kind is FixKind.UNSAFE


def test_clause_that_a_timer_of_its_own_reaches_stays() -> None:
    change = check_becomes("OTP205", server(f":timer.send_interval(9, :load)\n{SENDS}"), CLAUSE)
    assert change.kind is FixKind.UNSAFE


def test_clause_that_may_stop_the_server_moves_but_not_safely() -> None:
    rest = CLAUSE.replace("{:noreply, state}", "load(state)")
    change = check_becomes(
        "OTP205", server(SENDS, rest), "def handle_continue(:load, state), do: load(state)"
    )
    assert change.kind is FixKind.UNSAFE


@pytest.mark.parametrize(
    ("init", "reason"),
    [
        ("if opts[:now], do: send(self(), :load)\n{:ok, opts}", "is not always sent"),
        ("send(self(), :load)\nsend(self(), :more)\n{:ok, opts}", "several messages"),
        ("send(self(), :load)\n{:ok, opts, 5_000}", "more than `{:ok, state}`"),
        ("send(self(), :load)\n{:ok, opts, {:continue, :more}}", "more than `{:ok, state}`"),
        ("send(self(), :load)\nstart(opts)", "more than `{:ok, state}`"),
        ("send(self(), {:load, opts})\nopts = Map.new(opts)\n{:ok, opts}", "another value"),
        ("send(self(), {:load, now()})\n{:ok, opts}", "another value"),
        ("send(self(), :lost)\n{:ok, opts}", "no clause"),
        ("me = self()\nsend(me, :load)\n{:ok, opts}", "is there for the message alone"),
        ("message = send(self(), :load)\n{:ok, {opts, message}}", "is not always sent"),
    ],
)
def test_init_is_left_alone(init: str, reason: str) -> None:
    check_refused("OTP205", server(init), reason)


def test_message_that_is_continued_already_is_left_alone() -> None:
    rest = f"  def handle_continue(_what, state), do: {{:noreply, state}}\n\n{CLAUSE}"
    check_refused("OTP205", server(SENDS, rest), "takes such a message already")


def test_message_of_a_helper_is_left_alone() -> None:
    rest = f"{CLAUSE}\n\n  defp begin, do: send(self(), :load)"
    check_refused("OTP205", server("begin()\n{:ok, opts}", rest), "a function that `init/1` calls")
