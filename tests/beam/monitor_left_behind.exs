# Who is taken out of a server's state is monitored on: each round of coming and going leaves one monitor more.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule Listeners do
  use GenServer

  def init(demonitors?), do: {:ok, {demonitors?, %{}}}

  def handle_call({:listen, pid}, _from, {demonitors?, refs}) do
    {:reply, :ok, {demonitors?, Map.put(refs, pid, Process.monitor(pid))}}
  end

  def handle_call({:unlisten, pid}, _from, {demonitors?, refs}) do
    {ref, refs} = Map.pop(refs, pid)
    if demonitors?, do: Process.demonitor(ref, [:flush])
    {:reply, :ok, {demonitors?, refs}}
  end
end

defmodule MonitorLeftBehindTest do
  use ExUnit.Case, async: true

  defp monitors_after_three_rounds(demonitors?) do
    server = start_supervised!({Listeners, demonitors?} |> Supervisor.child_spec(start: start(demonitors?)))

    for _ <- 1..3, message <- [:listen, :unlisten] do
      :ok = GenServer.call(server, {message, self()})
    end

    {:monitors, monitors} = Process.info(server, :monitors)
    length(monitors)
  end

  defp start(demonitors?), do: {GenServer, :start_link, [Listeners, demonitors?]}

  test "without demonitor three rounds leave three monitors" do
    assert monitors_after_three_rounds(false) == 3
  end

  test "with demonitor none is left" do
    assert monitors_after_three_rounds(true) == 0
  end
end
