# Two processes look a name up, both find nothing, both start. A process that was found may end before the call.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule TwoLookupsTwoStartsTest do
  use ExUnit.Case, async: true

  defmodule Cart do
    use GenServer

    def start_link(id), do: GenServer.start_link(__MODULE__, id, name: via(id))
    def via(id), do: {:via, Registry, {Carts, id}}
    def init(id), do: {:ok, id}
    def handle_call(:id, _from, id), do: {:reply, id, id}
  end

  setup do
    start_supervised!({Registry, keys: :unique, name: Carts})
    start_supervised!({DynamicSupervisor, name: CartSupervisor})
    :ok
  end

  # Both halves of look-up-or-start, with a meeting point between them.
  defp old(id, meet) do
    case Registry.lookup(Carts, id) do
      [] ->
        meet.()
        {:ok, pid} = DynamicSupervisor.start_child(CartSupervisor, {Cart, id})
        pid

      [{pid, _}] ->
        pid
    end
  end

  defp new(id, meet) do
    case Registry.lookup(Carts, id) do
      [] ->
        meet.()

        case DynamicSupervisor.start_child(CartSupervisor, {Cart, id}) do
          {:ok, pid} -> pid
          {:error, {:already_started, pid}} -> pid
        end

      [{pid, _}] ->
        pid
    end
  end

  # Runs `get` in two processes that both have looked up before one of them starts.
  defp in_two(get) do
    test = self()

    meet = fn ->
      send(test, {:looked_up, self()})

      receive do
        :go -> :ok
      end
    end

    monitors = for _ <- 1..2, do: spawn_monitor(fn -> exit({:got, get.(meet)}) end)

    for {pid, _} <- monitors do
      assert_receive {:looked_up, ^pid}
    end

    for {pid, ref} <- monitors do
      send(pid, :go)
      assert_receive {:DOWN, ^ref, :process, _, reason}
      reason
    end
  end

  @tag capture_log: true
  test "the second start is an error that the match doesn't expect" do
    assert [{:got, pid}, {{:badmatch, {:error, {:already_started, pid}}}, _stack}] =
             in_two(fn meet -> old(:a, meet) end)

    assert is_pid(pid)
  end

  test "taken for a success, both have the same process" do
    assert [{:got, pid}, {:got, pid}] = in_two(fn meet -> new(:b, meet) end)
  end

  test "a process that was alive is gone when the call comes" do
    {:ok, pid} = DynamicSupervisor.start_child(CartSupervisor, {Cart, :c})
    assert Process.alive?(pid)
    :ok = DynamicSupervisor.terminate_child(CartSupervisor, pid)
    assert {:noproc, _} = catch_exit(GenServer.call(pid, :id))
  end

  test "send raises for a name that nobody has, and is safe for a pid" do
    assert_raise ArgumentError, fn -> send(:nobody_has_this_name, :hello) end
    {pid, ref} = spawn_monitor(fn -> :ok end)
    assert_receive {:DOWN, ^ref, :process, ^pid, :normal}
    assert send(pid, :hello) == :hello
  end
end
