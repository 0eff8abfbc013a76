# Two operations on a table are not one: increments get lost, two claims succeed. In one operation nothing is lost.
ExUnit.start(assert_receive_timeout: 2_000)

defmodule TableInTwoStepsTest do
  use ExUnit.Case, async: true

  setup do
    {:ok, table: :ets.new(:rows, [:public])}
  end

  # Runs a step of each process, then the other step of each.
  defp interleaved(read, write) do
    test = self()

    pids =
      for number <- 1..2 do
        spawn_link(fn ->
          found = read.()
          send(test, {:has_read, self()})

          receive do
            :write -> send(test, {:wrote, number, write.(found)})
          end
        end)
      end

    for pid <- pids, do: assert_receive({:has_read, ^pid})
    for pid <- pids, do: send(pid, :write)

    for number <- 1..2 do
      assert_receive {:wrote, ^number, result}
      result
    end
  end

  test "old: of two increments one is lost", %{table: table} do
    :ets.insert(table, {:hits, 0})
    read = fn -> :ets.lookup_element(table, :hits, 2) end
    interleaved(read, fn hits -> :ets.insert(table, {:hits, hits + 1}) end)
    assert :ets.lookup(table, :hits) == [{:hits, 1}]
  end

  test "old: two claims of one seat succeed", %{table: table} do
    claim = fn found -> found == [] and :ets.insert(table, {:seat, self()}) end
    assert interleaved(fn -> :ets.lookup(table, :seat) end, claim) == [true, true]
  end

  test "new: a counter in one step lets exactly as many in as there is room for", %{table: table} do
    allowed? = fn _ -> :ets.update_counter(table, :key, {2, 1, 100, 101}, {:key, 0}) <= 100 end
    answers = 1..200 |> Task.async_stream(allowed?, max_concurrency: 50) |> Enum.map(&elem(&1, 1))
    assert Enum.count(answers, & &1) == 100
  end

  test "new: of two claims in one step one succeeds", %{table: table} do
    answers = interleaved(fn -> nil end, fn nil -> :ets.insert_new(table, {:seat, self()}) end)
    assert Enum.sort(answers) == [false, true]
  end

  test "select_replace with an operation for a body is no match specification", %{table: table} do
    spec = [{{:key, :"$1"}, [{:<, :"$1", 100}], [{:+, :"$1", 1}]}]
    assert_raise ArgumentError, fn -> :ets.select_replace(table, spec) end
  end
end
