# A call of a server that is gone, or too slow, exits: `rescue` lets the exit pass, `catch :exit, _` takes it.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule RescueDoesNotTakeExitsTest do
  use ExUnit.Case, async: true

  defmodule Mute do
    use GenServer

    def init(nil), do: {:ok, nil}
    def handle_call(:ask, _from, state), do: {:noreply, state}
  end

  defp rescued(server) do
    GenServer.call(server, :ask, 10)
  rescue
    _ -> :rescued
  end

  defp caught_as_thrown(server) do
    GenServer.call(server, :ask, 10)
  catch
    _ -> :caught
  end

  defp caught(server) do
    GenServer.call(server, :ask, 10)
  catch
    :exit, _ -> :caught
  end

  test "a server that is not there" do
    assert {:noproc, _} = catch_exit(rescued(:nobody))
    assert {:noproc, _} = catch_exit(caught_as_thrown(:nobody))
    assert caught(:nobody) == :caught
  end

  test "a server that doesn't answer in time" do
    mute = start_supervised!(%{id: Mute, start: {GenServer, :start_link, [Mute, nil]}})
    assert {:timeout, _} = catch_exit(rescued(mute))
    assert {:timeout, _} = catch_exit(caught_as_thrown(mute))
    assert caught(mute) == :caught
  end

  test "a task and an agent fail in the same way" do
    task = Task.async(fn -> Process.sleep(:infinity) end)

    assert {:timeout, _} =
             catch_exit(
               try do
                 Task.await(task, 10)
               rescue
                 _ -> :rescued
               end
             )

    Task.shutdown(task, :brutal_kill)
    assert {:noproc, _} = catch_exit(Agent.get(:nobody, & &1))
  end

  test "a name in a registry that isn't running raises, which rescue does take" do
    assert_raise ArgumentError, fn ->
      GenServer.call({:via, Registry, {NoSuchRegistry, :key}}, :ask)
    end
  end
end
