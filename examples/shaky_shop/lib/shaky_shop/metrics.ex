defmodule ShakyShop.Metrics do
  @moduledoc """
  Counters and high-water marks, kept in a public table so that counting costs
  the caller no message.
  """

  use GenServer

  alias ShakyShop.Catalogue

  @table :shaky_shop_metrics
  @handler_id "shaky-shop-metrics"
  @rollup_ms :timer.seconds(30)

  def start_link(_opts) do
    GenServer.start_link(__MODULE__, [], name: __MODULE__)
  end

  @doc "Adds `by` to the counter `name`."
  def increment(name, by \\ 1) do
    :ets.update_counter(@table, name, {2, by}, {name, 0})
  end

  @doc "The value of a counter or mark, 0 when nothing was recorded."
  def value(name) do
    case :ets.lookup(@table, name) do
      [{^name, value}] -> value
      [] -> 0
    end
  end

  @doc "Keeps the sum and the number of `value`s seen, for averages."
  def observe(name, value) do
    case :ets.lookup(@table, name) do
      [{^name, {sum, count}}] -> :ets.insert(@table, {name, {sum + value, count + 1}})
      [] -> :ets.insert(@table, {name, {value, 1}})
    end

    :ok
  end

  @doc "The average of the observed values, `nil` before the first."
  def average(name) do
    case :ets.lookup(@table, name) do
      [{^name, {sum, count}}] -> sum / count
      [] -> nil
    end
  end

  @doc "All counters as of the last roll-up."
  def snapshot, do: GenServer.call(__MODULE__, :snapshot)

  @doc false
  def handle_event([:shaky_shop, :order, :placed], %{total: total}, _metadata, _config) do
    increment(:orders_placed)
    increment(:turnover, total)
  end

  def handle_event([:shaky_shop, :payment, :charged], _measurements, _metadata, _config) do
    increment(:payments_charged)
  end

  @impl true
  def init(_opts) do
    :ets.new(@table, [:named_table, :public, write_concurrency: true])

    :telemetry.attach_many(
      @handler_id,
      [[:shaky_shop, :order, :placed], [:shaky_shop, :payment, :charged]],
      &__MODULE__.handle_event/4,
      nil
    )

    Process.send_after(self(), :rollup, @rollup_ms)
    {:ok, %{snapshot: %{}, catalogue_size: catalogue_size()}}
  end

  @impl true
  def handle_call(:snapshot, _from, state) do
    {:reply, Map.put(state.snapshot, :catalogue_size, state.catalogue_size), state}
  end

  @impl true
  def handle_info(:rollup, state) do
    Process.send_after(self(), :rollup, @rollup_ms)
    {:noreply, %{state | snapshot: Map.new(:ets.tab2list(@table))}}
  end

  @impl true
  def terminate(_reason, _state) do
    :telemetry.detach(@handler_id)
  end

  # The first boot has no catalogue yet, the gauge is then zero.
  defp catalogue_size do
    Catalogue.count()
  catch
    :exit, _reason -> 0
  end
end

defmodule ShakyShop.Metrics.Reporter do
  @moduledoc """
  Logs the counters at a fixed interval.
  """

  require Logger

  alias ShakyShop.Metrics

  def child_spec(opts) do
    %{id: __MODULE__, start: {__MODULE__, :start_link, [opts]}}
  end

  def start_link(opts) do
    interval = Keyword.fetch!(opts, :interval)
    {:ok, spawn_link(fn -> loop(interval) end)}
  end

  defp loop(interval) do
    receive do
      :report_now -> report()
    after
      interval -> report()
    end

    loop(interval)
  end

  defp report do
    Logger.info("orders=#{Metrics.value(:orders_placed)} turnover=#{Metrics.value(:turnover)}")
  end
end
