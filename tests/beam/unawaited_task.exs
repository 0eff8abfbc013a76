# A task of async that nobody awaits: its result is a message all the same, its crash ends who started it.
ExUnit.start(capture_log: true, assert_receive_timeout: 2_000)

defmodule Shop do
  use GenServer

  def start(handles), do: GenServer.start(__MODULE__, handles)
  def init(handles), do: {:ok, handles}

  def handle_call({:work, function}, _from, handles) do
    Task.async(function)
    {:reply, :ok, handles}
  end

  def handle_info({ref, result}, test) when is_reference(ref) and is_pid(test) do
    send(test, {:result, result})
    {:noreply, test}
  end

  def handle_info({:DOWN, _ref, :process, _pid, :normal}, test) when is_pid(test) do
    send(test, :down)
    {:noreply, test}
  end

  def handle_info(:tick, handles), do: {:noreply, handles}
end

defmodule UnawaitedTaskTest do
  use ExUnit.Case, async: true

  test "the result stays in the mailbox of who started it, then the end of the task does" do
    task = Task.async(fn -> :result end)
    ref = task.ref
    assert_receive {^ref, :result}
    assert_receive {:DOWN, ^ref, :process, _pid, :normal}
  end

  test "old: a server whose clauses don't take the result ends of it" do
    {:ok, server} = Shop.start(nil)
    ref = Process.monitor(server)
    assert GenServer.call(server, {:work, fn -> :result end}) == :ok
    assert_receive {:DOWN, ^ref, :process, ^server, {:function_clause, _stack}}
  end

  test "new: with two clauses it goes on" do
    {:ok, server} = Shop.start(self())
    assert GenServer.call(server, {:work, fn -> :result end}) == :ok
    assert_receive {:result, :result}
    assert_receive :down
    assert Process.alive?(server)
  end

  test "old: an error in the task ends the server that did not want to wait for it" do
    {:ok, server} = Shop.start(self())
    ref = Process.monitor(server)
    assert GenServer.call(server, {:work, fn -> raise "no" end}) == :ok
    assert_receive {:DOWN, ^ref, :process, ^server, {%RuntimeError{}, _stack}}
  end

  test "new: a task that is started as a child sends nothing and ends nobody" do
    {:ok, supervisor} = Task.Supervisor.start_link()
    {:ok, pid} = Task.Supervisor.start_child(supervisor, fn -> raise "no" end)
    ref = Process.monitor(pid)
    assert_receive {:DOWN, ^ref, :process, ^pid, _reason}
    refute_received {_ref, _result}
    assert Process.alive?(supervisor)
  end
end
