defmodule ShakyShop.More.Rates do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
  def all(rates), do: GenServer.call(rates, :all)

  @impl true
  def init(opts) do
    send(self(), :load)

    {:ok, %{base: opts[:base], rates: nil}}
  end

  @impl true
  def handle_call(:all, _from, state), do: {:reply, state.rates, state}

  @impl true
  def handle_info(:load, state) do
    {:noreply, %{state | rates: [state.base]}}
  end
end
