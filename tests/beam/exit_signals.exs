# What exit signals do: :normal ends no other process, :kill leaves no time to clean up, :shutdown can be trapped.
ExUnit.start(capture_log: true, assert_receive_timeout: 2_000)

defmodule Notary do
  use GenServer

  def init({test, traps?}) do
    Process.flag(:trap_exit, traps?)
    {:ok, test}
  end

  def handle_call(:ping, _from, test), do: {:reply, :pong, test}

  def handle_info({:EXIT, _from, reason}, test) do
    send(test, {:asked, reason})
    {:stop, reason, test}
  end

  def terminate(reason, test), do: send(test, {:cleaned_up, reason})
end

defmodule ExitSignalsTest do
  use ExUnit.Case, async: true

  defp notary(traps?) do
    {:ok, pid} = GenServer.start(Notary, {self(), traps?})
    {pid, Process.monitor(pid)}
  end

  test ":normal from another process ends nothing" do
    {pid, _ref} = notary(false)
    Process.exit(pid, :normal)
    assert GenServer.call(pid, :ping) == :pong
  end

  test ":normal is a mere message where exits are trapped" do
    test = self()

    pid =
      spawn(fn ->
        Process.flag(:trap_exit, true)
        wait_for_exit()
      end)

    send(pid, {:tell, test})
    assert_receive :ready
    Process.exit(pid, :normal)
    assert_receive {:got, :normal}
    assert Process.alive?(pid)
  end

  test ":normal from its parent ends a supervisor" do
    {:ok, pid} = Supervisor.start_link([], strategy: :one_for_one)
    ref = Process.monitor(pid)
    Process.exit(pid, :normal)
    assert_receive {:DOWN, ^ref, :process, ^pid, :normal}
  end

  test "old: :kill leaves no time to clean up, and those linked get :killed" do
    {pid, ref} = notary(true)
    Process.exit(pid, :kill)
    assert_receive {:DOWN, ^ref, :process, ^pid, :killed}
    refute_received {:cleaned_up, _}
  end

  test "new: :shutdown lets a server that traps exits clean up" do
    {pid, ref} = notary(true)
    Process.exit(pid, :shutdown)
    assert_receive {:DOWN, ^ref, :process, ^pid, :shutdown}
    assert_received {:cleaned_up, :shutdown}
  end

  test "new: :shutdown ends a server that does not" do
    {pid, ref} = notary(false)
    Process.exit(pid, :shutdown)
    assert_receive {:DOWN, ^ref, :process, ^pid, :shutdown}
  end

  defp wait_for_exit do
    receive do
      {:tell, test} ->
        send(test, :ready)

        receive do
          {:EXIT, _from, reason} -> send(test, {:got, reason})
        end

        receive do: (:stop -> :ok)
    end
  end
end
