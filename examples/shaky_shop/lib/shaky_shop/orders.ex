defmodule ShakyShop.Orders do
  @moduledoc """
  The order book: from placing an order to its confirmation or cancellation.
  """

  use GenServer

  require Logger

  alias ShakyShop.{Catalogue, Events, Metrics}

  @reminder_ms :timer.minutes(15)

  def start_link(_opts) do
    GenServer.start_link(__MODULE__, [], name: __MODULE__)
  end

  @doc "Places an order for `items`, a map of product number to quantity."
  def place(customer, items) do
    GenServer.call(__MODULE__, {:place, customer, items})
  end

  @doc "Looks an order up."
  def fetch(id), do: GenServer.call(__MODULE__, {:fetch, id})

  @doc "The orders of a customer, oldest first."
  def of_customer(customer), do: GenServer.call(__MODULE__, {:of_customer, customer})

  @doc "Confirms an order. The confirmation is announced as an event."
  def confirm(id), do: GenServer.cast(__MODULE__, {:confirm, id})

  @doc "Cancels an order that isn't confirmed yet."
  def cancel(id), do: GenServer.call(__MODULE__, {:cancel, id})

  @doc "Puts an order aside until somebody has looked at it."
  def review(id), do: GenServer.call(__MODULE__, {:review, id})

  @doc "The invoice of an order as text."
  def invoice(id), do: GenServer.call(__MODULE__, {:invoice, id})

  @doc "Writes all orders of `customer` to a file, for the tax office."
  def export(customer, path) do
    orders = of_customer(customer)
    Task.start(fn -> File.write!(path, Enum.map(orders, &"#{&1.id};#{&1.total}\n")) end)
    :ok
  end

  @doc false
  def notify_warehouse(order) do
    Events.publish(:warehouse, {:pick, order.id, order.items})
    Metrics.increment(:warehouse_notified)
  end

  @impl true
  def init(_opts) do
    Process.send_after(self(), :remind, @reminder_ms)
    {:ok, %{orders: %{}, next_id: 1, in_review: []}}
  end

  @impl true
  def handle_call({:place, customer, items}, _from, state) do
    order = %{
      id: state.next_id,
      customer: customer,
      items: items,
      total: total(items),
      status: :open
    }

    spawn(fn ->
      Enum.each(items, fn {sku, quantity} -> Catalogue.reserve(sku, quantity) end)
    end)

    send(ShakyShop.Mailer, {:deliver, customer, "Your order #{order.id}", "Thank you!"})
    :telemetry.execute([:shaky_shop, :order, :placed], %{total: order.total}, %{id: order.id})

    orders = Map.put(state.orders, order.id, order)
    {:reply, {:ok, order}, %{state | orders: orders, next_id: state.next_id + 1}}
  end

  def handle_call({:fetch, id}, _from, state) do
    {:reply, Map.fetch(state.orders, id), state}
  end

  def handle_call({:of_customer, customer}, _from, state) do
    orders = for {_id, order} <- state.orders, order.customer == customer, do: order
    {:reply, Enum.sort_by(orders, & &1.id), state}
  end

  def handle_call({:cancel, id}, _from, state) do
    case state.orders do
      %{^id => %{status: :open} = order} ->
        {:reply, :ok, put_in(state.orders[id], %{order | status: :cancelled})}

      %{^id => _order} ->
        {:reply, {:error, :too_late}, state}

      _none ->
        {:reply, {:error, :not_found}, state}
    end
  end

  def handle_call({:review, id}, _from, state) do
    {:noreply, %{state | in_review: [id | state.in_review]}}
  end

  def handle_call({:invoice, id}, _from, state) do
    {:ok, order} = GenServer.call(__MODULE__, {:fetch, id})
    {:reply, "Order #{order.id}: #{order.total} cents", state}
  end

  @impl true
  def handle_cast({:confirm, id}, state) do
    case state.orders do
      %{^id => %{status: :open} = order} ->
        order = %{order | status: :confirmed}
        spawn(__MODULE__, :notify_warehouse, [order])
        :telemetry.execute([:shaky_shop, :order, :confirmed], %{total: order.total}, %{id: id})
        {:noreply, put_in(state.orders[id], order)}

      _other ->
        Logger.info("order #{id} can't be confirmed")
        {:noreply, state}
    end
  end

  @impl true
  def handle_info(:remind, state) do
    open = Enum.count(state.orders, fn {_id, order} -> order.status == :open end)
    if open > 0, do: Logger.info("#{open} orders are open")
    Process.send_after(self(), :remind, @reminder_ms)
    {:noreply, state}
  end

  defp total(items) do
    items
    |> Enum.map(fn {sku, quantity} ->
      case Catalogue.fetch(sku) do
        {:ok, product} -> product.price * quantity
        :error -> 0
      end
    end)
    |> Enum.sum()
  end
end
