defmodule ShakyShop.More.Bank do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
  def transfer(from, to, sum), do: GenServer.cast(__MODULE__, {:transfer, from, to, sum})

  @impl true
  def init(_opts), do: {:ok, []}

  @impl true
  def handle_cast({:transfer, from, to, sum}, accounts) do
    {:noreply, [{from, to, sum} | accounts]}
  end
end
