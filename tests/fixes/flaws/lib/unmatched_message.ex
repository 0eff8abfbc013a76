defmodule ShakyShop.More.Basket do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  @impl true
  def init(_opts), do: {:ok, %{}}

  @impl true
  def handle_call({:delete, sku}, _from, state), do: {:reply, :ok, Map.delete(state, sku)}
end

defmodule ShakyShop.More.Desk do
  alias ShakyShop.More.Basket

  def drop(sku) do
    GenServer.call(Basket, {:remove, sku})
  end
end
