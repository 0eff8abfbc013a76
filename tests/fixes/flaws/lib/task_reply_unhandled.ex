defmodule ShakyShop.More.Trainer do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
  def train(trainer, whom), do: GenServer.call(trainer, {:train, whom})

  @impl true
  def init(_opts), do: {:ok, %{task: nil}}

  @impl true
  def handle_call({:train, whom}, _from, state) do
    task = Task.async(fn -> send(whom, :trained) end)
    {:reply, :ok, %{state | task: task}}
  end
end
