# Process.exit/2 comes back before the process is gone; a monitor tells when it is, and only then its name is free.
ExUnit.start(capture_log: true, assert_receive_timeout: 2_000)

defmodule Door do
  use GenServer

  def init(test) do
    Process.flag(:trap_exit, true)
    {:ok, test}
  end

  # As slow as the test wants it to be.
  def terminate(_reason, test) do
    send(test, :closing)

    receive do
      :close -> :ok
    end
  end
end

defmodule ExitIsASignalTest do
  use ExUnit.Case, async: true

  test "while terminate/2 runs the process is alive and has its name" do
    Process.flag(:trap_exit, true)
    {:ok, door} = GenServer.start_link(Door, self(), name: :front_door)
    ref = Process.monitor(door)
    assert Process.exit(door, :shutdown)
    assert_receive :closing
    assert Process.alive?(door)
    assert Process.whereis(:front_door) == door

    send(door, :close)
    assert_receive {:DOWN, ^ref, :process, ^door, :shutdown}
    refute Process.alive?(door)
    assert Process.whereis(:front_door) == nil
  end

  test "after :kill the answer of alive? is reliable: signals between two processes keep their order" do
    for _ <- 1..1_000 do
      pid = spawn(fn -> Process.sleep(:infinity) end)
      Process.exit(pid, :kill)
      refute Process.alive?(pid)
    end
  end
end
