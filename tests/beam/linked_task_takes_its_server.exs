# A task of `Task.async` is linked: its crash ends a server that does not trap exits, before any :DOWN is taken.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

defmodule LinkedTaskTest do
  use ExUnit.Case, async: true

  defmodule Server do
    use GenServer

    def init({start, test}), do: {:ok, {start, test}}

    def handle_cast(:go, {start, _test} = state) do
      start.(fn -> exit(:torn) end)
      {:noreply, state}
    end

    def handle_info({:DOWN, _ref, :process, _pid, reason}, {_start, test} = state) do
      send(test, {:taken, reason})
      {:noreply, state}
    end
  end

  defp served(start) do
    {:ok, pid} = GenServer.start(Server, {start, self()})
    ref = Process.monitor(pid)
    GenServer.cast(pid, :go)
    {pid, ref}
  end

  test "Task.async: the server ends with its task" do
    {pid, ref} = served(&Task.async/1)
    assert_receive {:DOWN, ^ref, :process, ^pid, :torn}
    refute_received {:taken, _reason}
  end

  test "Task.Supervisor.async_nolink: the clause takes the crash" do
    supervisor = start_supervised!(Task.Supervisor)
    {pid, _ref} = served(&Task.Supervisor.async_nolink(supervisor, &1))
    assert_receive {:taken, :torn}
    assert Process.alive?(pid)
  end
end
