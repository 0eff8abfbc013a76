# A registry ends: what it named ends with it, or lives on without a name, unless it is restarted behind it.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

defmodule Worker do
  use GenServer
  def start_link(id), do: GenServer.start_link(__MODULE__, id, name: {:via, Registry, {Names, id}})

  def init(id) do
    if id == :traps_exits, do: Process.flag(:trap_exit, true)
    {:ok, id}
  end

  def handle_info({:EXIT, _registry, _reason}, id), do: {:noreply, id}
end

defmodule RegistryOneForOneTest do
  use ExUnit.Case, async: false

  defp start(strategy, ids) do
    children = [{Registry, keys: :unique, name: Names}, {DynamicSupervisor, name: Runs}]
    supervisor = start_supervised!(%{id: strategy, start: {Supervisor, :start_link, [children, [strategy: strategy]]}})
    workers = for id <- ids, do: elem(DynamicSupervisor.start_child(Runs, spec(id)), 1)
    {supervisor, Process.whereis(Runs), workers}
  end

  defp spec(id), do: %{id: id, start: {Worker, :start_link, [id]}, restart: :temporary}

  defp stop_registry(supervisor) do
    old = Process.whereis(Names)
    Supervisor.stop(Names, :lost)
    wait_until(fn -> Process.whereis(Names) not in [nil, old] end)
    # Whatever it restarts with the registry has been restarted when it answers.
    Supervisor.which_children(supervisor)
  end

  defp wait_until(done?), do: unless(done?.(), do: wait_until(done?))

  test "a process that does not trap exits ends with the registry of its name" do
    {supervisor, _runs, [worker]} = start(:one_for_one, [:plain])
    ref = Process.monitor(worker)
    stop_registry(supervisor)
    assert_receive {:DOWN, ^ref, :process, ^worker, _reason}
  end

  test "one_for_one: one that traps exits lives on, and nobody finds it" do
    {supervisor, runs, [worker]} = start(:one_for_one, [:traps_exits])
    stop_registry(supervisor)
    assert Process.alive?(worker)
    assert Process.whereis(Runs) == runs
    assert Registry.lookup(Names, :traps_exits) == []

    assert {:ok, second} = DynamicSupervisor.start_child(Runs, spec(:traps_exits))
    assert second != worker
    assert DynamicSupervisor.count_children(Runs).active == 2
  end

  test "rest_for_one: the dynamic supervisor is started anew behind the registry" do
    {supervisor, runs, [worker]} = start(:rest_for_one, [:traps_exits])
    ref = Process.monitor(worker)
    stop_registry(supervisor)
    assert_receive {:DOWN, ^ref, :process, ^worker, _reason}
    assert Process.whereis(Runs) not in [nil, runs]

    assert {:ok, _worker} = DynamicSupervisor.start_child(Runs, spec(:traps_exits))
    assert DynamicSupervisor.count_children(Runs).active == 1
  end
end
