defmodule ShakyShop.More.Office do
  use Supervisor

  def start_link(opts), do: Supervisor.start_link(__MODULE__, opts)

  @impl true
  def init(_opts) do
    children = [
      # The desk needs to know who comes.
      ShakyShop.More.Office.Desk,
      ShakyShop.More.Office.Diary
    ]

    Supervisor.init(children, strategy: :one_for_one)
  end
end

defmodule ShakyShop.More.Office.Desk do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  @impl true
  def init(_opts), do: {:ok, ShakyShop.More.Office.Diary.today()}
end

defmodule ShakyShop.More.Office.Diary do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
  def today, do: GenServer.call(__MODULE__, :today)

  @impl true
  def init(opts), do: {:ok, opts}

  @impl true
  def handle_call(:today, _from, state), do: {:reply, state, state}
end
