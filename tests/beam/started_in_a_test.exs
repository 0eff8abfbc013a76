# ExUnit stops what start_supervised! started, and waits for it, before the test is over; what start_link started only
# gets an exit signal when the test process ends, and may take its time.
ExUnit.start(seed: 0, assert_receive_timeout: 2_000)

defmodule Cart do
  use GenServer

  def start_link(owner), do: GenServer.start_link(__MODULE__, owner)

  def init(owner) do
    Process.flag(:trap_exit, true)
    {:ok, owner}
  end

  # As slow as the owner wants it to be.
  def terminate(_reason, owner) do
    send(owner, {:stopping, self()})

    receive do
      :stop -> :ok
    end
  end
end

defmodule StartedInATest do
  use ExUnit.Case, async: false

  # Outlives the tests. Lets the carts stop in the end, or as soon as they begin to.
  setup_all do
    patient = spawn(fn -> let_stop([]) end)
    {:ok, patient: patient}
  end

  defp let_stop(stopping) do
    receive do
      {:stopping, cart} -> let_stop([cart | stopping])
      {:go_on, from} -> Enum.each(stopping, &send(&1, :stop)) && send(from, :gone_on)
    end
  end

  test "linked to the test", %{patient: patient} do
    {:ok, cart} = Cart.start_link(patient)
    :persistent_term.put(__MODULE__, cart)
  end

  test "is still there when the next test runs", %{patient: patient} do
    cart = :persistent_term.get(__MODULE__)
    ref = Process.monitor(cart)
    assert Process.alive?(cart)
    wait_for_stop(cart)
    send(patient, {:go_on, self()})
    assert_receive {:DOWN, ^ref, :process, ^cart, _reason}
  end

  test "started by start_supervised!" do
    quick = spawn(fn -> stop_each() end)
    cart = start_supervised!({Cart, quick})
    on_exit(fn -> refute Process.alive?(cart) end)
  end

  defp stop_each do
    receive do
      {:stopping, cart} -> send(cart, :stop)
    end
  end

  # Until terminate/2 runs, which is what the exit of the first test's process makes it do.
  defp wait_for_stop(cart) do
    unless match?(
             {:current_function, {Cart, :terminate, 2}},
             Process.info(cart, :current_function)
           ) do
      wait_for_stop(cart)
    end
  end
end
