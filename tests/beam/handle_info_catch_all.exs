# A last clause of handle_info/2 that writes a log line: the stray message is seen, and the server lives on.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

defmodule WithoutLastClause do
  use GenServer
  def init(state), do: {:ok, state}
  def handle_info(:tick, state), do: {:noreply, state + 1}
end

defmodule Silent do
  use GenServer
  def init(state), do: {:ok, state}
  def handle_info(:tick, state), do: {:noreply, state + 1}
  def handle_info(_message, state), do: {:noreply, state}
end

defmodule WithLastClause do
  use GenServer
  require Logger
  def init(state), do: {:ok, state}
  def handle_info(:tick, state), do: {:noreply, state + 1}

  def handle_info(message, state) do
    Logger.warning("unexpected message: #{inspect(message)}")
    {:noreply, state}
  end
end

defmodule HandleInfoCatchAllTest do
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog

  defp log_of(server, message) do
    capture_log(fn ->
      send(server, message)
      send(server, :tick)
      assert :sys.get_state(server) == 1
    end)
  end

  test "without it the stray message ends the server" do
    {:ok, server} = GenServer.start(WithoutLastClause, 0)
    ref = Process.monitor(server)
    send(server, {:stray, 1})
    assert_receive {:DOWN, ^ref, :process, ^server, {:function_clause, _}}
  end

  test "a silent one hides it" do
    {:ok, server} = GenServer.start(Silent, 0)
    refute log_of(server, {:hidden, 1}) =~ "hidden"
  end

  test "with it the message is in the log, and the state is as before" do
    {:ok, server} = GenServer.start(WithLastClause, 0)
    assert log_of(server, {:seen, 1}) =~ "unexpected message: {:seen, 1}"
  end
end
