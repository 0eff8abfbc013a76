# Steps by messages to oneself are interleaved with what is in the mailbox; steps by {:continue, step} are not.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule BySending do
  use GenServer
  def init(seen), do: {:ok, seen}

  def handle_cast({:run, job}, seen) do
    send(self(), {:first, job})
    {:noreply, seen}
  end

  def handle_call(:seen, _from, seen), do: {:reply, Enum.reverse(seen), seen}

  def handle_info({:first, job}, seen) do
    send(self(), {:second, job})
    {:noreply, [{:first, job} | seen]}
  end

  def handle_info({:second, job}, seen), do: {:noreply, [{:second, job} | seen]}
end

defmodule ByContinuing do
  use GenServer
  def init(seen), do: {:ok, seen}
  def handle_cast({:run, job}, seen), do: {:noreply, seen, {:continue, {:first, job}}}
  def handle_call(:seen, _from, seen), do: {:reply, Enum.reverse(seen), seen}

  def handle_continue({:first, job}, seen) do
    {:noreply, [{:first, job} | seen], {:continue, {:second, job}}}
  end

  def handle_continue({:second, job}, seen), do: {:noreply, [{:second, job} | seen]}
end

defmodule StepsLetOthersBetweenTest do
  use ExUnit.Case, async: true

  # Both requests are in the mailbox before the server takes the first.
  defp steps_of_two_requests(module) do
    {:ok, server} = GenServer.start_link(module, [])
    :sys.suspend(server)
    for job <- [:a, :b], do: GenServer.cast(server, {:run, job})
    :sys.resume(server)
    settled(server)
  end

  # What the server sends itself may still stand behind the question.
  defp settled(server) do
    seen = GenServer.call(server, :seen)
    if length(seen) == 4, do: seen, else: settled(server)
  end

  test "by messages to itself: the steps of two requests are interleaved" do
    assert steps_of_two_requests(BySending) == [first: :a, first: :b, second: :a, second: :b]
  end

  test "by continuing: one request after the other" do
    assert steps_of_two_requests(ByContinuing) == [first: :a, second: :a, first: :b, second: :b]
  end
end
