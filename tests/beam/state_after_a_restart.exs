# A supervisor starts a crashed server from init/1: what callers were told is kept is gone.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

defmodule Cart do
  use GenServer
  def start_link(test), do: GenServer.start_link(__MODULE__, test, name: __MODULE__)

  def init(test) do
    send(test, :started)
    {:ok, []}
  end

  def handle_call({:add, item}, _from, items), do: {:reply, :ok, [item | items]}
  def handle_call(:items, _from, items), do: {:reply, items, items}
  def handle_call(:fail, _from, _items), do: raise("no")
end

defmodule StateAfterARestartTest do
  use ExUnit.Case, async: true

  test "the caller was told :ok, and the item is lost" do
    {:ok, _supervisor} = Supervisor.start_link([{Cart, self()}], strategy: :one_for_one)
    assert_receive :started
    assert GenServer.call(Cart, {:add, :apple}) == :ok
    assert GenServer.call(Cart, :items) == [:apple]

    assert {{%RuntimeError{}, _stack}, _call} = catch_exit(GenServer.call(Cart, :fail))
    assert_receive :started, 2_000
    assert GenServer.call(Cart, :items) == []
  end
end
