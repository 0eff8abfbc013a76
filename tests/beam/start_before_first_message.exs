# What init/1 sends itself stands behind what others sent meanwhile; handle_continue/2 comes before all of it.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule SendsItself do
  use GenServer

  def init(test) do
    send(test, :in_init)
    receive do: (:go_on -> :ok)
    send(self(), :load)
    {:ok, []}
  end

  def handle_info(message, seen), do: {:noreply, [message | seen]}
  def handle_call(:seen, _from, seen), do: {:reply, Enum.reverse(seen), seen}
end

defmodule Continues do
  use GenServer

  def init(test) do
    send(test, :in_init)
    receive do: (:go_on -> :ok)
    {:ok, [], {:continue, :load}}
  end

  def handle_continue(message, seen), do: {:noreply, [message | seen]}
  def handle_info(message, seen), do: {:noreply, [message | seen]}
  def handle_call(:seen, _from, seen), do: {:reply, Enum.reverse(seen), seen}
end

defmodule StartBeforeFirstMessageTest do
  use ExUnit.Case, async: true

  defp seen_by(server) do
    test = self()
    starter = Task.async(fn -> GenServer.start(server, test, name: server) end)
    assert_receive :in_init
    send(server, :early)
    send(server, :go_on)
    assert {:ok, pid} = Task.await(starter)
    GenServer.call(pid, :seen)
  end

  test "a message to itself comes after one that was sent while init ran" do
    assert seen_by(SendsItself) == [:early, :load]
  end

  test "{:continue, message} comes first" do
    assert seen_by(Continues) == [:load, :early]
  end
end
