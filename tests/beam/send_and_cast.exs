# What a message to nobody does: send to a pid and every cast say nothing, send to a free name raises, call exits.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

defmodule SendAndCastTest do
  use ExUnit.Case, async: true

  setup do
    pid = spawn(fn -> :ok end)
    ref = Process.monitor(pid)
    assert_receive {:DOWN, ^ref, :process, ^pid, _reason}
    {:ok, dead: pid}
  end

  test "to a pid that is dead", %{dead: dead} do
    assert send(dead, :hello) == :hello
    assert GenServer.cast(dead, :hello) == :ok

    assert catch_exit(GenServer.call(dead, :hello)) ==
             {:noproc, {GenServer, :call, [dead, :hello, 5000]}}
  end

  test "to a name that nobody has: cast hides more than send" do
    assert_raise ArgumentError, fn -> send(:nobody, :hello) end
    assert GenServer.cast(:nobody, :hello) == :ok
    assert {:noproc, _} = catch_exit(GenServer.call(:nobody, :hello))
  end
end
