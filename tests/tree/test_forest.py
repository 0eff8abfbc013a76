"""Which processes stand in the forest, where, and what is said of them."""

from __future__ import annotations

from inspect import cleandoc
from pathlib import Path

import pytest

from tests.tree.growing import SERVER, application, grown, process_in, text_of

CASES = {
    "what a child is, and how it is restarted": (
        application(
            "[{Registry, keys: :unique, name: Shop.Names}, Shop.Cart, {Shop.Till, 1},"
            " {Task, fn -> :ok end}, %{id: :pg, start: {:pg, :start_link, [:shop]}},"
            " Supervisor.child_spec(Shop.Own, restart: :transient), Shop.Own, {Redix, name: :redix},"
            " {DynamicSupervisor, name: Shop.Carts},"
            " {PartitionSupervisor, name: Shop.P, child_spec: Shop.Cart}]"
        )
        + f"""
# file: lib/shop.ex
defmodule Shop.Cart do
  {SERVER}
  def start_link(x), do: GenServer.start_link(__MODULE__, x, name: :cart)
end
defmodule Shop.Till do
  use GenServer, restart: :temporary
  def start_link(x), do: GenServer.start_link(__MODULE__, x, name: __MODULE__)
  def init(x), do: {{:ok, x}}
end
defmodule Shop.Own do
  {SERVER}
  def child_spec(x), do: %{{id: x, start: {{__MODULE__, :start_link, [x]}}, restart: Shop.mode()}}
end
""",
        """
shop (application Shop.Application)
└── Shop.Supervisor (Supervisor, one_for_one)
    ├── Shop.Names (Registry, permanent)
    ├── Shop.Cart (GenServer as :cart, permanent)
    ├── Shop.Till (GenServer, temporary)
    ├── Task (temporary)
    ├── :pg (permanent)
    ├── Shop.Own (GenServer, transient)
    ├── Shop.Own (GenServer)
    ├── :redix (Redix)
    ├── Shop.Carts (DynamicSupervisor, one_for_one, permanent)
    └── Shop.P (PartitionSupervisor, one_for_one, permanent)
        └── Shop.Cart (GenServer as :cart, permanent)
""",
    ),
    "what code adds stands under the supervisor that it is added to": (
        application(
            "[{DynamicSupervisor, name: Shop.Carts}, {Task.Supervisor, name: Shop.Tasks}, Shop.Sessions,"
            " {PartitionSupervisor, name: Shop.Parts, child_spec: DynamicSupervisor}]"
        )
        + f"""
# file: lib/shop.ex
defmodule Shop do
  def open(id), do: DynamicSupervisor.start_child(Shop.Carts, {{Shop.Cart, id}})
  def again(id), do: DynamicSupervisor.start_child(Shop.Carts, {{Shop.Cart, id}})
  def any(spec), do: DynamicSupervisor.start_child(Shop.Carts, spec)
  def mail(m), do: Task.Supervisor.start_child(Shop.Tasks, fn -> m end)
  def ask(m), do: Task.await(Task.Supervisor.async_nolink(Shop.Tasks, fn -> m end))
  def keep(m), do: Task.Supervisor.start_child(Shop.Tasks, fn -> m end, restart: :transient)
  def part(id) do
    DynamicSupervisor.start_child({{:via, PartitionSupervisor, {{Shop.Parts, id}}}}, Shop.Part)
  end
end
defmodule Shop.Cart do
  {SERVER}
end
defmodule Shop.Part do
  {SERVER}
end
defmodule Shop.Sessions do
  use DynamicSupervisor
  def start_link(x), do: DynamicSupervisor.start_link(__MODULE__, x, name: __MODULE__)
  def init(_), do: DynamicSupervisor.init(strategy: :one_for_one)
  def open(id), do: DynamicSupervisor.start_child(__MODULE__, {{Shop.Session, id}})
end
defmodule Shop.Session do
  use Agent, restart: :transient
end
""",
        """
shop (application Shop.Application)
└── Shop.Supervisor (Supervisor, one_for_one)
    ├── Shop.Carts (DynamicSupervisor, one_for_one, permanent)
    │   ├── Shop.Cart (GenServer, permanent, started by Shop.open/1 and Shop.again/1)
    │   └── a process known at run time only (started by Shop.any/1)
    ├── Shop.Tasks (Task.Supervisor, permanent)
    │   ├── Task (temporary, started by Shop.mail/1)
    │   ├── Task (temporary, started by Shop.ask/1)
    │   └── Task (transient, started by Shop.keep/1)
    ├── Shop.Sessions (DynamicSupervisor, one_for_one, permanent)
    │   └── Shop.Session (Agent, transient, started by Shop.Sessions.open/1)
    └── Shop.Parts (PartitionSupervisor, one_for_one, permanent)
        └── DynamicSupervisor (one_for_one, permanent)
            └── Shop.Part (GenServer, permanent, started by Shop.part/1)
""",
    ),
    "supervisors below supervisors, in every form": (
        application("[Shop.Web, Shop.Db, Shop.Hub, Shop.Anonymous]").replace(
            "Shop.Anonymous]", "%{id: :a, start: {Supervisor, :start_link, [[Shop.Conn], []]}}]"
        )
        + f"""
# file: lib/shop.ex
defmodule Shop.Web do
  use Supervisor
  def start_link(x), do: Supervisor.start_link(__MODULE__, x, name: :web)
  def init(_), do: Supervisor.init([Shop.Conn], strategy: :rest_for_one)
end
defmodule Shop.Db do
  def child_spec(x), do: %{{id: x, start: {{__MODULE__, :start_link, [x]}}}}
  def start_link(_), do: Supervisor.start_link([Shop.Conn], strategy: :one_for_all)
end
defmodule Shop.Hub do
  use GenServer
  def init(x) do
    {{:ok, _}} = Supervisor.start_link([Shop.Conn], strategy: :one_for_one)
    {{:ok, x}}
  end
end
defmodule Shop.Conn do
  {SERVER}
end
""",
        """
shop (application Shop.Application)
└── Shop.Supervisor (Supervisor, one_for_one)
    ├── Shop.Web (Supervisor as :web, rest_for_one, permanent)
    │   └── Shop.Conn (GenServer, permanent)
    ├── Shop.Db (one_for_all)
    │   └── Shop.Conn (GenServer, permanent)
    ├── Shop.Hub (GenServer, permanent)
    │   └── Supervisor (one_for_one, started by Shop.Hub.init/1 outside every supervisor)
    │       └── Shop.Conn (GenServer, permanent)
    └── Supervisor (permanent)
        └── … (perhaps more: part of the list is only known at run time)

Started outside every supervisor
└── Supervisor.start_link/2 (in Shop.Hub.init/1, linked)
""",
    ),
    "alternatives": (
        application(
            "base() ++ if(on?(), do: [Shop.B], else: []) ++ extra(:a)",
            "defp base, do: [Shop.A]\n"
            "  defp extra(:a), do: [Shop.A2, Shop.B2]\n"
            "  defp extra(_), do: [Shop.A2]",
        ),
        """
shop (application Shop.Application)
└── Shop.Supervisor (Supervisor, one_for_one)
    ├── Shop.A
    ├── Shop.B (in some configurations)
    ├── Shop.A2
    └── Shop.B2 (in some configurations)
""",
    ),
    "one supervisor that is started in several ways": (
        """
# file: lib/shop/application.ex
defmodule Shop.Application do
  use Application
  def start(:normal, _), do: Supervisor.start_link([Shop.A, Shop.B], strategy: :one_for_one, name: Shop.S)
  def start(_, _), do: Supervisor.start_link([Shop.A], strategy: :one_for_one, name: Shop.S)
end
""",
        """
shop (application Shop.Application)
└── Shop.S (Supervisor, one_for_one)
    ├── Shop.A
    └── Shop.B (in some configurations)
""",
    ),
    "what is only known at run time is said": (
        application("[Shop.A | Application.get_env(:shop, :more)] ++ Shop.More.children()")
        + "# file: lib/more.ex\ndefmodule Shop.More do\n  def children, do: [Shop.Cart]\nend\n",
        """
shop (application Shop.Application)
└── Shop.Supervisor (Supervisor, one_for_one)
    ├── Shop.A
    └── … (perhaps more: `Shop.More.children/0` adds children to the list)
""",
    ),
    "a supervisor in a module of its own under the application": (
        """
# file: lib/shop/application.ex
defmodule Shop.Application do
  use Application
  def start(_type, args), do: boot(args)
  defp boot(args), do: Shop.Supervisor.start_link(args)
end
# file: lib/shop/supervisor.ex
defmodule Shop.Supervisor do
  use Supervisor
  def start_link(x), do: Supervisor.start_link(__MODULE__, x, name: __MODULE__)
  def init(_), do: Supervisor.init([Shop.A], strategy: :one_for_one)
end
""",
        """
shop (application Shop.Application)
└── Shop.Supervisor (Supervisor, one_for_one)
    └── Shop.A
""",
    ),
    "cycles end, and what stands twice is written out once": (
        application("[Shop.A, Shop.B]")
        + """
# file: lib/shop.ex
defmodule Shop.A do
  use Supervisor
  def init(_), do: Supervisor.init([Shop.B], strategy: :one_for_one)
end
defmodule Shop.B do
  use Supervisor
  def init(_), do: Supervisor.init([Shop.A, Shop.C], strategy: :one_for_one)
end
""",
        """
shop (application Shop.Application)
└── Shop.Supervisor (Supervisor, one_for_one)
    ├── Shop.A (Supervisor, one_for_one, permanent)
    │   └── Shop.B (Supervisor, one_for_one, permanent)
    │       ├── Shop.A (Supervisor, one_for_one, permanent, children as above)
    │       └── Shop.C
    └── Shop.B (Supervisor, one_for_one, permanent, children as above)
""",
    ),
    "a tree for each app of an umbrella": (
        """
# file: mix.exs
defmodule All.MixProject do
  use Mix.Project
  def project, do: [apps_path: "apps"]
end
# file: apps/till/mix.exs
defmodule Till.MixProject do
  use Mix.Project
  def project, do: [app: :till]
  def application, do: [mod: {Till.Application, []}]
end
# file: apps/till/lib/till.ex
defmodule Till.Application do
  use Application
  def start(_, _), do: Supervisor.start_link([Cart.Worker], strategy: :one_for_one, name: Till.Supervisor)
end
# file: apps/cart/mix.exs
defmodule Cart.MixProject do
  use Mix.Project
  def project, do: [app: :cart]
  def application, do: [mod: {Cart.Application, []}]
end
# file: apps/cart/lib/cart.ex
defmodule Cart.Application do
  use Application
  def start(_, _), do: Supervisor.start_link([Cart.Worker], strategy: :one_for_all)
end
defmodule Cart.Worker do
  use Agent
end
""",
        """
cart (application Cart.Application)
└── Supervisor (one_for_all)
    └── Cart.Worker (Agent, permanent)

till (application Till.Application)
└── Till.Supervisor (Supervisor, one_for_one)
    └── Cart.Worker (Agent, permanent)
""",
    ),
    "a child that code starts again is no other one": (
        application("[Shop.Cart]")
        + f"""
# file: lib/shop.ex
defmodule Shop.Cart do
  {SERVER}
  def again, do: Supervisor.start_child(Shop.Supervisor, Shop.Cart)
end
""",
        """
shop (application Shop.Application)
└── Shop.Supervisor (Supervisor, one_for_one)
    └── Shop.Cart (GenServer, permanent)
""",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_forest(tmp_path: Path, name: str) -> None:
    code, expected = CASES[name]
    assert text_of(tmp_path, cleandoc(code)) == expected.lstrip("\n")


def test_places(tmp_path: Path) -> None:
    code = (
        application("[\n      {Shop.Cart, 1}\n    ]")
        + f"# file: lib/c.ex\ndefmodule Shop.Cart do\n  {SERVER}\nend\n"
    )
    project, forest = grown(tmp_path, cleandoc(code))
    cart = process_in(forest, "Shop.Cart")
    assert cart.started_at and cart.defined_at
    for place, text in ((cart.started_at, b"{Shop.Cart, 1}"), (cart.defined_at, b"Shop.Cart")):
        assert project.read(place.path)[place.span.start : place.span.end] == text


def test_a_tree_does_not_grow_with_the_ways_through_it(tmp_path: Path) -> None:
    """Each of 40 levels is started twice by the one above: 2 to the 40th ways, 80 lines."""
    level = "defmodule L{} do\n  use Supervisor\n  def init(_), do: Supervisor.init([L{}, L{}], [])\nend\n"
    code = "# file: lib/l.ex\n" + "".join(level.format(n, n + 1, n + 1) for n in range(40))
    assert text_of(tmp_path, application("[L0]") + code).count("\n") < 100
