# A call or a cast that no clause takes ends the server, and not only its caller.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

defmodule Cart do
  use GenServer
  def init(state), do: {:ok, state}
  def handle_call({:delete, sku}, _from, state), do: {:reply, :ok, List.delete(state, sku)}
  def handle_cast({:add, sku}, state), do: {:noreply, [sku | state]}
end

defmodule WithoutClauses do
  use GenServer
  def init(state), do: {:ok, state}
end

defmodule UnmatchedMessageTest do
  use ExUnit.Case, async: true

  setup do
    {:ok, cart} = GenServer.start(Cart, [:apple])
    %{cart: cart, ref: Process.monitor(cart)}
  end

  test "a call without a clause ends the server and exits its caller", %{cart: cart, ref: ref} do
    assert {{:function_clause, _}, {GenServer, :call, _}} = catch_exit(GenServer.call(cart, {:remove, :apple}))
    assert_receive {:DOWN, ^ref, :process, ^cart, {:function_clause, _}}
  end

  test "a cast without a clause ends the server, and its sender is told :ok", %{cart: cart, ref: ref} do
    assert GenServer.cast(cart, {:put, :pear}) == :ok
    assert_receive {:DOWN, ^ref, :process, ^cart, {:function_clause, _}}
  end

  test "so it is where the server has no clauses at all" do
    {:ok, server} = GenServer.start(WithoutClauses, nil)
    assert {{%RuntimeError{}, _}, _} = catch_exit(GenServer.call(server, :anything))
  end

  test "with the tag that the server has a clause for, it answers", %{cart: cart} do
    assert GenServer.call(cart, {:delete, :apple}) == :ok
    assert :sys.get_state(cart) == []
  end
end
