defmodule ShakyShop.Events do
  @moduledoc """
  The event bus of the shop.

  A process subscribes to a topic and receives `{:event, topic, payload}` for
  each event published on it. Subscriptions end with the subscriber.
  """

  use GenServer

  alias ShakyShop.Events.AuditLog

  def start_link(_opts) do
    GenServer.start_link(__MODULE__, %{}, name: __MODULE__)
  end

  @doc "Subscribes the calling process to `topic`."
  def subscribe(topic), do: GenServer.call(__MODULE__, {:subscribe, topic, self()})

  @doc "Ends the subscription of the calling process."
  def unsubscribe(topic), do: GenServer.call(__MODULE__, {:unsubscribe, topic, self()})

  @doc "Publishes `payload` to all subscribers of `topic`."
  def publish(topic, payload), do: GenServer.cast(__MODULE__, {:publish, topic, payload})

  @doc "The number of subscribers of `topic`."
  def subscriber_count(topic), do: GenServer.call(__MODULE__, {:subscriber_count, topic})

  @doc """
  Writes the events of `topics` to the file at `path` from now on.

  Support turns this on from a remote console when a customer disputes an order.
  """
  def enable_audit(path, topics) do
    {:ok, pid} = GenServer.start_link(AuditLog, {path, topics}, name: AuditLog)
    pid
  end

  @impl true
  def init(subscriptions), do: {:ok, subscriptions}

  @impl true
  def handle_call({:subscribe, topic, pid}, _from, subscriptions) do
    key = {topic, pid}

    if Map.has_key?(subscriptions, key) do
      {:reply, :ok, subscriptions}
    else
      {:reply, :ok, Map.put(subscriptions, key, Process.monitor(pid))}
    end
  end

  def handle_call({:unsubscribe, topic, pid}, _from, subscriptions) do
    {ref, subscriptions} = Map.pop(subscriptions, {topic, pid})
    if ref, do: Process.demonitor(ref, [:flush])
    {:reply, :ok, subscriptions}
  end

  def handle_call({:subscriber_count, topic}, _from, subscriptions) do
    {:reply, Enum.count(subscriptions, &match?({{^topic, _pid}, _ref}, &1)), subscriptions}
  end

  @impl true
  def handle_cast({:publish, topic, payload}, subscriptions) do
    for {{^topic, pid}, _ref} <- subscriptions do
      send(pid, {:event, topic, payload})
    end

    {:noreply, subscriptions}
  end

  @impl true
  def handle_info({:DOWN, ref, :process, _pid, _reason}, subscriptions) do
    {:noreply, Map.reject(subscriptions, fn {_key, monitor} -> monitor == ref end)}
  end
end

defmodule ShakyShop.Events.AuditLog do
  @moduledoc """
  Collects events and writes them to a file in one go, the disk is slow.
  """

  use GenServer

  alias ShakyShop.Events

  @doc "The number of lines that were collected."
  def size, do: GenServer.call(__MODULE__, :size)

  @impl true
  def init({path, topics}) do
    Enum.each(topics, &Events.subscribe/1)
    {:ok, %{path: path, lines: []}}
  end

  @impl true
  def handle_call(:size, _from, state), do: {:reply, length(state.lines), state}

  @impl true
  def handle_info({:event, topic, payload}, state) do
    line = "#{topic}\t#{inspect(payload)}\n"
    {:noreply, %{state | lines: [line | state.lines]}}
  end

  @impl true
  def terminate(_reason, state) do
    File.write!(state.path, Enum.reverse(state.lines), [:append])
  end
end

defmodule ShakyShop.Events.Handler do
  @moduledoc """
  Turns a module with `handle_event/2` into something the bus can drive.

      defmodule ShakyShop.Stockroom do
        use ShakyShop.Events.Handler, topics: [:orders]

        def handle_event(:orders, order), do: print_label(order)
      end

  `dispatch/2` runs the handler beside the caller, so a slow handler doesn't
  hold up the one who publishes.
  """

  @callback handle_event(topic :: atom, payload :: term) :: term

  defmacro __using__(opts) do
    quote do
      @behaviour ShakyShop.Events.Handler

      def topics, do: unquote(opts)[:topics]

      def dispatch(topic, payload) do
        spawn(fn -> handle_event(topic, payload) end)
        :ok
      end
    end
  end
end
