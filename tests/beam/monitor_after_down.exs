# A monitor is gone once its :DOWN came; what leaks is monitoring the same process again and again.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

defmodule Strict do
  use GenServer
  def init(pid), do: {:ok, Process.monitor(pid)}
  def handle_info(:tick, ref), do: {:noreply, ref}
end

defmodule Watchful do
  use GenServer
  def init(pid), do: {:ok, Process.monitor(pid)}
  def handle_call(:ref, _from, ref), do: {:reply, ref, ref}
  def handle_info(:tick, ref), do: {:noreply, ref}
  def handle_info({:DOWN, ref, :process, _pid, _reason}, ref), do: {:noreply, :gone}
end

defmodule MonitorAfterDownTest do
  use ExUnit.Case, async: true

  defp monitored, do: self() |> Process.info(:monitors) |> elem(1)

  test "after :DOWN there is no monitor left to take away" do
    pid = spawn(fn -> :ok end)
    ref = Process.monitor(pid)
    assert_receive {:DOWN, ^ref, :process, ^pid, _reason}
    assert monitored() == []
    assert Process.demonitor(ref, [:flush, :info]) == false
  end

  test "each monitor of the same process is one more, and one more :DOWN" do
    pid = spawn(fn -> receive do: (:stop -> :ok) end)
    refs = for _ <- 1..3, do: Process.monitor(pid)
    assert monitored() == [process: pid, process: pid, process: pid]

    send(pid, :stop)
    for ref <- refs, do: assert_receive({:DOWN, ^ref, :process, ^pid, :normal})
    assert monitored() == []
  end

  test "old: a server with clauses of which none takes the :DOWN ends of it" do
    Process.flag(:trap_exit, true)
    {:ok, server} = GenServer.start_link(Strict, spawn(fn -> :ok end))
    assert_receive {:EXIT, ^server, {:function_clause, _}}
  end

  test "new: with a clause for it the server goes on, and knows" do
    {:ok, server} = GenServer.start_link(Watchful, spawn(fn -> :ok end))
    assert until_gone(server) == :gone
  end

  # The :DOWN comes when the process has ended, which nobody here is told of.
  defp until_gone(server) do
    with ref when is_reference(ref) <- GenServer.call(server, :ref), do: until_gone(server)
  end

  test "a monitor that is set on a dead process still tells" do
    pid = spawn(fn -> :ok end)
    ref = Process.monitor(pid)
    assert_receive {:DOWN, ^ref, :process, ^pid, _reason}

    late = Process.monitor(pid)
    assert_receive {:DOWN, ^late, :process, ^pid, :noproc}
  end
end
