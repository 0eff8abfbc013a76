defmodule ShakyShop.RateLimiter do
  @moduledoc """
  Limits the requests of a client within a window, with penalties for the
  impatient and a block list for the hopeless.
  """

  use GenServer

  @table :shaky_shop_rate_limits
  @blocked :shaky_shop_blocked

  def start_link(opts) do
    GenServer.start_link(__MODULE__, opts, name: Keyword.get(opts, :name, __MODULE__))
  end

  @doc "Counts a request of `client` and says if it is within the limit."
  def allow?(client, limit) do
    key = {:hits, client}
    :ets.update_counter(@table, key, {2, 1, limit, limit + 1}, {key, 0}) <= limit
  end

  @doc """
  Adds a penalty point for `client` and returns the points.
  """
  def penalise(client) do
    points =
      case :ets.lookup(@table, {:penalty, client}) do
        [{_key, points}] -> points + 1
        [] -> 1
      end

    :ets.insert(@table, {{:penalty, client}, points})
    points
  end

  @doc "Refuses all requests of `client` from now on."
  def block(client) do
    ensure_block_list()
    :ets.insert(@blocked, {client, System.system_time(:second)})
    :ok
  end

  @doc "Was `client` blocked?"
  def blocked?(client) do
    ensure_block_list()
    :ets.member(@blocked, client)
  end

  @doc "The configured limit and window."
  def settings(server \\ __MODULE__), do: GenServer.call(server, :settings)

  @doc "Forgets the hits of the running window, for support."
  def sweep_now(server \\ __MODULE__), do: GenServer.cast(server, :sweep_now)

  @impl true
  def init(opts) do
    # A second instance, as in the load tests, shares the table of the first.
    if :ets.whereis(@table) == :undefined do
      :ets.new(@table, [:named_table, :public, write_concurrency: true])
    end

    state = %{
      limit: Keyword.get(opts, :limit, 100),
      window: Keyword.get(opts, :window_ms, 60_000)
    }

    Process.send_after(self(), :sweep, state.window)
    {:ok, state}
  end

  @impl true
  def handle_call(:settings, _from, state) do
    {:reply, Map.take(state, [:limit, :window]), state}
  end

  @impl true
  def handle_cast(:sweep_now, state) do
    Process.send_after(self(), :sweep, 0)
    {:noreply, state}
  end

  @impl true
  def handle_info(:sweep, state) do
    :ets.match_delete(@table, {{:hits, :_}, :_})
    Process.send_after(self(), :sweep, state.window)
    {:noreply, state}
  end

  defp ensure_block_list do
    if :ets.whereis(@blocked) == :undefined do
      :ets.new(@blocked, [:named_table, :public, read_concurrency: true])
    end
  end
end
