# start_link comes back when init/1 has, and a supervisor starts one child after the other. What handle_continue/2 does
# comes after the start, and a failure in it restarts the server in place of failing the start.
ExUnit.start(capture_log: true, assert_receive_timeout: 2_000)

defmodule Slow do
  use GenServer

  def child_spec({id, _, _} = how), do: %{id: id, start: {__MODULE__, :start_link, [how]}}
  def start_link(how), do: GenServer.start_link(__MODULE__, how)

  def init({id, :in_init, test}), do: {:ok, work(id, test)}
  def init({id, :continued, test}), do: {:ok, nil, {:continue, {id, test}}}

  def handle_continue({id, test}, nil), do: {:noreply, work(id, test)}

  defp work(id, test) do
    send(test, {:begun, id, self()})

    receive do
      :go_on -> id
      :fail -> exit(:no_connection)
    end
  end
end

defmodule InitHoldsTheStartTest do
  use ExUnit.Case, async: true

  # Starts two slow children, tells when their supervisor is there.
  defp start(how) do
    test = self()

    spawn_link(fn ->
      Process.flag(:trap_exit, true)
      children = for id <- [:first, :second], do: {Slow, {id, how, test}}
      send(test, {:started, Supervisor.start_link(children, strategy: :one_for_one)})
      Process.sleep(:infinity)
    end)
  end

  test "old: the second child waits for the init of the first, and the start for both" do
    start(:in_init)
    assert_receive {:begun, :first, first}
    refute_received {:begun, :second, _pid}
    send(first, :go_on)
    assert_receive {:begun, :second, second}
    refute_received {:started, _result}
    send(second, :go_on)
    assert_receive {:started, {:ok, _supervisor}}
  end

  test "old: a failure in init fails the start of the whole tree" do
    start(:in_init)
    assert_receive {:begun, :first, first}
    send(first, :fail)

    assert_receive {:started,
                    {:error, {:shutdown, {:failed_to_start_child, :first, :no_connection}}}}
  end

  test "new: the start comes back, the work goes on" do
    start(:continued)
    assert_receive {:started, {:ok, _supervisor}}
    assert_receive {:begun, :first, first}
    assert_receive {:begun, :second, second}
    for pid <- [first, second], do: send(pid, :go_on)
  end

  test "new: a failure restarts the one server" do
    start(:continued)
    assert_receive {:started, {:ok, supervisor}}
    assert_receive {:begun, :first, first}
    send(first, :fail)
    assert_receive {:begun, :first, again}
    assert again != first
    assert Process.alive?(supervisor)
  end
end
