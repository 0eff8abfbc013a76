defmodule Depot.Shelves do
  @moduledoc "What lies on the shelves."

  use GenServer

  def start_link(_options) do
    GenServer.start_link(__MODULE__, [], name: __MODULE__)
  end

  @doc "Puts an item on a shelf and has its label printed for the one who waits."
  def store(item, waiting) do
    GenServer.call(__MODULE__, {:store, item, waiting})
  end

  @impl true
  def init(items) do
    {:ok, items}
  end

  @impl true
  def handle_call({:store, item, waiting}, _from, items) do
    spawn(fn -> Depot.Labels.print(item, waiting) end)
    {:reply, :ok, Enum.take([item | items], 10)}
  end
end
