# A supervisor gives up after `max_restarts` restarts within `max_seconds`, and so tells the one above it. A limit that
# is never reached tells nobody.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

defmodule Fragile do
  use GenServer
  def start_link(test), do: GenServer.start_link(__MODULE__, test)

  def init(test) do
    send(test, {:started, self()})
    {:ok, nil}
  end
end

defmodule RestartLimitTest do
  use ExUnit.Case, async: false

  defp supervisor(options) do
    Process.flag(:trap_exit, true)

    {:ok, supervisor} =
      Supervisor.start_link([{Fragile, self()}], [strategy: :one_for_one] ++ options)

    supervisor
  end

  # Kills the child as often as it is started, at most so many times. How often that was, and what came of it.
  defp crash(supervisor, times, done \\ 0) do
    receive do
      {:started, _pid} when done == times ->
        {:goes_on, done}

      {:started, pid} ->
        Process.exit(pid, :kill)
        crash(supervisor, times, done + 1)

      {:EXIT, ^supervisor, :shutdown} ->
        {:gave_up, done}
    after
      2_000 -> flunk("neither a restart nor an end")
    end
  end

  test "by default the fourth crash within five seconds ends the supervisor" do
    supervisor = supervisor([])
    assert crash(supervisor, 100) == {:gave_up, 4}
  end

  test "with a high limit nobody above hears of a hundred crashes" do
    supervisor = supervisor(max_restarts: 1_000)
    assert crash(supervisor, 100) == {:goes_on, 100}
    Supervisor.stop(supervisor)
  end
end
