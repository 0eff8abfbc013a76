# A server that calls itself exits at once, and doesn't wait; a state machine that calls its own name does wait.
ExUnit.start(capture_log: true, assert_receive_timeout: 2_000)

defmodule Server do
  use GenServer
  def init(nil), do: {:ok, nil}
  def handle_call(:total, from, nil), do: handle_call({:ask, self(), :infinity}, from, nil)

  def handle_call({:ask, server, timeout}, _from, nil),
    do: {:reply, GenServer.call(server, :sum, timeout), nil}
end

defmodule Machine do
  @behaviour :gen_statem
  def callback_mode, do: :handle_event_function
  def init(nil), do: {:ok, :on, nil}

  def handle_event({:call, from}, {:ask, machine, timeout}, :on, nil) do
    answer = catch_exit(fn -> :gen_statem.call(machine, :sum, timeout) end)
    {:keep_state_and_data, [{:reply, from, answer}]}
  end

  def handle_event({:call, from}, :sum, :on, nil), do: {:keep_state_and_data, [{:reply, from, 1}]}

  defp catch_exit(function) do
    function.()
  catch
    :exit, {reason, _call} -> reason
  end
end

defmodule CallToItselfTest do
  use ExUnit.Case, async: true

  test "the server ends, whatever the timeout" do
    {:ok, server} = GenServer.start(Server, nil)
    ref = Process.monitor(server)

    assert {{:calling_self, _call}, _stack} =
             catch_exit(GenServer.call(server, :total, :infinity))

    assert_receive {:DOWN, ^ref, :process, ^server, {:calling_self, _call}}
  end

  test "by its own name too" do
    {:ok, _server} = GenServer.start(Server, nil, name: :server_with_name)
    call = fn -> GenServer.call(:server_with_name, {:ask, :server_with_name, :infinity}) end
    assert {{:calling_self, _call}, _stack} = catch_exit(call.())
  end

  test "an agent that is given a function which asks it ends as well" do
    {:ok, agent} = Agent.start(fn -> 1 end, name: :agent_with_name)
    ref = Process.monitor(agent)
    add = fn one -> one + Agent.get(:agent_with_name, & &1) end
    assert {{:calling_self, _call}, _stack} = catch_exit(Agent.update(:agent_with_name, add))
    assert_receive {:DOWN, ^ref, :process, ^agent, {:calling_self, _call}}
  end

  test "a state machine waits for itself until the timeout, and there is none by default" do
    {:ok, machine} = :gen_statem.start({:local, :machine}, Machine, nil, [])
    assert :gen_statem.call(machine, {:ask, :machine, 50}) == :timeout
  end
end
