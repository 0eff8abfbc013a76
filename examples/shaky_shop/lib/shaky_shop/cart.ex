defmodule ShakyShop.Cart.Template do
  @moduledoc """
  Wish lists from which new carts are spawned.
  """

  import Kernel, except: [spawn: 1]

  @doc "The items of a fresh cart: one piece of each wish."
  def spawn(wishes) do
    Map.new(wishes, fn sku -> {sku, 1} end)
  end

  @doc "The items for several wish lists, merged into one cart."
  def spawn_merged(lists) do
    lists
    |> Enum.map(&spawn/1)
    |> Enum.reduce(%{}, fn items, all ->
      Map.merge(all, items, fn _sku, a, b -> a + b end)
    end)
  end
end

defmodule ShakyShop.Cart do
  @moduledoc """
  The cart of one customer, a process that lives until checkout or until the
  customer has been away for too long.
  """

  use GenServer, restart: :transient

  alias ShakyShop.Cart.Template
  alias ShakyShop.{CartRegistry, CartSupervisor}

  @idle_ms :timer.hours(6)

  def start_link(customer) do
    GenServer.start_link(__MODULE__, customer, name: via(customer))
  end

  @doc "The cart of `customer`, opened when there is none."
  def open(customer) do
    case Registry.lookup(CartRegistry, customer) do
      [{pid, _value}] ->
        pid

      [] ->
        {:ok, pid} = DynamicSupervisor.start_child(CartSupervisor, {__MODULE__, customer})
        pid
    end
  end

  @doc "Fills the cart of `customer` from a wish list."
  def open_with(customer, wishes) do
    pid =
      case DynamicSupervisor.start_child(CartSupervisor, {__MODULE__, customer}) do
        {:ok, pid} -> pid
        {:error, {:already_started, pid}} -> pid
      end

    for {sku, quantity} <- Template.spawn(wishes), do: add(customer, sku, quantity)
    pid
  end

  @doc "Adds a product."
  def add(customer, sku, quantity \\ 1) do
    GenServer.call(via(customer), {:add, sku, quantity})
  end

  @doc "Takes a product out."
  def remove(customer, sku), do: GenServer.call(via(customer), {:remove, sku})

  @doc "The products and their quantities."
  def items(customer), do: GenServer.call(via(customer), :items)

  @doc "Closes the cart and returns what was in it."
  def take(customer), do: GenServer.call(via(customer), :take)

  @impl true
  def init(customer) do
    {:ok, %{customer: customer, items: %{}, timer: Process.send_after(self(), :idle, @idle_ms)}}
  end

  @impl true
  def handle_call({:add, sku, quantity}, _from, state) do
    items = Map.update(state.items, sku, quantity, &(&1 + quantity))
    {:reply, :ok, touch(%{state | items: items})}
  end

  def handle_call({:remove, sku}, _from, state) do
    {:reply, :ok, touch(%{state | items: Map.delete(state.items, sku)})}
  end

  def handle_call(:items, _from, state) do
    {:reply, state.items, touch(state)}
  end

  def handle_call(:take, _from, state) do
    {:stop, :normal, state.items, state}
  end

  @impl true
  def handle_info(:idle, state), do: {:stop, :normal, state}

  defp touch(state) do
    Process.cancel_timer(state.timer)
    %{state | timer: Process.send_after(self(), :idle, @idle_ms)}
  end

  defp via(customer), do: {:via, Registry, {CartRegistry, customer}}
end
