# A timer that is armed beside a running one is a second chain; cancelling the first keeps it one.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule EachRequestStartsATimerChainTest do
  use ExUnit.Case, async: true

  # The interval is so long that no timer fires: the test asks which timers run.
  @interval 3_600_000

  defmodule Poller do
    use GenServer

    def init({how, interval}), do: {:ok, arm(%{how: how, interval: interval, timers: [], timer: nil})}

    def handle_call(:poll_now, _from, %{how: :cancel} = state) do
      Process.cancel_timer(state.timer)
      {:reply, :ok, arm(state)}
    end

    def handle_call(:poll_now, _from, state), do: {:reply, :ok, arm(state)}

    def handle_call(:running, _from, state) do
      {:reply, Enum.count(state.timers, &(Process.read_timer(&1) != false)), state}
    end

    def handle_info(:poll, state), do: {:noreply, arm(state)}

    defp arm(state) do
      timer = Process.send_after(self(), :poll, state.interval)
      %{state | timer: timer, timers: [timer | state.timers]}
    end
  end

  defp running_after_requests(how) do
    pid = start_supervised!(%{id: how, start: {GenServer, :start_link, [Poller, {how, @interval}]}})
    for _ <- 1..3, do: GenServer.call(pid, :poll_now)
    GenServer.call(pid, :running)
  end

  test "without cancelling, each request leaves one more timer running" do
    assert running_after_requests(:leave) == 4
  end

  test "cancelled first, one timer runs" do
    assert running_after_requests(:cancel) == 1
  end

  test "a timer that is replaced in the state goes on" do
    first = Process.send_after(self(), {:fired, 1}, 1)
    second = Process.send_after(self(), {:fired, 2}, 1)
    assert first != second
    assert_receive {:fired, 1}
    assert_receive {:fired, 2}
  end
end
