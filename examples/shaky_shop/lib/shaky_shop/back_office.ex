defmodule ShakyShop.BackOffice do
  @moduledoc """
  What the staff does: suppliers and purchases, shifts, returns, gift cards.
  """

  use GenServer

  alias ShakyShop.{Catalogue, Events, Mailer}
  alias ShakyShop.Payments.Ledger

  defstruct suppliers: %{},
            purchases: %{},
            next_purchase: 1,
            reorder_level: 5,
            staff: %{},
            shifts: [],
            clocked_in: %{},
            overtime: %{},
            returns: %{},
            next_return: 1,
            restock_queue: [],
            gift_cards: %{},
            gift_card_log: [],
            gift_card_limit: 20_000

  def start_link(_opts) do
    GenServer.start_link(__MODULE__, [], name: __MODULE__)
  end

  # Purchasing

  def add_supplier(name, address) do
    GenServer.call(__MODULE__, {:add_supplier, name, address})
  end

  def order_from(supplier, sku, quantity) do
    GenServer.call(__MODULE__, {:purchase, supplier, sku, quantity})
  end

  def receive_purchase(id), do: GenServer.call(__MODULE__, {:receive_purchase, id})
  def open_purchases, do: GenServer.call(__MODULE__, :open_purchases)
  def reorder_level(level), do: GenServer.cast(__MODULE__, {:reorder_level, level})
  def to_reorder, do: GenServer.call(__MODULE__, :to_reorder)

  # Staff

  def hire(name, role), do: GenServer.call(__MODULE__, {:hire, name, role})
  def plan_shift(name, day), do: GenServer.call(__MODULE__, {:plan_shift, name, day})
  def clock_in(name), do: GenServer.cast(__MODULE__, {:clock_in, name, System.monotonic_time()})
  def clock_out(name), do: GenServer.call(__MODULE__, {:clock_out, name})
  def shifts_of(name), do: GenServer.call(__MODULE__, {:shifts_of, name})

  # Returns

  def register_return(order_id, sku), do: GenServer.call(__MODULE__, {:return, order_id, sku})
  def accept_return(id), do: GenServer.call(__MODULE__, {:accept_return, id})
  def restock_queue, do: GenServer.call(__MODULE__, :restock_queue)

  # Gift cards

  def issue_gift_card(code, cents),
    do: GenServer.call(__MODULE__, {:issue_gift_card, code, cents})

  def redeem_gift_card(code, cents), do: GenServer.call(__MODULE__, {:redeem, code, cents})
  def gift_card_balance(code), do: GenServer.call(__MODULE__, {:gift_card_balance, code})
  def gift_card_log, do: GenServer.call(__MODULE__, :gift_card_log)

  @doc "Books the turnover of a day and tells the owner."
  def close_day(date, cents) do
    {:ok, balance} = Ledger.book(:turnover, cents)
    Mailer.deliver(%{to: "owner@example.test", subject: "#{date}", body: "#{balance}"})
    Events.publish(:day_closed, {date, balance})
  end

  @impl true
  def init(_opts), do: {:ok, %__MODULE__{}}

  @impl true
  def handle_call({:add_supplier, name, address}, _from, state) do
    {:reply, :ok, %{state | suppliers: Map.put(state.suppliers, name, address)}}
  end

  def handle_call({:purchase, supplier, sku, quantity}, _from, state) do
    if Map.has_key?(state.suppliers, supplier) do
      id = state.next_purchase
      purchases = Map.put(state.purchases, id, {supplier, sku, quantity})
      {:reply, {:ok, id}, %{state | purchases: purchases, next_purchase: id + 1}}
    else
      {:reply, {:error, :unknown_supplier}, state}
    end
  end

  def handle_call({:receive_purchase, id}, _from, state) do
    case Map.pop(state.purchases, id) do
      {nil, _purchases} ->
        {:reply, {:error, :unknown_purchase}, state}

      {{_supplier, sku, quantity}, purchases} ->
        {:reply, {:ok, {sku, quantity}}, %{state | purchases: purchases}}
    end
  end

  def handle_call(:open_purchases, _from, state) do
    {:reply, Map.keys(state.purchases), state}
  end

  def handle_call(:to_reorder, _from, state) do
    ordered = for {_id, {_supplier, sku, _quantity}} <- state.purchases, do: sku

    skus =
      for product <- Catalogue.all(),
          product.stock <= state.reorder_level,
          product.sku not in ordered,
          do: product.sku

    {:reply, skus, state}
  end

  def handle_call({:hire, name, role}, _from, state) do
    {:reply, :ok, %{state | staff: Map.put(state.staff, name, role)}}
  end

  def handle_call({:plan_shift, name, day}, _from, state) do
    if Map.has_key?(state.staff, name) do
      {:reply, :ok, %{state | shifts: [{day, name} | state.shifts]}}
    else
      {:reply, {:error, :not_hired}, state}
    end
  end

  def handle_call({:clock_out, name}, _from, state) do
    case Map.pop(state.clocked_in, name) do
      {nil, _clocked_in} ->
        {:reply, {:error, :not_clocked_in}, state}

      {since, clocked_in} ->
        worked = System.monotonic_time() - since
        overtime = Map.update(state.overtime, name, worked, &(&1 + worked))
        {:reply, {:ok, worked}, %{state | clocked_in: clocked_in, overtime: overtime}}
    end
  end

  def handle_call({:shifts_of, name}, _from, state) do
    {:reply, for({day, ^name} <- state.shifts, do: day), state}
  end

  def handle_call({:return, order_id, sku}, _from, state) do
    id = state.next_return
    returns = Map.put(state.returns, id, {order_id, sku})
    {:reply, {:ok, id}, %{state | returns: returns, next_return: id + 1}}
  end

  def handle_call({:accept_return, id}, _from, state) do
    case Map.pop(state.returns, id) do
      {nil, _returns} ->
        {:reply, {:error, :unknown_return}, state}

      {{_order_id, sku}, returns} ->
        {:reply, :ok, %{state | returns: returns, restock_queue: [sku | state.restock_queue]}}
    end
  end

  def handle_call(:restock_queue, _from, state) do
    {:reply, Enum.reverse(state.restock_queue), state}
  end

  def handle_call({:issue_gift_card, code, cents}, _from, state) do
    if cents <= state.gift_card_limit do
      cards = Map.put(state.gift_cards, code, cents)
      log = [{:issued, code, cents} | state.gift_card_log]
      {:reply, :ok, %{state | gift_cards: cards, gift_card_log: log}}
    else
      {:reply, {:error, :over_limit}, state}
    end
  end

  def handle_call({:redeem, code, cents}, _from, state) do
    case state.gift_cards do
      %{^code => balance} when balance >= cents ->
        cards = Map.put(state.gift_cards, code, balance - cents)
        log = [{:redeemed, code, cents} | state.gift_card_log]
        {:reply, {:ok, balance - cents}, %{state | gift_cards: cards, gift_card_log: log}}

      %{^code => _balance} ->
        {:reply, {:error, :insufficient}, state}

      _none ->
        {:reply, {:error, :unknown_card}, state}
    end
  end

  def handle_call({:gift_card_balance, code}, _from, state) do
    {:reply, Map.get(state.gift_cards, code, 0), state}
  end

  def handle_call(:gift_card_log, _from, state) do
    {:reply, Enum.take(state.gift_card_log, 50), state}
  end

  @impl true
  def handle_cast({:reorder_level, level}, state) do
    {:noreply, %{state | reorder_level: level}}
  end

  def handle_cast({:clock_in, name, at}, state) do
    {:noreply, %{state | clocked_in: Map.put(state.clocked_in, name, at)}}
  end
end
