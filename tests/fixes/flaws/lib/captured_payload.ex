defmodule ShakyShop.More.Exchange do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
  def rates(exchange), do: GenServer.call(exchange, :rates)

  @impl true
  def init(opts), do: {:ok, %{url: opts[:url], rates: nil, task: nil}}

  @impl true
  def handle_call(:rates, _from, state), do: {:reply, state.rates, state}

  @impl true
  def handle_info(:load, %{task: nil} = state) do
    task = Task.Supervisor.async_nolink(ShakyShop.More.Tasks, fn -> ask(state.url) end)
    {:noreply, %{state | task: task.ref}}
  end

  def handle_info({ref, rates}, state) when is_reference(ref) do
    Process.demonitor(ref, [:flush])
    {:noreply, %{state | rates: rates}}
  end

  def handle_info({:DOWN, _ref, :process, _pid, _reason}, state), do: {:noreply, state}

  defp ask(url), do: [url]
end
