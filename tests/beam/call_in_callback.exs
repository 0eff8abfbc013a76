# A server that waits for another one in a callback answers nobody meanwhile, and dies of the other's death.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

defmodule Stock do
  use GenServer
  def init(state), do: {:ok, state}
  def handle_call(:reserve, from, test), do: (send(test, {:asked, from}); {:noreply, test})
end

defmodule Cart do
  use GenServer
  def init(stock), do: {:ok, stock}
  def handle_call(:size, _from, stock), do: {:reply, 0, stock}
  def handle_call(:checkout, _from, stock), do: {:reply, GenServer.call(stock, :reserve), stock}

  def handle_call(:checkout_later, from, stock) do
    spawn_link(fn -> GenServer.reply(from, GenServer.call(stock, :reserve)) end)
    {:noreply, stock}
  end
end

defmodule CallInCallbackTest do
  use ExUnit.Case, async: true

  setup do
    {:ok, stock} = GenServer.start(Stock, self())
    {:ok, cart} = GenServer.start(Cart, stock)
    %{stock: stock, cart: cart}
  end

  test "the callers of the first server wait for the second", %{cart: cart} do
    checkout = Task.async(fn -> GenServer.call(cart, :checkout) end)
    assert_receive {:asked, from}
    assert {:timeout, _} = catch_exit(GenServer.call(cart, :size, 50))

    GenServer.reply(from, :reserved)
    assert Task.await(checkout) == :reserved
    assert GenServer.call(cart, :size) == 0
  end

  test "the death of the second is the death of the first", %{stock: stock, cart: cart} do
    ref = Process.monitor(cart)
    spawn(fn -> GenServer.call(cart, :checkout) end)
    assert_receive {:asked, _from}
    Process.exit(stock, :kill)
    assert_receive {:DOWN, ^ref, :process, ^cart, {:killed, {GenServer, :call, _}}}
  end

  test "an answer that another process gives later holds up nobody", %{cart: cart} do
    checkout = Task.async(fn -> GenServer.call(cart, :checkout_later) end)
    assert_receive {:asked, from}
    assert GenServer.call(cart, :size) == 0

    GenServer.reply(from, :reserved)
    assert Task.await(checkout) == :reserved
  end
end
