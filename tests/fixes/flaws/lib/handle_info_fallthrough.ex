defmodule ShakyShop.More.Ticker do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
  def ticks(ticker), do: GenServer.call(ticker, :ticks)

  @impl true
  def init(_opts), do: {:ok, 0}

  @impl true
  def handle_call(:ticks, _from, ticks), do: {:reply, ticks, ticks}

  @impl true
  def handle_info(:tick, ticks) do
    {:noreply, ticks + 1}
  end
end
