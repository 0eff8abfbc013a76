# Permanent: started again whenever it ends. Transient: when it fails. Temporary: never. Significant: may be refused.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

defmodule RestartTypesTest do
  use ExUnit.Case, async: true

  setup do
    Process.flag(:trap_exit, true)
    :ok
  end

  defp task(restart, work) do
    test = self()

    Supervisor.child_spec(
      {Task,
       fn ->
         send(test, {:run, self()})
         work.()
       end},
      restart: restart
    )
  end

  defp runs(count \\ 0) do
    receive do
      {:run, _} -> runs(count + 1)
    after
      0 -> count
    end
  end

  test "a permanent task that is done is done again until its supervisor gives up" do
    {:ok, supervisor} = Supervisor.start_link([task(:permanent, fn -> :ok end)], strategy: :one_for_one)
    assert_receive {:EXIT, ^supervisor, :shutdown}
    assert runs() == 4
  end

  test "a transient task that is done is not started again" do
    {:ok, supervisor} = Supervisor.start_link([task(:transient, fn -> :ok end)], strategy: :one_for_one)
    assert_receive {:run, pid}
    ref = Process.monitor(pid)
    assert_receive {:DOWN, ^ref, :process, _, _}
    assert Supervisor.count_children(supervisor).active == 0
    assert runs() == 0
  end

  test "a transient task that fails is started again" do
    {:ok, supervisor} = Supervisor.start_link([task(:transient, fn -> exit(:no) end)], strategy: :one_for_one)
    assert_receive {:EXIT, ^supervisor, :shutdown}
    assert runs() == 4
  end

  test "a temporary server is not started again after a crash, a permanent one is" do
    for {restart, comes_back?} <- [temporary: false, permanent: true] do
      spec = %{id: :a, start: {Agent, :start_link, [fn -> 0 end, [name: restart]]}, restart: restart}
      {:ok, supervisor} = Supervisor.start_link([spec], strategy: :one_for_one)
      first = Process.whereis(restart)
      ref = Process.monitor(first)
      Process.exit(first, :kill)
      assert_receive {:DOWN, ^ref, :process, _, :killed}
      # The supervisor answers after it has dealt with the exit.
      assert Supervisor.count_children(supervisor).active == if(comes_back?, do: 1, else: 0)
      assert is_pid(Process.whereis(restart)) == comes_back?
    end
  end

  test "a supervisor without auto_shutdown does not start with a significant child" do
    spec = %{id: :a, start: {Agent, :start_link, [fn -> 0 end]}, restart: :temporary, significant: true}
    assert {:error, {:start_spec, _}} = Supervisor.start_link([spec], strategy: :one_for_one)
  end

  test "use Task means temporary, use GenServer permanent, a map that says nothing permanent" do
    defmodule(OfTask, do: use(Task))

    defmodule OfServer do
      use GenServer
      def init(state), do: {:ok, state}
    end

    assert OfTask.child_spec([]).restart == :temporary
    refute Map.has_key?(OfServer.child_spec([]), :restart)
  end
end
