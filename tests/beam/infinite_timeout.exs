# A call with :infinity outlives a lost answer for ever; with a timeout it exits. The end of the server ends both.
ExUnit.start(capture_log: true, assert_receive_timeout: 2_000)

defmodule Press do
  use GenServer
  def init(_opts), do: {:ok, nil}

  def handle_call(:print, _from, nil) do
    spawn(fn -> exit(:paper_jam) end)
    {:noreply, nil}
  end
end

defmodule InfiniteTimeoutTest do
  use ExUnit.Case, async: true

  defp caller(server, timeout) do
    {pid, ref} = spawn_monitor(fn -> GenServer.call(server, :print, timeout) end)
    {pid, ref}
  end

  test "old: with :infinity the caller waits on after the process that was to answer has crashed" do
    {:ok, server} = GenServer.start(Press, [])
    {pid, ref} = caller(server, :infinity)
    refute_receive {:DOWN, ^ref, :process, ^pid, _reason}, 200
    Process.exit(pid, :kill)
  end

  test "new: with a timeout it exits" do
    {:ok, server} = GenServer.start(Press, [])
    {pid, ref} = caller(server, 50)
    assert_receive {:DOWN, ^ref, :process, ^pid, {:timeout, {GenServer, :call, _call}}}, 1_000
  end

  test "the end of the server ends the wait, whatever the timeout" do
    {:ok, server} = GenServer.start(Press, [])
    {pid, ref} = caller(server, :infinity)
    Process.exit(server, :kill)
    assert_receive {:DOWN, ^ref, :process, ^pid, {_killed_or_noproc, {GenServer, :call, _call}}}, 1_000
  end
end
