# A process that no supervisor starts: linked it ends with who happened to start it, not linked it ends unseen; in
# both cases nobody starts it again.
ExUnit.start(capture_log: true, assert_receive_timeout: 2_000)

defmodule Cart do
  use GenServer
  def start_link(name, test \\ nil), do: GenServer.start_link(__MODULE__, test, name: name)
  def start(name), do: GenServer.start(__MODULE__, nil, name: name)

  def init(test) do
    if test, do: send(test, :started)
    {:ok, nil}
  end

  def handle_call(:fail, _from, nil), do: raise("no")
  def handle_call(:ok, _from, nil), do: {:reply, :ok, nil}
end

defmodule StartedByOrdinaryCodeTest do
  use ExUnit.Case, async: true

  # As a request would: starts the cart, and ends as it is told.
  defp request(start) do
    test = self()

    pid =
      spawn(fn ->
        {:ok, cart} = start.()
        send(test, {:cart, cart})

        receive do
          reason -> exit(reason)
        end
      end)

    assert_receive {:cart, cart}
    {pid, cart, Process.monitor(cart)}
  end

  test "old: linked, it ends when the request fails" do
    {request, cart, ref} = request(fn -> Cart.start_link(:linked) end)
    send(request, :failed)
    assert_receive {:DOWN, ^ref, :process, ^cart, :failed}
    assert {:noproc, _call} = catch_exit(GenServer.call(:linked, :ok))
  end

  test "old: not linked, its crash tells nobody, and all who call it fail from then on" do
    {request, cart, ref} = request(fn -> Cart.start(:alone) end)
    assert {{%RuntimeError{}, _stack}, _call} = catch_exit(GenServer.call(:alone, :fail))
    assert_receive {:DOWN, ^ref, :process, ^cart, _reason}
    assert Process.alive?(request)
    assert {:noproc, _call} = catch_exit(GenServer.call(:alone, :ok))
  end

  test "new: below a supervisor it is there again" do
    child = %{id: Cart, start: {Cart, :start_link, [:supervised, self()]}}
    {:ok, _supervisor} = Supervisor.start_link([child], strategy: :one_for_one)
    assert {{%RuntimeError{}, _stack}, _call} = catch_exit(GenServer.call(:supervised, :fail))
    for _ <- 1..2, do: assert_receive(:started)
    assert GenServer.call(:supervised, :ok) == :ok
  end
end
