# A message that a callback sends comes before what the callback does after it, and before its state is the new one.
# So an event in the middle of the work says nothing of its end.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule Queue do
  use GenServer

  def init(table), do: {:ok, table}

  def handle_cast({:push, item, test}, table) do
    send(test, {:event, :pushed})

    # As slow as the test wants it to be.
    receive do
      :go_on -> :ok
    end

    :ets.insert(table, {item})
    {:noreply, table}
  end

  def handle_call(:flush, _from, table), do: {:reply, :ok, table}
end

defmodule MessageBeforeTheRestTest do
  use ExUnit.Case, async: true

  setup do
    table = :ets.new(:items, [:public])
    {:ok, queue} = GenServer.start_link(Queue, table)
    {:ok, queue: queue, table: table}
  end

  test "the event is there, what it speaks of is not", %{queue: queue, table: table} do
    GenServer.cast(queue, {:push, :a, self()})
    assert_receive {:event, :pushed}
    assert :ets.lookup(table, :a) == []
    send(queue, :go_on)
  end

  test "a call comes back after all that was asked before it", %{queue: queue, table: table} do
    GenServer.cast(queue, {:push, :a, self()})
    send(queue, :go_on)
    assert GenServer.call(queue, :flush) == :ok
    assert :ets.lookup(table, :a) == [{:a}]
  end
end
