# A monitor is gone once its :DOWN came; what leaks is monitoring the same process again and again.
ExUnit.start(assert_receive_timeout: 5_000)

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

  test "a monitor that is set on a dead process still tells" do
    pid = spawn(fn -> :ok end)
    ref = Process.monitor(pid)
    assert_receive {:DOWN, ^ref, :process, ^pid, _reason}

    late = Process.monitor(pid)
    assert_receive {:DOWN, ^late, :process, ^pid, :noproc}
  end
end
