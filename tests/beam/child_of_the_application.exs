# A server that nobody starts is not there for its callers; as a child it is, and comes back after a crash.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

defmodule Prices do
  use GenServer
  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
  def of(item), do: GenServer.call(__MODULE__, {:of, item})
  def init(opts), do: {:ok, opts}
  def handle_call({:of, item}, _from, opts), do: {:reply, {item, opts}, opts}
end

defmodule ChildOfTheApplicationTest do
  use ExUnit.Case, async: false

  test "old: the module is there, its process is not" do
    assert {:noproc, _} = catch_exit(Prices.of(:tea))
  end

  test "new: a child that is a mere name is started with an empty list, and answers" do
    start_supervised!(%{id: :tree, start: {Supervisor, :start_link, [[Prices], [strategy: :one_for_one]]}})
    assert Prices.of(:tea) == {:tea, []}
  end

  test "new: after a crash it is started again" do
    {:ok, tree} = Supervisor.start_link([Prices], strategy: :one_for_one)
    old = Process.whereis(Prices)
    ref = Process.monitor(old)
    Process.exit(old, :kill)
    assert_receive {:DOWN, ^ref, :process, ^old, :killed}
    # The supervisor answers when it has taken the exit that came before.
    assert [{Prices, new, :worker, [Prices]}] = Supervisor.which_children(tree)
    assert new != old
    assert Prices.of(:tea) == {:tea, []}
  end
end
