# The process dictionary belongs to one process: a task does not see it, and it is gone with its process.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule ProcessDictionaryTest do
  use ExUnit.Case, async: true

  test "a task does not see what the process that starts it has put" do
    Process.put(:tenant, 1)
    assert Task.await(Task.async(fn -> Process.get(:tenant) end)) == nil
    assert Process.get(:tenant) == 1
  end

  test "nor does a server that the process calls" do
    {:ok, agent} = Agent.start_link(fn -> nil end)
    Process.put(:tenant, 1)
    assert Agent.get(agent, fn nil -> Process.get(:tenant) end) == nil
  end

  test "each caller of a store that is kept there has a store of its own" do
    register = fn id -> Process.put(:ids, [id | Process.get(:ids, [])]) end

    stores =
      for id <- 1..2 do
        Task.await(
          Task.async(fn ->
            register.(id)
            Process.get(:ids)
          end)
        )
      end

    assert stores == [[1], [2]]
    assert Process.get(:ids) == nil
  end
end
