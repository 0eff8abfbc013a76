# A timeout ends the waiting, not the task: its late result lands in the mailbox. Task.shutdown/2 ends both.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule ATaskRunsOnAfterItsTimeoutTest do
  use ExUnit.Case, async: true

  defp slow do
    Task.async(fn ->
      receive do
        :finish -> :late
      end
    end)
  end

  defp old(task) do
    case Task.yield(task, 10) do
      {:ok, result} -> result
      nil -> {:error, :timeout}
    end
  end

  defp new(task) do
    case Task.yield(task, 10) || Task.shutdown(task, :brutal_kill) do
      {:ok, result} -> result
      nil -> {:error, :timeout}
    end
  end

  test "the task lives after Task.yield gave up, and its result comes to the mailbox" do
    %{pid: pid, ref: ref} = task = slow()
    assert old(task) == {:error, :timeout}
    assert Process.alive?(pid)
    send(pid, :finish)
    assert_receive {^ref, :late}
  end

  test "after Task.shutdown it is dead, and nothing comes" do
    %{pid: pid, ref: ref} = task = slow()
    assert new(task) == {:error, :timeout}
    refute Process.alive?(pid)
    refute_received {^ref, _}
    refute_received {:DOWN, ^ref, _, _, _}
  end

  test "the caught timeout of Task.await leaves it running, too" do
    %{pid: pid} = task = slow()
    assert {:timeout, _} = catch_exit(Task.await(task, 10))
    assert Process.alive?(pid)
    Task.shutdown(task, :brutal_kill)
  end

  test "Task.shutdown gives a result that has come meanwhile" do
    task = slow()
    assert Task.yield(task, 0) == nil
    send(task.pid, :finish)
    ref = Process.monitor(task.pid)
    assert_receive {:DOWN, ^ref, :process, _, _}
    assert Task.shutdown(task, :brutal_kill) == {:ok, :late}
  end

  test "a linked task that is left takes its caller along when it crashes" do
    {caller, ref} =
      spawn_monitor(fn ->
        task = Task.async(fn -> receive(do: (:crash -> exit(:crashed))) end)
        nil = Task.yield(task, 1)
        send(task.pid, :crash)
        Process.sleep(:infinity)
      end)

    assert_receive {:DOWN, ^ref, :process, ^caller, :crashed}
  end
end
