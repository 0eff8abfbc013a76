defmodule ShakyShop.More.Scanner do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
  def scan(host), do: GenServer.call(__MODULE__, {:scan, host})

  @impl true
  def init(opts), do: {:ok, %{prefix: opts[:prefix], last: nil}}

  @impl true
  def handle_call({:scan, host}, _from, state) do
    {:reply, run(state.prefix, host), state}
  end

  defp run(prefix, host) do
    {out, 0} = System.cmd("echo", [prefix, host])
    out
  end
end
