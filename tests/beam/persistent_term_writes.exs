# Replacing a persistent term collects the garbage of every process that holds it; a read and a write are two steps.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule PersistentTermWritesTest do
  use ExUnit.Case, async: true

  # A process that holds the term under `key`, and tells when it has it.
  defp holder(key) do
    test = self()

    pid =
      spawn_link(fn ->
        term = :persistent_term.get(key)
        send(test, :held)

        receive do
          :stop -> term
        end
      end)

    assert_receive :held
    pid
  end

  test "a process that holds the old value is garbage collected in full" do
    :persistent_term.put(:held, Enum.to_list(1..100))
    pid = holder(:held)
    :erlang.trace(pid, true, [:garbage_collection])
    :persistent_term.put(:held, Enum.to_list(2..100))
    assert_receive {:trace, ^pid, :gc_major_start, _}, 2_000
    send(pid, :stop)
  end

  test "the same value again costs nothing" do
    :persistent_term.put(:same, Enum.to_list(1..100))
    pid = holder(:same)
    :erlang.trace(pid, true, [:garbage_collection])
    :persistent_term.put(:same, Enum.to_list(1..100))
    refute_receive {:trace, ^pid, :gc_major_start, _}, 50
    send(pid, :stop)
  end

  test "of two processes that count, one count is lost" do
    test = self()
    :persistent_term.put(:count, 0)

    count = fn ->
      count = :persistent_term.get(:count)
      send(test, {:read, self()})

      receive do
        :write -> :persistent_term.put(:count, count + 1)
      end
    end

    tasks = for _ <- 1..2, do: Task.async(count)
    for %{pid: pid} <- tasks, do: assert_receive({:read, ^pid})
    for %{pid: pid} <- tasks, do: send(pid, :write)
    Task.await_many(tasks)
    assert :persistent_term.get(:count) == 1
  end

  test "a counter in ETS counts both" do
    table = :ets.new(:failures, [:public])
    1..2 |> Enum.map(fn _ -> Task.async(fn -> :ets.update_counter(table, :a, 1, {:a, 0}) end) end) |> Task.await_many()
    assert :ets.lookup(table, :a) == [{:a, 2}]
  end
end
