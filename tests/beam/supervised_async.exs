# Task.async links both ways, so the task is no orphan; under a Task.Supervisor it is linked as well, and listed.
ExUnit.start(capture_log: true, assert_receive_timeout: 2_000)

defmodule SupervisedAsyncTest do
  use ExUnit.Case, async: true

  defp caller_of(start) do
    test = self()

    {caller, ref} =
      spawn_monitor(fn ->
        task = start.(fn -> receive(do: (:crash -> exit(:broken))) end)
        send(test, {:started, task.pid})
        Process.sleep(:infinity)
      end)

    assert_receive {:started, task}
    {caller, ref, task, Process.monitor(task)}
  end

  for {name, supervised?} <- [{"Task.async", false}, {"Task.Supervisor.async", true}] do
    test "#{name}: the end of the caller ends the task" do
      {caller, _ref, task, task_ref} = caller_of(start(unquote(supervised?)))
      Process.exit(caller, :shutdown)
      assert_receive {:DOWN, ^task_ref, :process, ^task, :shutdown}
    end

    test "#{name}: the crash of the task ends the caller" do
      {caller, ref, task, _task_ref} = caller_of(start(unquote(supervised?)))
      send(task, :crash)
      assert_receive {:DOWN, ^ref, :process, ^caller, :broken}
    end
  end

  test "old: no supervisor knows of the task; new: its supervisor lists it" do
    supervisor = start_supervised!(Task.Supervisor)
    work = fn -> receive(do: (:stop -> :done)) end
    alone = Task.async(work)
    supervised = Task.Supervisor.async(supervisor, work)
    assert Task.Supervisor.children(supervisor) == [supervised.pid]
    for task <- [alone, supervised], do: send(task.pid, :stop)
    assert Task.await_many([alone, supervised]) == [:done, :done]
  end

  test "the streams give the same" do
    supervisor = start_supervised!(Task.Supervisor)
    old = 1..3 |> Task.async_stream(&(&1 * 2)) |> Enum.to_list()
    assert supervisor |> Task.Supervisor.async_stream(1..3, &(&1 * 2)) |> Enum.to_list() == old
  end

  defp start(false), do: &Task.async/1

  defp start(true) do
    supervisor = start_supervised!(Task.Supervisor)
    &Task.Supervisor.async(supervisor, &1)
  end
end
