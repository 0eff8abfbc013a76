# A table belongs to the process that made it and goes with it; asking first does not keep two from making it.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule TableDiesWithItsOwnerTest do
  use ExUnit.Case, async: true

  defp put(table, key) do
    if :ets.whereis(table) == :undefined, do: :ets.new(table, [:named_table, :public])
    :ets.insert(table, {key, true})
  end

  test "what others have put in is gone when the first caller ends" do
    test = self()

    first =
      spawn(fn ->
        put(:first_caller, :a)
        send(test, :made)
        receive do: (:stop -> :ok)
      end)

    ref = Process.monitor(first)
    assert_receive :made
    put(:first_caller, :b)
    assert :ets.info(:first_caller, :owner) == first
    assert :ets.lookup(:first_caller, :b) == [b: true]

    send(first, :stop)
    assert_receive {:DOWN, ^ref, :process, _, :normal}
    assert :ets.whereis(:first_caller) == :undefined
    assert_raise ArgumentError, fn -> :ets.lookup(:first_caller, :b) end
  end

  test "whoever asks and then makes it may come second" do
    assert :ets.whereis(:raced) == :undefined
    test = self()

    other =
      spawn_link(fn ->
        send(test, {:made, put(:raced, :a)})
        receive do: (:stop -> :ok)
      end)

    assert_receive {:made, true}
    assert_raise ArgumentError, fn -> :ets.new(:raced, [:named_table, :public]) end
    send(other, :stop)
  end
end
