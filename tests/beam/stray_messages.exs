# A message that a server has no clause for: logged without any handle_info/2, fatal where none of its clauses fits.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

defmodule WithoutHandleInfo do
  use GenServer
  def init(state), do: {:ok, state}
  def handle_call(:state, _from, state), do: {:reply, state, state}
end

defmodule WithOneClause do
  use GenServer
  def init(state), do: {:ok, state}
  def handle_info(:tick, state), do: {:noreply, state + 1}
  def handle_call(:state, _from, state), do: {:reply, state, state}
end

defmodule StrayMessagesTest do
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog

  test "without handle_info/2 each message is logged and dropped: the mailbox stays empty" do
    {:ok, server} = GenServer.start(WithoutHandleInfo, 0)

    log =
      capture_log(fn ->
        for number <- 1..10, do: send(server, {:stray, number})
        assert GenServer.call(server, :state) == 0
      end)

    assert log =~ "received unexpected message in handle_info/2"
    assert Process.info(server, :message_queue_len) == {:message_queue_len, 0}
  end

  test "with clauses of which none fits, the message ends the server" do
    {:ok, server} = GenServer.start(WithOneClause, 0)
    ref = Process.monitor(server)
    send(server, :tick)
    assert GenServer.call(server, :state) == 1

    send(server, {:DOWN, make_ref(), :process, self(), :normal})
    assert_receive {:DOWN, ^ref, :process, ^server, {:function_clause, _}}
  end
end
