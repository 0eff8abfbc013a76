# A cast is :ok whatever becomes of it; a call says when it is done, and exits when it can't be.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

defmodule Bank do
  use GenServer
  def init(sum), do: {:ok, sum}
  def handle_cast({:deposit, sum}, total) when sum > 0, do: {:noreply, total + sum}
  def handle_call({:deposit, sum}, _from, total) when sum > 0, do: {:reply, :ok, total + sum}
end

defmodule CastNeedsAckTest do
  use ExUnit.Case, async: true

  setup do
    {:ok, bank} = GenServer.start(Bank, 0)
    %{bank: bank, ref: Process.monitor(bank)}
  end

  test "a cast that ends the server is :ok, and so is one to a dead server or to nobody", %{bank: bank, ref: ref} do
    assert GenServer.cast(bank, {:deposit, -1}) == :ok
    assert_receive {:DOWN, ^ref, :process, ^bank, {:function_clause, _}}
    assert GenServer.cast(bank, {:deposit, 1}) == :ok
    assert GenServer.cast(:nobody_has_this_name, {:deposit, 1}) == :ok
  end

  test "a call that ends the server exits, and so does one to a dead server", %{bank: bank} do
    assert {{:function_clause, _}, _} = catch_exit(GenServer.call(bank, {:deposit, -1}))
    assert {:noproc, _} = catch_exit(GenServer.call(bank, {:deposit, 1}))
  end

  test "when a call is :ok, the change is made", %{bank: bank} do
    assert GenServer.call(bank, {:deposit, 1}) == :ok
    assert :sys.get_state(bank) == 1
  end
end
