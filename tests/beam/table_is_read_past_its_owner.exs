# An agent answers one caller at a time; a table is read by anybody while its owner is busy.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule TableIsReadPastItsOwnerTest do
  use ExUnit.Case, async: true

  test "a reader waits while another is served" do
    {:ok, agent} = Agent.start_link(fn -> %{a: 1} end)
    test = self()

    Agent.cast(agent, fn state ->
      send(test, :busy)
      receive do: (:go_on -> state)
    end)

    assert_receive :busy
    assert {:timeout, _} = catch_exit(Agent.get(agent, & &1.a, 50))
    send(agent, :go_on)
    assert Agent.get(agent, & &1.a) == 1
  end

  test "a table is read while its owner is busy, and written by nobody else" do
    test = self()

    {:ok, owner} =
      Agent.start_link(fn ->
        :ets.new(:read_past_owner, [:named_table, :protected, read_concurrency: true])
        :ets.insert(:read_past_owner, {:a, 1})
      end)

    Agent.cast(owner, fn state ->
      send(test, :busy)
      receive do: (:go_on -> state)
    end)

    assert_receive :busy
    assert :ets.lookup_element(:read_past_owner, :a, 2) == 1
    assert_raise ArgumentError, fn -> :ets.insert(:read_past_owner, {:a, 2}) end
    send(owner, :go_on)
  end
end
