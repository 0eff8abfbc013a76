# While a callback waits in receive, the server answers nobody; what comes after its timeout meets handle_info/2.
ExUnit.start(capture_log: true, assert_receive_timeout: 2_000)

defmodule Waiter do
  use GenServer
  def init(test), do: {:ok, test}

  def handle_call({:wait, timeout}, _from, test) do
    send(test, :waiting)

    receive do
      {:answer, answer} -> {:reply, answer, test}
    after
      timeout -> {:reply, :timeout, test}
    end
  end

  def handle_call(:ping, _from, test), do: {:reply, :pong, test}

  def handle_info(message, test) do
    send(test, {:handle_info, message})
    {:noreply, test}
  end
end

defmodule ReceiveInACallbackTest do
  use ExUnit.Case, async: true

  setup do
    {:ok, server} = GenServer.start_link(Waiter, self())
    {:ok, server: server}
  end

  test "calls, system messages and the order to stop wait behind it", %{server: server} do
    asked = Task.async(fn -> GenServer.call(server, {:wait, :infinity}) end)
    assert_receive :waiting
    assert {:timeout, _call} = catch_exit(GenServer.call(server, :ping, 20))
    assert {:timeout, _call} = catch_exit(:sys.get_state(server, 20))
    assert {:timeout, _call} = catch_exit(GenServer.stop(server, :normal, 20))

    send(server, {:answer, 42})
    assert Task.await(asked) == 42
  end

  test "an answer that comes too late is one for handle_info/2", %{server: server} do
    assert GenServer.call(server, {:wait, 0}) == :timeout
    send(server, {:answer, 42})
    assert_receive {:handle_info, {:answer, 42}}
  end
end
