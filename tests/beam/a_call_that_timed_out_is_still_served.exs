# A timeout ends the waiting of the caller, not the request: sending it again does it twice.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule ACallThatTimedOutIsStillServedTest do
  use ExUnit.Case, async: true

  defmodule Orders do
    use GenServer

    def init(nil), do: {:ok, 0}

    def handle_call({:place, gate}, _from, placed) do
      receive do
        ^gate -> {:reply, :ok, placed + 1}
      end
    end

    def handle_call(:placed, _from, placed), do: {:reply, placed, placed}
    def handle_info({:place, _gate}, placed), do: {:noreply, placed + 1}
  end

  defp old(pid, gate) do
    GenServer.call(pid, {:place, gate}, 10)
  catch
    :exit, _ ->
      send(pid, {:place, gate})
      {:ok, :sent}
  end

  defp new(pid, gate) do
    GenServer.call(pid, {:place, gate}, 10)
  catch
    :exit, reason -> {:error, reason}
  end

  setup do
    %{pid: start_supervised!(%{id: Orders, start: {GenServer, :start_link, [Orders, nil]}}), gate: make_ref()}
  end

  test "with the fallback a slow server does it twice", %{pid: pid, gate: gate} do
    assert old(pid, gate) == {:ok, :sent}
    send(pid, gate)
    assert GenServer.call(pid, :placed) == 2
  end

  test "without it once, and the caller knows", %{pid: pid, gate: gate} do
    assert {:error, {:timeout, _}} = new(pid, gate)
    send(pid, gate)
    assert GenServer.call(pid, :placed) == 1
  end

  test "where the server is gone the fallback tells of success", %{pid: pid, gate: gate} do
    ref = Process.monitor(pid)
    stop_supervised!(Orders)
    assert_receive {:DOWN, ^ref, :process, _, _}
    assert old(pid, gate) == {:ok, :sent}
    assert GenServer.cast(pid, {:place, gate}) == :ok
    assert {:error, {:noproc, _}} = new(pid, gate)
  end
end
