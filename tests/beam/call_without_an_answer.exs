# Who is not answered waits until its timeout, or until the server ends; who keeps `from` can answer later.
ExUnit.start(capture_log: true, assert_receive_timeout: 2_000)

defmodule Silent do
  use GenServer
  def init(nil), do: {:ok, nil}

  def handle_call({:ask, test}, from, _state) do
    send(test, :asked)
    {:noreply, from}
  end

  def handle_cast({:answer, answer}, from) do
    GenServer.reply(from, answer)
    {:noreply, nil}
  end
end

defmodule CallWithoutAnAnswerTest do
  use ExUnit.Case, async: true

  setup do
    {:ok, server} = GenServer.start(Silent, nil)
    {:ok, server: server}
  end

  test "the caller exits after its timeout, and the server knows nothing of it", %{server: server} do
    assert {:timeout, _call} = catch_exit(GenServer.call(server, {:ask, self()}, 20))
    assert Process.alive?(server)
  end

  test "with :infinity it waits until the server ends", %{server: server} do
    test = self()

    spawn(fn ->
      send(test, {:exit, catch_exit(GenServer.call(server, {:ask, test}, :infinity))})
    end)

    assert_receive :asked
    refute_received {:exit, _reason}
    Process.exit(server, :kill)
    assert_receive {:exit, {:killed, _call}}
  end

  test "an answer may come later, from anywhere", %{server: server} do
    test = self()
    asked = Task.async(fn -> GenServer.call(server, {:ask, test}) end)
    assert_receive :asked
    GenServer.cast(server, {:answer, 42})
    assert Task.await(asked) == 42
  end
end
