defmodule ShakyShop.Checkout do
  @moduledoc """
  From a full cart to a confirmed order.
  """

  alias ShakyShop.Checkout.Coupons
  alias ShakyShop.{Cart, Events, Metrics, Orders, Payments}

  @doc """
  Charges the card and turns the cart of `customer` into a confirmed order.
  """
  def complete(customer, card) do
    with {:ok, order} <- Orders.place(customer, Cart.take(customer)),
         {:ok, receipt} <- Payments.charge(card, order.total),
         :ok <- confirm(order.id) do
      {:ok, order.id, receipt}
    end
  end

  @doc "Confirms an order and waits until the confirmation was announced."
  def confirm(order_id, timeout \\ 5_000) do
    caller = self()
    handler_id = "checkout-#{order_id}"

    :telemetry.attach(
      handler_id,
      [:shaky_shop, :order, :confirmed],
      fn _event, _measurements, metadata, _config -> send(caller, {:confirmed, metadata.id}) end,
      nil
    )

    Orders.confirm(order_id)

    result =
      receive do
        {:confirmed, ^order_id} -> :ok
      after
        timeout -> {:error, :timeout}
      end

    :telemetry.detach(handler_id)
    result
  end

  @doc "The price after the coupon, the full price when there is none."
  def price_with_coupon(price, code) do
    discount =
      try do
        Coupons.discount(code)
      rescue
        _error -> 0
      end

    div(price * (100 - discount), 100)
  end

  @doc "Notes that a customer has left without buying."
  def abandoned(customer) do
    items = Cart.take(customer)

    spawn(fn ->
      Metrics.increment(:carts_abandoned)
      Events.publish(:abandoned, {customer, items})
    end)

    :ok
  end

  @doc """
  The cost of sending a parcel, from `quote_fun`, which asks the carrier. The
  list price applies when the carrier doesn't answer in time.
  """
  def shipping(weight, quote_fun, timeout \\ 500) do
    task = Task.async(fn -> quote_fun.(weight) end)

    case Task.yield(task, timeout) do
      {:ok, price} -> price
      nil -> 490 + weight
    end
  end

  @doc "The state of an order, for the customer's page."
  def status(order_id) do
    case GenServer.call(ShakyShop.Orders, {:fetch, order_id}) do
      {:ok, order} -> order.status
      :error -> :unknown
    end
  end
end

defmodule ShakyShop.Checkout.Coupons do
  @moduledoc """
  The coupons of the running campaigns.
  """

  use Agent

  def start_link(_opts) do
    Agent.start_link(fn -> %{"WELCOME" => 10} end, name: __MODULE__)
  end

  @doc "Adds a coupon of `percent`."
  def add(code, percent), do: Agent.update(__MODULE__, &Map.put(&1, code, percent))

  @doc "The discount of a coupon in percent, 0 for unknown ones."
  def discount(code), do: Agent.get(__MODULE__, &Map.get(&1, code, 0))
end
