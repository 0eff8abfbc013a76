"""A shop with processes of several kinds, for which tests are made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.exunit.generating import Generated, Wanted, generate
from tests.example_project import DEFAULT_MIX

APPLICATION = """\
defmodule Shop.Application do
  use Application

  @impl true
  def start(_type, _args) do
    children = [{Shop.Counter, step: 2}]

    Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
  end
end
"""
COUNTER = """\
defmodule Shop.Counter do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  def add(count) when is_integer(count), do: GenServer.call(__MODULE__, {:add, count})
  def reset, do: GenServer.cast(__MODULE__, :reset)
  def value, do: GenServer.call(__MODULE__, :value)

  @impl true
  def init(opts), do: {:ok, %{value: 0, step: Keyword.fetch!(opts, :step)}}

  @impl true
  def handle_call({:add, count}, _from, state) do
    {:reply, :ok, %{state | value: state.value + count * state.step}}
  end

  def handle_call(:value, _from, state), do: {:reply, state.value, state}

  @impl true
  def handle_cast(:reset, state), do: {:noreply, %{state | value: 0}}
end
"""
STACK = """\
defmodule Shop.Stack do
  use GenServer

  def start_link(items), do: GenServer.start_link(__MODULE__, items)

  def push(stack, item), do: GenServer.cast(stack, {:push, item})
  def pop(stack), do: GenServer.call(stack, :pop)
  def size(stack), do: GenServer.call(stack, :size)

  @impl true
  def init(items), do: {:ok, items}

  @impl true
  def handle_call(:pop, _from, [item | rest]), do: {:reply, {:ok, item}, rest}
  def handle_call(:pop, _from, []), do: {:reply, :empty, []}
  def handle_call(:size, _from, items), do: {:reply, length(items), items}

  @impl true
  def handle_cast({:push, item}, items), do: {:noreply, [item | items]}
end
"""
FLAGS = """\
defmodule Shop.Flags do
  use Agent, restart: :temporary

  def start_link(_opts), do: Agent.start_link(fn -> %{} end, name: __MODULE__)

  def set(flag, on?), do: Agent.update(__MODULE__, &Map.put(&1, flag, on?))
  def on?(flag), do: Agent.get(__MODULE__, &Map.get(&1, flag, false))
end
"""
FILES = {
    "mix.exs": DEFAULT_MIX,
    ".formatter.exs": '[inputs: ["{lib,test}/**/*.{ex,exs}"]]\n',
    "lib/shop/application.ex": APPLICATION,
    "lib/shop/counter.ex": COUNTER,
    "lib/shop/stack.ex": STACK,
    "lib/shop/flags.ex": FLAGS,
    "test/test_helper.exs": "ExUnit.start()\n",
}


def write_shop(root: Path, files: Mapping[str, str] | None = None) -> Path:
    """The shop below `root`, with these files in it or in place of its own."""
    for path, content in {**FILES, **(files or {})}.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return root


def read(root: Path) -> Project:
    return engine.load(root).project


def made(root: Path, module: str, function: str = "", *, trust: bool = False) -> Generated | Refused:
    """The test without a model, of all that a module does or of one of its functions."""
    project = read(root)
    return generate(Wanted(root, project, project.config, module, function, trusted_for_this_run=trust))
