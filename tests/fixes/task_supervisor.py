"""Verbs for what a fix does to the tree that gets, or has, a Task.Supervisor."""

from __future__ import annotations

from inspect import cleandoc

from otp_genesis_refactorers.change import Change
from tests.fixes.fixing import changed_files, files_of, fixed, in_function, project_of

PATH = "lib/shop/application.ex"
MAILER = files_of(in_function("spawn(user)")) | files_of(
    """
    # file: lib/shop/cart.ex
    defmodule Shop.Cart do
      use GenServer
      def init(cart), do: {:ok, cart}
      def handle_cast(:buy, cart), do: {:noreply, Shop.Mailer.run(cart)}
    end
    # file: lib/shop/stock.ex
    defmodule Shop.Stock do
      use Agent
    end
    """
)


def application(start: str) -> dict[str, bytes]:
    """An application module whose `start/2` has this body."""
    lines = "\n".join(f"    {line}" if line else "" for line in cleandoc(start).splitlines())
    text = f"defmodule Shop.Application do\n  def start(_type, _args) do\n{lines}\n  end\nend\n"
    return {PATH: text.encode()}


def after_fix(files: dict[str, bytes]) -> dict[str, bytes]:
    project = project_of(MAILER | files)
    change = fixed(project)
    assert isinstance(change, Change), change
    return changed_files(change, project)


def check_tree(before: str, after: str) -> None:
    """The fix of an unsupervised start leaves `start/2` with the body `after`."""
    assert after_fix(application(before))[PATH].decode() == application(after)[PATH].decode()


def check_list(before: str, after: str) -> None:
    tail = "\n\nSupervisor.start_link(children, strategy: :one_for_one)"
    check_tree(f"children = {cleandoc(before)}{tail}", f"children = {cleandoc(after)}{tail}")


NEW = "{Task.Supervisor, name: Shop.TaskSupervisor}"
