# terminate/2 runs when the server stops itself, not when it is killed, and at a shutdown only if it traps exits.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

defmodule SavesAtTheEnd do
  use GenServer

  def start_link({test, trap?}), do: GenServer.start_link(__MODULE__, {test, trap?})

  def init({test, trap?}) do
    Process.flag(:trap_exit, trap?)
    {:ok, {test, 0}}
  end

  def handle_call(:add, _from, {test, count}), do: {:reply, :ok, {test, count + 1}}
  def handle_cast(:stop, state), do: {:stop, :normal, state}
  def terminate(_reason, {test, count}), do: send(test, {:saved, count})
end

defmodule TerminateIsNoPromiseTest do
  use ExUnit.Case, async: true

  defp supervised(trap?) do
    spec = Supervisor.child_spec({SavesAtTheEnd, {self(), trap?}}, restart: :temporary)
    {:ok, supervisor} = Supervisor.start_link([spec], strategy: :one_for_one)
    [{_, server, _, _}] = Supervisor.which_children(supervisor)
    :ok = GenServer.call(server, :add)
    {supervisor, server, Process.monitor(server)}
  end

  test "a server that stops itself saves" do
    {_, server, ref} = supervised(false)
    GenServer.cast(server, :stop)
    assert_receive {:DOWN, ^ref, :process, _, :normal}
    assert_received {:saved, 1}
  end

  test "a killed server saves nothing, exits trapped or not" do
    for trap? <- [true, false] do
      {_, server, ref} = supervised(trap?)
      Process.exit(server, :kill)
      assert_receive {:DOWN, ^ref, :process, _, :killed}
      refute_received {:saved, _}
    end
  end

  test "a shutdown saves only where exits are trapped" do
    {supervisor, _, ref} = supervised(false)
    Supervisor.stop(supervisor)
    assert_receive {:DOWN, ^ref, :process, _, :shutdown}
    refute_received {:saved, _}

    {supervisor, _, ref} = supervised(true)
    Supervisor.stop(supervisor)
    assert_receive {:DOWN, ^ref, :process, _, :shutdown}
    assert_received {:saved, 1}
  end
end
