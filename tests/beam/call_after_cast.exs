# The answer to a call comes after everything that the caller has sent the server before: no sleep is needed.
ExUnit.start(assert_receive_timeout: 2_000)

defmodule Collector do
  use GenServer
  def init(items), do: {:ok, items}
  def handle_cast({:add, item}, items), do: {:noreply, [item | items]}
  def handle_call(:count, _from, items), do: {:reply, length(items), items}
  def handle_info({:add, item}, items), do: {:noreply, [item | items]}
end

defmodule CallAfterCastTest do
  use ExUnit.Case, async: true

  test "a call is answered after the casts and messages before it" do
    server = start_supervised!({Collector, []} |> Supervisor.child_spec(start: {GenServer, :start_link, [Collector, []]}))

    for number <- 1..1_000 do
      GenServer.cast(server, {:add, number})
      send(server, {:add, number})
    end

    assert GenServer.call(server, :count) == 2_000
  end

  test "the end of a process is told by its monitor" do
    pid = spawn(fn -> receive do: (:stop -> :ok) end)
    ref = Process.monitor(pid)
    Process.exit(pid, :shutdown)
    assert_receive {:DOWN, ^ref, :process, ^pid, :shutdown}
    refute Process.alive?(pid)
  end
end
