defmodule ShakyShop.Payments do
  @moduledoc """
  Charges and refunds through the gateway that is configured.

  The gateway may take seconds, so the server never waits for it: the caller
  gets its answer when the gateway has given one.
  """

  use GenServer

  require Logger

  def start_link(_opts) do
    GenServer.start_link(__MODULE__, [], name: __MODULE__)
  end

  @doc "Charges `amount` cents, gives a receipt."
  def charge(card, amount), do: GenServer.call(__MODULE__, {:charge, card, amount})

  @doc "Pays the amount of a receipt back."
  def refund(receipt), do: GenServer.call(__MODULE__, {:refund, receipt})

  @doc "Is the machine of the gateway reachable?"
  def gateway_reachable?(host), do: GenServer.call(__MODULE__, {:ping, host}, 15_000)

  @doc """
  Checks a card without charging it. An odd card may crash the parser of the
  gateway, so it is looked at in a process of its own.
  """
  def valid_card?(card) do
    {pid, ref} = spawn_monitor(fn -> exit({:checked, gateway().check(card)}) end)

    receive do
      {:DOWN, ^ref, :process, ^pid, {:checked, valid?}} -> valid?
      {:DOWN, ^ref, :process, ^pid, _reason} -> false
    after
      5_000 ->
        Process.demonitor(ref, [:flush])
        false
    end
  end

  @impl true
  def init(_opts), do: {:ok, %{charges: %{}}}

  @impl true
  def handle_call({:charge, card, amount}, from, state) do
    {_pid, ref} = spawn_monitor(fn -> exit({:answer, gateway().charge(card, amount)}) end)
    {:noreply, put_in(state.charges[ref], {from, amount})}
  end

  def handle_call({:refund, receipt}, from, state) do
    spawn(fn -> GenServer.reply(from, gateway().refund(receipt)) end)
    {:noreply, state}
  end

  def handle_call({:ping, host}, _from, state) do
    {_output, status} = System.cmd("ping", ["-c", "1", "-W", "2", host], stderr_to_stdout: true)
    {:reply, status == 0, state}
  end

  @impl true
  def handle_info({:DOWN, ref, :process, _pid, reason}, state) do
    {{from, amount}, charges} = Map.pop(state.charges, ref)

    case reason do
      {:answer, {:ok, _receipt} = answer} ->
        :telemetry.execute([:shaky_shop, :payment, :charged], %{amount: amount})
        GenServer.reply(from, answer)

      {:answer, answer} ->
        GenServer.reply(from, answer)

      _crash ->
        Logger.warning("the payment gateway failed")
        GenServer.reply(from, {:error, :gateway_failed})
    end

    {:noreply, %{state | charges: charges}}
  end

  defp gateway, do: Application.fetch_env!(:shaky_shop, :payment_gateway)
end

defmodule ShakyShop.Payments.SandboxGateway do
  @moduledoc """
  A gateway without money. Cards that end in `0000` are declined.
  """

  def check(card), do: String.match?(card, ~r/^\d{16}$/)

  def charge(card, amount) do
    if String.ends_with?(card, "0000") do
      {:error, :declined}
    else
      {:ok, %{reference: "sandbox-#{System.unique_integer([:positive])}", amount: amount}}
    end
  end

  def refund(%{reference: reference, amount: amount}), do: {:ok, {reference, -amount}}
end

defmodule ShakyShop.Payments.Ledger do
  @moduledoc """
  Balances of the accounts, in cents.
  """

  use GenServer

  def start_link(_opts) do
    GenServer.start_link(__MODULE__, [], name: __MODULE__)
  end

  @doc "Books `amount` on `account`, returns the new balance."
  def book(account, amount), do: GenServer.call(__MODULE__, {:book, account, amount})

  @doc "The balance of `account`."
  def balance(account), do: GenServer.call(__MODULE__, {:balance, account})

  @impl true
  def init(_opts), do: {:ok, %{balances: %{}}}

  @impl true
  def handle_call({:book, account, amount}, _from, state) do
    balance = Map.get(state.balances, account, 0) + amount
    {:reply, {:ok, balance}, %{state | balances: Map.put(state.balances, account, balance)}}
  end

  def handle_call({:balance, account}, _from, state) do
    {:reply, Map.get(state.balances, account, 0), state}
  end
end
