# What a server keeps stays in its heap; a limit keeps the heap small. An ETS table keeps every row until it is deleted.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule StateThatOnlyGrowsTest do
  use ExUnit.Case, async: true

  defmodule Audit do
    use GenServer

    def init(keep), do: {:ok, %{events: [], keep: keep}}
    def handle_cast({:log, event}, s), do: {:noreply, %{s | events: s.keep.([event | s.events])}}
    def handle_call(:count, _from, s), do: {:reply, length(s.events), s}
  end

  defp logged(keep) do
    pid = start_supervised!(%{id: make_ref(), start: {GenServer, :start_link, [Audit, keep]}})
    for n <- 1..20_000, do: GenServer.cast(pid, {:log, {n, "an event"}})
    count = GenServer.call(pid, :count)
    :erlang.garbage_collect(pid)
    {:memory, bytes} = Process.info(pid, :memory)
    {count, bytes}
  end

  test "without a limit the heap grows with every message" do
    {all, much} = logged(& &1)
    {few, little} = logged(&Enum.take(&1, 100))
    assert {all, few} == {20_000, 100}
    assert much > 10 * little
  end

  test "a row for each window stays, however old the window is" do
    table = :ets.new(:hits, [:public])
    for window <- 1..500, do: :ets.update_counter(table, {:user, window}, 1, {{:user, window}, 0})
    assert :ets.info(table, :size) == 500
    :ets.select_delete(table, [{{{:_, :"$1"}, :_}, [{:<, :"$1", 500}], [true]}])
    assert :ets.info(table, :size) == 1
  end
end
