"""A function that returned a pid returns `{:ok, pid}`: who may see that, and who may not."""

from __future__ import annotations

import pytest

from tests.fixes.fixing import check_fix, check_refused

RETURNING = """
# file: lib/shop/mailer.ex
defmodule Shop.Mailer do
  def notify(user) do
    spawn(fn -> deliver(user) end)
  end
end
"""
RETURNING_FIXED = RETURNING.replace("spawn(fn", "Task.Supervisor.start_child(Shop.TaskSupervisor, fn")

# Callers that don't look at the value.
DROPPING = {
    "nobody": "def run, do: :ok",
    "as a statement": "def run(user) do\n    Shop.Mailer.notify(user)\n    :ok\n  end",
    "thrown away": "def run(user) do\n    _ = Shop.Mailer.notify(user)\n    :ok\n  end",
    "in Enum.each": "def run(users), do: Enum.each(users, fn user -> Shop.Mailer.notify(user) end)",
    "handed on to nobody": "def run(user), do: Shop.Mailer.notify(user)",
    "handed on and dropped": "def run(user) do\n    hand_on(user)\n    :ok\n  end\n\n"
    "  defp hand_on(user), do: Shop.Mailer.notify(user)",
    "of another arity": "def run(user), do: [Shop.Mailer.notify(user, :now)]",
    "of another module": "def run(user), do: [Shop.Post.notify(user)]",
    "itself": "def run(0), do: Shop.Mailer.notify(0)\n  def run(n), do: run(n - 1)",
}
# Callers that do, and the line that the reason names.
USING = {
    "kept": "def run(user) do\n    pid = Shop.Mailer.notify(user)\n    pid\n  end",
    "in a tuple": "def run(user), do: {:ok, Shop.Mailer.notify(user)}",
    "gathered": "def run(users), do: Enum.map(users, &Shop.Mailer.notify(&1))",
    "captured": "def run(users), do: Enum.each(users, &Shop.Mailer.notify/1)",
    "through another function": "def run(user), do: [hand_on(user)]\n\n"
    "  defp hand_on(user), do: Shop.Mailer.notify(user)",
    "under an alias": "alias Shop.Mailer\n  def run(user), do: [Mailer.notify(user)]",
    "imported": "import Shop.Mailer\n  def run(user), do: [notify(user)]",
    "applied": "def run(user), do: [apply(Shop.Mailer, :notify, [user])]",
    "piped": "def run(user), do: user |> Shop.Mailer.notify() |> Process.link()",
    "delegated": "defdelegate notify(user), to: Shop.Mailer\n\n  def run(user), do: [Shop.Cart.notify(user)]",
}


@pytest.mark.parametrize("caller", DROPPING)
def test_returned_to_callers_who_drop_it(caller: str) -> None:
    cart = f"# file: lib/shop/cart.ex\ndefmodule Shop.Cart do\n  {DROPPING[caller]}\nend"
    change = check_fix(RETURNING + cart, RETURNING_FIXED)
    assert change.notes[0] == "`Shop.Mailer.notify/1` gives `{:ok, pid}` instead of a pid."


@pytest.mark.parametrize("caller", USING)
def test_returned_to_a_caller_who_uses_it(caller: str) -> None:
    cart = f"# file: lib/shop/cart.ex\ndefmodule Shop.Cart do\n  {USING[caller]}\nend"
    check_refused(RETURNING + cart, "`Shop.Mailer.notify/1` returns the pid, which lib/shop/cart.ex:")


def test_returned_to_tests() -> None:
    test = """
# file: test/mailer_test.exs
defmodule Shop.MailerTest do
  use ExUnit.Case

  test "mail" do
    {}
  end
end
"""
    check_fix(RETURNING + test.format("Shop.Mailer.notify(1)"), RETURNING_FIXED)
    check_refused(
        RETURNING + test.format("assert is_pid(Shop.Mailer.notify(1))"), "test/mailer_test.exs:5 uses"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("notify(User.t()) :: pid", "notify(User.t()) :: {:ok, pid}"),
        ("notify(user) :: pid() when user: User.t()", "notify(user) :: {:ok, pid()} when user: User.t()"),
        ("notify(User.t(), atom) :: pid", "notify(User.t(), atom) :: pid"),
        ("notify(User.t()) :: term", "notify(User.t()) :: term"),
    ],
)
def test_the_spec_follows(before: str, after: str) -> None:
    text = """
    defmodule Shop.Mailer do
      @doc "Starts it."
      @spec {spec}
      def notify(user), do: {call}user)
    end
    """
    check_fix(
        text.format(spec=before, call="spawn("),
        text.format(spec=after, call="Task.Supervisor.start_child(Shop.TaskSupervisor, "),
    )
