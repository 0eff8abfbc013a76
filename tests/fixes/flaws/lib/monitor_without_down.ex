defmodule ShakyShop.More.Visitors do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
  def count(visitors), do: GenServer.call(visitors, :count)
  def join(visitors, pid), do: GenServer.call(visitors, {:join, pid})

  @impl true
  def init(_opts), do: {:ok, []}

  @impl true
  def handle_call(:count, _from, pids), do: {:reply, length(pids), pids}

  def handle_call({:join, pid}, _from, pids) do
    Process.monitor(pid)
    {:reply, :ok, [pid | pids]}
  end
end
