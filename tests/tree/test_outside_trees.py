"""What stands in no tree: who starts it, or what could not be seen."""

from __future__ import annotations

from inspect import cleandoc
from pathlib import Path

import pytest

from tests.tree.growing import SERVER, application, text_of

CASES = {
    "a library": (
        """
# file: mix.exs
defmodule Shop.MixProject do
  use Mix.Project
  def project, do: [app: :shop, version: "0.1.0"]
  def application, do: [extra_applications: [:logger]]
end
# file: lib/shop.ex
defmodule Shop.Pool do
  use Supervisor
  def init(_), do: Supervisor.init([Shop.C], strategy: :one_for_one)
end
""",
        """
Shop.Pool (Supervisor, one_for_one, started by users of the library)
└── Shop.C
""",
    ),
    "an application that is not there": (
        "# file: lib/shop.ex\ndefmodule Shop do\nend\n",
        """
shop (application Shop.Application)
└── … (perhaps more: the module is not in the project, though mix.exs names it)
""",
    ),
    "an application that can't be read": (
        "# file: mix.exs\n"
        "defmodule Shop.MixProject do\n  use Mix.Project\n  def project, do: [app: :shop]\n"
        "  def application, do: options()\nend\n"
        "# file: lib/shop.ex\ndefmodule Shop do\nend\n",
        """
shop (application)
└── … (perhaps more: `mod:` can't be read out of mix.exs)
""",
    ),
    "what is started outside, and under supervisors that are in no tree": (
        application("[Shop.Known]")
        + f"""
# file: lib/shop.ex
defmodule Shop do
  def a, do: spawn(fn -> :ok end)
  def b, do: Task.start(fn -> :ok end)
  def c, do: Task.start_link(fn -> :ok end)
  def d, do: Shop.Cart.start_link([])
  def e, do: GenServer.start(Shop.Cart, [])
  def f, do: spawn_monitor(fn -> :ok end)
  def g(sup), do: DynamicSupervisor.start_child(sup, Shop.Cart)
  def h, do: Task.Supervisor.start_child(Shop.Absent, fn -> :ok end)
end
defmodule Shop.Cart do
  {SERVER}
  def start_link(x), do: GenServer.start_link(__MODULE__, x)
end
defmodule Shop.Known do
  use GenServer
  def start_link(x), do: GenServer.start_link(__MODULE__, x)
  def init(x) do
    {{:ok, _}} = Shop.Cart.start_link([])
    {{:ok, x}}
  end
end
""",
        """
shop (application Shop.Application)
└── Shop.Supervisor (Supervisor, one_for_one)
    └── Shop.Known (GenServer, permanent)

Started on supervisors that stand in no tree
├── Shop.Cart (GenServer, permanent, started by Shop.g/1, on a supervisor known at run time only)
└── Task (temporary, started by Shop.h/0, on Shop.Absent)

Started outside every supervisor
├── spawn/1 (in Shop.a/0)
├── Task.start/1 (in Shop.b/0)
├── Task.start_link/1 (in Shop.c/0, linked)
├── Shop.Cart.start_link/1 (in Shop.d/0, linked)
├── GenServer.start/2 (in Shop.e/0, runs Shop.Cart)
├── spawn_monitor/1 (in Shop.f/0, monitored)
└── Shop.Cart.start_link/1 (in Shop.Known.init/1, linked)
""",
    ),
    "what is not started outside": (
        application("[Shop.Loop, %{id: :m, start: {Shop.Made, :boot, []}}]")
        + """
# file: lib/shop.ex
defmodule Shop.Loop do
  def child_spec(x), do: %{id: x, start: {__MODULE__, :start_link, [x]}}
  def start_link(x), do: {:ok, spawn_link(fn -> x end)}
end
defmodule Shop.Made do
  def boot, do: GenServer.start_link(Shop.Server, [])
end
# file: lib/mix/tasks/shop.seed.ex
defmodule Mix.Tasks.Shop.Seed do
  use Mix.Task
  def run(_), do: Task.start(fn -> :ok end)
end
# file: test/shop_test.exs
defmodule Shop.Test do
  use ExUnit.Case
  test "it", do: Supervisor.start_link([Shop.Fake], strategy: :one_for_one)
end
""",
        """
shop (application Shop.Application)
└── Shop.Supervisor (Supervisor, one_for_one)
    ├── Shop.Loop
    └── Shop.Made (permanent)
""",
    ),
    "a supervisor that code starts by hand": (
        application("[]")
        + """
# file: lib/shop.ex
defmodule Shop.Pool do
  use Supervisor
  def start_link(x), do: Supervisor.start_link(__MODULE__, x)
  def init(_), do: Supervisor.init([Shop.C], strategy: :one_for_one)
end
defmodule Shop do
  def open, do: Shop.Pool.start_link([])
end
""",
        """
shop (application Shop.Application)
└── Shop.Supervisor (Supervisor, one_for_one)

Shop.Pool (Supervisor, one_for_one, started by Shop.open/0 outside every supervisor)
└── Shop.C

Started outside every supervisor
└── Shop.Pool.start_link/1 (in Shop.open/0, linked)
""",
    ),
    "supervisors that nobody starts, also in a circle": (
        application("[]")
        + """
# file: lib/shop.ex
defmodule Shop.Lost do
  use Supervisor
  def init(_), do: Supervisor.init([Shop.C], strategy: :one_for_one)
end
defmodule Shop.X do
  use Supervisor
  def init(_), do: Supervisor.init([Shop.Y], strategy: :one_for_one)
end
defmodule Shop.Y do
  use Supervisor
  def init(_), do: Supervisor.init([Shop.X], strategy: :one_for_one)
end
""",
        """
shop (application Shop.Application)
└── Shop.Supervisor (Supervisor, one_for_one)

Shop.Lost (Supervisor, one_for_one, nothing in this project starts it)
└── Shop.C

Shop.X (Supervisor, one_for_one, nothing in this project starts it)
└── Shop.Y (Supervisor, one_for_one, permanent)
    └── Shop.X (Supervisor, one_for_one, permanent, children as above)
""",
    ),
    "a wrapper around GenServer": (
        application("[Shop.Cart]")
        + """
# file: lib/shop.ex
defmodule Shop.Server do
  defmacro __using__(_) do
    quote do
      use GenServer, restart: :transient
    end
  end
end
defmodule Shop.Cart do
  use Shop.Server
end
""",
        """
shop (application Shop.Application)
└── Shop.Supervisor (Supervisor, one_for_one)
    └── Shop.Cart (GenServer, transient)
""",
    ),
    "a file with syntax errors": (
        application("[Shop.Cart]")
        + "# file: lib/shop.ex\ndefmodule Shop.Cart do\n  use GenServer\n  def (\n",
        """
shop (application Shop.Application)
└── Shop.Supervisor (Supervisor, one_for_one)
    └── Shop.Cart (GenServer)
        └── … (perhaps more: the file of its module has syntax errors)

lib/shop.ex has syntax errors: what it starts may be missing
""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_forest(tmp_path: Path, name: str) -> None:
    code, expected = CASES[name]
    assert text_of(tmp_path, cleandoc(code)) == expected.lstrip("\n")
