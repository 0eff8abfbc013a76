from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.across_modules.child_places import first_line_of
from otp_genesis_analyzers.across_modules.registered_children import Coupled, coupled_children
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, Rule


class CoupledChildrenOneForOne(Rule):
    """A registry and the supervisor whose children register in it are restarted one without the other.

    ## What it does
    Reports a `DynamicSupervisor` in a list of children with `strategy: :one_for_one` that has a `Registry` in
    the same list, where the processes started under the first take names in the second: as
    `{:via, Registry, ...}` in their `start_link`, or by `Registry.register`.

    ## Why it matters on the BEAM
    A registry holds names of processes that it is linked to. When it ends, those that don't trap exits end
    with it, all at once, and their supervisor starts them again while the registry is not there: each such
    start fails and counts as a restart, until the supervisor gives up. Those that trap exits live on without
    a name: nobody finds them, and a second process is started in their place.

    ## When it is legitimate
    With `:rest_for_one`, the registry in front, or in a supervisor of their own with `:one_for_all`: the
    dynamic supervisor is then started anew behind its registry. Where nothing that is started under the
    supervisor registers there. None of these is reported.

    ## Use instead
    ```elixir
    children = [
      {Registry, keys: :unique, name: Shop.Names},
      {DynamicSupervisor, name: Shop.Runs}
    ]

    Supervisor.start_link(children, strategy: :rest_for_one)
    ```

    ## Fix safety
    Unsafe: `:one_for_one` becomes `:rest_for_one`, so that all children behind one that ends are started
    anew with it. Refused in lists of more than 8 children, which want a supervisor for the two, where the
    registry is not in front, and where the strategy is not written out beside the list.

    ## References
    - https://hexdocs.pm/elixir/Supervisor.html#module-strategies
    - https://hexdocs.pm/elixir/Registry.html
    - `tests/beam/registry_one_for_one.exs`
    """

    code = "OTP310"
    name = "coupled-children-one-for-one"
    severity = Severity.INFORMATION
    project_wide = True
    anchors = (
        "Supervisor start_link",
        "Supervisor init",
        "Supervisor start_child",
        "Registry start_link",
        "Registry register",
    )
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                children = [
                  {Registry, keys: :unique, name: Shop.Names},
                  {DynamicSupervisor, name: Shop.Runs}
            #     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ information: keep their names in `Shop.Names`
                ]

                Supervisor.start_link(children, strategy: :one_for_one, name: Shop.Supervisor)
              end
            end
            # file: lib/shop/run.ex
            defmodule Shop.Run do
              use GenServer

              def begin(id), do: DynamicSupervisor.start_child(Shop.Runs, {__MODULE__, id})
              def start_link(id) do
                name = {:via, Registry, {Shop.Names, id}}
                GenServer.start_link(__MODULE__, id, name: name)
              end

              def init(id), do: {:ok, id}
            end
            """,
            fixed="""
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                children = [
                  {Registry, keys: :unique, name: Shop.Names},
                  {DynamicSupervisor, name: Shop.Runs}
                ]

                Supervisor.start_link(children, strategy: :rest_for_one, name: Shop.Supervisor)
              end
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/rooms.ex
            defmodule Shop.Rooms do
              use Supervisor

              def start_link(opts), do: Supervisor.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(_opts) do
                opts = [strategy: :one_for_one]
                Supervisor.init([{Registry, keys: :unique, name: :rooms}, Shop.RoomSupervisor], opts)
            #                                                             ^^^^^^^^^^^^^^^^^^^ information
              end
            end

            defmodule Shop.RoomSupervisor do
              use DynamicSupervisor

              def start_link(opts), do: DynamicSupervisor.start_link(__MODULE__, opts, name: __MODULE__)
              def open(id), do: DynamicSupervisor.start_child(__MODULE__, {Shop.Room, id})
              def init(_opts), do: DynamicSupervisor.init(strategy: :one_for_one)
            end

            defmodule Shop.Room do
              use GenServer

              def start_link(id), do: GenServer.start_link(__MODULE__, id)

              def init(id) do
                {:ok, _owner} = Registry.register(:rooms, id, nil)
                {:ok, id}
              end
            end
            """,
            fixed="""
            # file: lib/shop/rooms.ex
            defmodule Shop.Rooms do
              use Supervisor

              def start_link(opts), do: Supervisor.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(_opts) do
                opts = [strategy: :rest_for_one]
                Supervisor.init([{Registry, keys: :unique, name: :rooms}, Shop.RoomSupervisor], opts)
              end
            end

            defmodule Shop.RoomSupervisor do
              use DynamicSupervisor

              def start_link(opts), do: DynamicSupervisor.start_link(__MODULE__, opts, name: __MODULE__)
              def open(id), do: DynamicSupervisor.start_child(__MODULE__, {Shop.Room, id})
              def init(_opts), do: DynamicSupervisor.init(strategy: :one_for_one)
            end

            defmodule Shop.Room do
              use GenServer

              def start_link(id), do: GenServer.start_link(__MODULE__, id)

              def init(id) do
                {:ok, _owner} = Registry.register(:rooms, id, nil)
                {:ok, id}
              end
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                children = [
                  {DynamicSupervisor,
            #     ^^^^^^^^^^^^^^^^^^^ information: so a restart of one leaves the other behind
                   name: Shop.Cars, strategy: :one_for_one},
                  {Registry, keys: :unique, name: Shop.Plates}
                ]

                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/car.ex
            defmodule Shop.Car do
              use GenServer

              @plates Shop.Plates

              def start_link(plate), do: GenServer.start_link(__MODULE__, plate, name: via(plate))
              def park(plate), do: GenServer.call(via(plate), :park)
              def init(plate), do: {:ok, plate}
              def handle_call(:park, _from, plate), do: {:reply, :ok, plate}

              defp via(plate), do: {:via, Registry, {@plates, plate}}
            end
            # file: lib/shop/cars.ex
            defmodule Shop.CarPark do
              alias Shop.Car

              def enter(plate) do
                spec = {Car, plate}
                DynamicSupervisor.start_child(Shop.Cars, spec)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                children = [
                  {Registry, keys: :unique, name: Shop.Names},
                  Shop.Repo,
                  {Phoenix.PubSub, name: Shop.PubSub},
                  Shop.A,
                  Shop.B,
                  Shop.C,
                  Shop.D,
                  {DynamicSupervisor, name: Shop.Runs},
            #     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ information: a supervisor of their own
                  ShopWeb.Endpoint
                ]

                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/run.ex
            defmodule Shop.Run do
              @behaviour :gen_statem

              def begin(id), do: DynamicSupervisor.start_child(Shop.Runs, spec(id))
              def start_link(id) do
                :gen_statem.start_link({:via, Registry, {Shop.Names, id}}, __MODULE__, id, [])
              end

              def callback_mode, do: :handle_event_function
              def init(id), do: {:ok, :new, id}

              defp spec(id), do: %{id: id, start: {__MODULE__, :start_link, [id]}}
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                children = [
                  {Registry, keys: :unique, name: Shop.Names},
                  {DynamicSupervisor, name: Shop.Runs}
                ]

                Supervisor.start_link(children, strategy: :rest_for_one)
              end
            end
            # file: lib/shop/run.ex
            defmodule Shop.Run do
              use GenServer

              def begin(id), do: DynamicSupervisor.start_child(Shop.Runs, {__MODULE__, id})
              def start_link(id) do
                GenServer.start_link(__MODULE__, id, name: {:via, Registry, {Shop.Names, id}})
              end

              def init(id), do: {:ok, id}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              @moduledoc "The pair has a supervisor of its own."
              use Application

              def start(_type, _args) do
                children = [Shop.Runs, {Registry, keys: :duplicate, name: Shop.Topics}]
                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/runs.ex
            defmodule Shop.Runs do
              use Supervisor

              def start_link(opts), do: Supervisor.start_link(__MODULE__, opts)

              def init(_opts) do
                children = [{Registry, name: Shop.Names}, {DynamicSupervisor, name: Shop.RunSupervisor}]
                Supervisor.init(children, strategy: :one_for_all)
              end
            end

            defmodule Shop.Run do
              use GenServer

              def begin(id), do: DynamicSupervisor.start_child(Shop.RunSupervisor, {__MODULE__, id})
              def start_link(id) do
                GenServer.start_link(__MODULE__, id, name: {:via, Registry, {Shop.Names, id}})
              end

              def init(id), do: {:ok, id}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              @moduledoc "What runs under the supervisor does not register, or elsewhere."
              use Application

              def start(_type, _args) do
                children = [
                  {Registry, keys: :unique, name: Shop.Names},
                  {DynamicSupervisor, name: Shop.Runs},
                  {Task.Supervisor, name: Shop.Tasks}
                ]

                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/run.ex
            defmodule Shop.Run do
              use GenServer

              def begin(id), do: DynamicSupervisor.start_child(Shop.Runs, {__MODULE__, id})
              def start_link(id) do
                GenServer.start_link(__MODULE__, id, name: {:via, Registry, {Shop.Others, id}})
              end

              def init(id), do: {:ok, id}
              def find(id), do: Registry.lookup(Shop.Names, id)
            end

            defmodule Shop.Nameless do
              use GenServer

              def begin(id), do: DynamicSupervisor.start_child(Shop.Runs, {__MODULE__, id})
              def start_link(id), do: GenServer.start_link(__MODULE__, id)
              def init(id), do: {:ok, Registry.lookup(Shop.Names, id)}
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              @moduledoc "Another supervisor has the children that register."
              use Application

              def start(_type, _args) do
                children = [
                  {Registry, keys: :unique, name: Shop.Names},
                  {DynamicSupervisor, name: Shop.Runs}
                ]

                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            # file: lib/shop/run.ex
            defmodule Shop.Run do
              use GenServer

              def begin(id), do: DynamicSupervisor.start_child(Shop.OtherRuns, {__MODULE__, id})
              def start_link(id) do
                GenServer.start_link(__MODULE__, id, name: {:via, Registry, {Shop.Names, id}})
              end

              def init(id), do: {:ok, id}
            end
            """
        ),
        Example(
            """
            # file: test/shop/run_test.exs
            defmodule Shop.RunTest do
              use ExUnit.Case

              setup do
                start_supervised!({Registry, keys: :unique, name: Shop.Names})
                start_supervised!({DynamicSupervisor, name: Shop.Runs})

                children = [{Registry, name: Shop.Other}, {DynamicSupervisor, name: Shop.OtherRuns}]
                {:ok, _pid} = Supervisor.start_link(children, strategy: :one_for_one)
                :ok
              end
            end
            # file: lib/shop/run.ex
            defmodule Shop.Run do
              use GenServer

              def begin(id), do: DynamicSupervisor.start_child(Shop.OtherRuns, {__MODULE__, id})
              def start_link(id) do
                GenServer.start_link(__MODULE__, id, name: {:via, Registry, {Shop.Other, id}})
              end

              def init(id), do: {:ok, id}
            end
            """
        ),
    ]

    def check_project(self, project: Project) -> Iterable[Finding]:
        for coupled in coupled_children(project):
            if coupled.node.children.strategy == "one_for_one":
                yield self._finding(project, coupled)

    def _finding(self, project: Project, coupled: Coupled) -> Finding:
        node, supervisor, registry = coupled.node, coupled.supervisor, coupled.registry
        name = supervisor.name or supervisor.module
        advice = (
            "give the two a supervisor of their own"
            if coupled.in_long_list
            else "`:rest_for_one`, the registry in front, restarts both"
        )
        return self.report(
            node.path,
            first_line_of(project, node.path, supervisor),
            f"the children of `{name}` keep their names in `{registry.name}`, which `:one_for_one` restarts "
            f"alone, so a restart of one leaves the other behind; {advice}",
            snippet=f"{registry.name} {name}",
            scope=f"{node.module.name}.{node.children.function}",
            confidence=Confidence.STRONG,
            fix=FixKind.UNSAFE if coupled.in_order and not coupled.in_long_list else FixKind.LLM,
            related=(
                Related(node.path, first_line_of(project, node.path, registry), "the registry"),
                Related(
                    coupled.worker.path, coupled.call.head, f"`{coupled.worker.module.name}` registers here"
                ),
            ),
        )
