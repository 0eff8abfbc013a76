defmodule ShakyShop.More.Races do
  use Supervisor

  def start_link(opts), do: Supervisor.start_link(__MODULE__, opts, name: __MODULE__)

  @impl true
  def init(_opts) do
    children = [
      {Registry, keys: :unique, name: ShakyShop.More.Names},
      {DynamicSupervisor, name: ShakyShop.More.Runs}
    ]

    Supervisor.init(children, strategy: :one_for_one)
  end
end

defmodule ShakyShop.More.Run do
  use GenServer

  def begin(id), do: DynamicSupervisor.start_child(ShakyShop.More.Runs, {__MODULE__, id})

  def start_link(id) do
    GenServer.start_link(__MODULE__, id, name: {:via, Registry, {ShakyShop.More.Names, id}})
  end

  @impl true
  def init(id), do: {:ok, id}
end
