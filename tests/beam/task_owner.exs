# Only the process that started a task may ask for its result: in any other, each of the functions raises.
ExUnit.start(capture_log: true, assert_receive_timeout: 2_000)

defmodule TaskOwnerTest do
  use ExUnit.Case, async: true

  for name <- [:await, :yield, :shutdown, :ignore] do
    test "Task.#{name} of another process's task raises" do
      task = Task.async(fn -> :done end)
      assert error_in_another_process(fn -> apply(Task, unquote(name), [task]) end) =~ "owner"
      assert Task.await(task) == :done
    end
  end

  for name <- [:await_many, :yield_many] do
    test "Task.#{name} of another process's tasks raises" do
      task = Task.async(fn -> :done end)
      assert error_in_another_process(fn -> apply(Task, unquote(name), [[task]]) end) =~ "owner"
      assert Task.await(task) == :done
    end
  end

  test "a task that a server answers with belongs to the server" do
    {:ok, agent} = Agent.start_link(fn -> nil end)
    task = Agent.get(agent, fn nil -> Task.async(fn -> :done end) end)
    assert task.owner == agent
    assert_raise ArgumentError, fn -> Task.await(task) end
  end

  test "who does the work in the process that answers needs no task" do
    test = self()
    {:ok, _pid} = Task.start(fn -> send(test, {:answer, Enum.sum(1..3)}) end)
    assert_receive {:answer, 6}
  end

  defp error_in_another_process(function) do
    {pid, ref} = spawn_monitor(function)
    assert_receive {:DOWN, ^ref, :process, ^pid, {%ArgumentError{message: message}, _stack}}
    message
  end
end
