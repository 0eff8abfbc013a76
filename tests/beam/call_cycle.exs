# Two servers that call each other in their callbacks: neither can answer, and both calls time out.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

defmodule Side do
  use GenServer
  @timeout_ms 100

  def init(_opts), do: {:ok, nil}
  def handle_call({:meet, other}, _from, _other), do: {:reply, :ok, other}
  def handle_call(:size, _from, other), do: {:reply, 1, other}

  # Tells the test that it is in the callback, and goes on when the other side is there too.
  def handle_call({:ask, test}, _from, other) do
    send(test, {:inside, self()})
    receive do: (:both_inside -> :ok)
    {:reply, GenServer.call(other, :size, @timeout_ms), other}
  end
end

defmodule CallCycleTest do
  use ExUnit.Case, async: true

  test "both calls time out and both servers crash" do
    {:ok, cart} = GenServer.start(Side, [])
    {:ok, stock} = GenServer.start(Side, [])
    :ok = GenServer.call(cart, {:meet, stock})
    :ok = GenServer.call(stock, {:meet, cart})
    refs = Map.new([cart, stock], &{Process.monitor(&1), &1})

    for server <- [cart, stock] do
      test = self()
      spawn(fn -> GenServer.call(server, {:ask, test}) end)
      assert_receive {:inside, ^server}
    end

    for server <- [cart, stock], do: send(server, :both_inside)

    reasons =
      for {ref, pid} <- refs do
        assert_receive {:DOWN, ^ref, :process, ^pid, {reason, {GenServer, :call, _}}}, 1_000
        reason
      end

    # The first to give up may be seen dying by the other.
    assert :timeout in reasons
  end
end
