# A server handles one call at a time: callers wait for each other, where plain functions run side by side.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule Stateless do
  use GenServer
  def init(state), do: {:ok, state}
  def handle_call({:work, test}, _from, state), do: {:reply, Work.run(test), state}

  def handle_call({:work_aside, test}, from, state) do
    Task.Supervisor.start_child(Aside, fn -> GenServer.reply(from, Work.run(test)) end)
    {:noreply, state}
  end
end

defmodule Work do
  # Tells that it has begun, and ends when it is told to.
  def run(test) do
    send(test, {:begun, self()})
    receive do: (:end -> :done)
  end
end

defmodule ServerAnswersOneAtATimeTest do
  use ExUnit.Case, async: true

  test "old: two calls of a server: the second begins when the first has ended" do
    {:ok, server} = GenServer.start_link(Stateless, nil)
    test = self()
    tasks = for _ <- 1..2, do: Task.async(fn -> GenServer.call(server, {:work, test}) end)
    assert_receive {:begun, ^server}
    wait_for_queue(server)
    refute_received {:begun, _}
    send(server, :end)
    assert_receive {:begun, ^server}
    send(server, :end)
    assert Task.await_many(tasks) == [:done, :done]
  end

  test "new: a server that hands its answer to a task begins both" do
    start_supervised!({Task.Supervisor, name: Aside})
    {:ok, server} = GenServer.start_link(Stateless, nil)
    test = self()
    tasks = for _ <- 1..2, do: Task.async(fn -> GenServer.call(server, {:work_aside, test}) end)
    assert_receive {:begun, one}
    assert_receive {:begun, other}
    assert Enum.uniq([one, other, server]) == [one, other, server]
    for task <- [one, other], do: send(task, :end)
    assert Task.await_many(tasks) == [:done, :done]
  end

  test "two calls of a function begin both" do
    test = self()
    tasks = for _ <- 1..2, do: Task.async(fn -> Work.run(test) end)
    assert_receive {:begun, one}
    assert_receive {:begun, other}
    assert one != other
    for task <- [one, other], do: send(task, :end)
    assert Task.await_many(tasks) == [:done, :done]
  end

  # The second call is in the mailbox.
  defp wait_for_queue(server) do
    if Process.info(server, :message_queue_len) == {:message_queue_len, 0}, do: wait_for_queue(server)
  end
end
