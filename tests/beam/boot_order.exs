# A supervisor starts its children one after another: what init/1 uses by name must be there already.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

defmodule Stock do
  use GenServer
  def start_link(_opts), do: GenServer.start_link(__MODULE__, [], name: __MODULE__)
  def init(state), do: {:ok, state}
  def handle_call(:items, _from, state), do: {:reply, state, state}
end

defmodule Cart do
  use GenServer
  def start_link(_opts), do: GenServer.start_link(__MODULE__, [])
  def init(_opts), do: {:ok, GenServer.call(Stock, :items)}
end

defmodule LateCart do
  use GenServer
  def start_link(test), do: GenServer.start_link(__MODULE__, test)
  def init(test), do: {:ok, test, {:continue, :load}}

  def handle_continue(:load, test) do
    receive do: (:all_started -> send(test, {:loaded, GenServer.call(Stock, :items)}))
    {:noreply, test}
  end
end

defmodule BootOrderTest do
  use ExUnit.Case, async: false

  setup do
    Process.flag(:trap_exit, true)
    :ok
  end

  test "a child that calls a later one fails, and the start of the supervisor with it" do
    assert {:error, {:shutdown, {:failed_to_start_child, Cart, {:noproc, _}}}} =
             Supervisor.start_link([Cart, Stock], strategy: :one_for_one)
  end

  test "in the other order both start" do
    assert {:ok, supervisor} = Supervisor.start_link([Stock, Cart], strategy: :one_for_one)
    Supervisor.stop(supervisor)
  end

  test "a registry and a table that are started later are missing too" do
    assert_raise ArgumentError, fn -> Registry.lookup(NotStarted, :key) end
    assert_raise ArgumentError, fn -> :ets.lookup(:not_made, :key) end
  end

  test "handle_continue/2 runs when the start is over: its supervisor does not wait" do
    {:ok, supervisor} = Supervisor.start_link([{LateCart, self()}, Stock], strategy: :one_for_one)
    {LateCart, cart, _, _} = supervisor |> Supervisor.which_children() |> List.keyfind(LateCart, 0)
    send(cart, :all_started)
    assert_receive {:loaded, []}
    Supervisor.stop(supervisor)
  end
end
