defmodule ShakyShop.Catalogue do
  @moduledoc """
  The products. Reads go to the table, writes through the server.
  """

  use GenServer

  alias ShakyShop.Catalogue.SearchIndex

  @table :shaky_shop_products

  def start_link(_opts) do
    GenServer.start_link(__MODULE__, [], name: __MODULE__)
  end

  @doc "Adds or replaces a product."
  def put(%{sku: _, title: _, price: _, stock: _} = product) do
    GenServer.call(__MODULE__, {:put, product})
  end

  @doc "Looks a product up."
  def fetch(sku) do
    case :ets.lookup(@table, sku) do
      [{^sku, product}] -> {:ok, product}
      [] -> :error
    end
  end

  @doc "All products, by number."
  def all do
    @table |> :ets.tab2list() |> Enum.map(&elem(&1, 1)) |> Enum.sort_by(& &1.sku)
  end

  @doc "How many products we sell."
  def count, do: GenServer.call(__MODULE__, :count)

  @doc "Takes `quantity` pieces off the stock."
  def reserve(sku, quantity), do: GenServer.call(__MODULE__, {:reserve, sku, quantity})

  @doc "One line for the dashboard."
  def summary, do: GenServer.call(__MODULE__, :summary)

  @doc """
  Adds a product and returns the numbers that a search for its title finds, so
  that the editor sees where it will be listed.
  """
  def publish(product) do
    :ok = put(product)
    SearchIndex.refresh(product.sku)
    Process.sleep(150)
    SearchIndex.search(product.title)
  end

  @doc """
  Parses lines of the form `sku;title;price;stock` and adds the products.

  Returns the number of products added.
  """
  def import_lines(lines) do
    lines
    |> Task.async_stream(&parse_line/1, ordered: false, timeout: 5_000)
    |> Enum.reduce(0, fn {:ok, product}, added ->
      :ok = put(product)
      added + 1
    end)
  end

  @impl true
  def init(_opts) do
    {:ok, :ets.new(@table, [:named_table, :protected, read_concurrency: true])}
  end

  @impl true
  def handle_call({:put, product}, _from, table) do
    :ets.insert(table, {product.sku, product})
    {:reply, :ok, table}
  end

  def handle_call(:count, _from, table) do
    {:reply, :ets.info(table, :size), table}
  end

  def handle_call({:reserve, sku, quantity}, _from, table) do
    case :ets.lookup(table, sku) do
      [{^sku, %{stock: stock} = product}] when stock >= quantity ->
        :ets.insert(table, {sku, %{product | stock: stock - quantity}})
        {:reply, :ok, table}

      [_product] ->
        {:reply, {:error, :out_of_stock}, table}

      [] ->
        {:reply, {:error, :unknown_product}, table}
    end
  end

  def handle_call(:summary, _from, table) do
    in_stock = Enum.count(all(), &(&1.stock > 0))
    {:reply, "#{count()} products, #{in_stock} in stock", table}
  end

  defp parse_line(line) do
    [sku, title, price, stock] = line |> String.trim() |> String.split(";")
    %{sku: sku, title: title, price: String.to_integer(price), stock: String.to_integer(stock)}
  end
end

defmodule ShakyShop.Catalogue.Importer do
  @moduledoc """
  Puts the configured products into the catalogue when the shop opens.
  """

  use Task, restart: :transient

  alias ShakyShop.Catalogue
  alias ShakyShop.Catalogue.SearchIndex

  def start_link(products) do
    Task.start_link(__MODULE__, :run, [products])
  end

  @doc false
  def run(products) do
    Enum.each(products, &Catalogue.put/1)
    SearchIndex.rebuild()
  end
end

defmodule ShakyShop.Catalogue.SearchIndex do
  @moduledoc """
  An inverted index over the titles of the products.
  """

  use GenServer

  alias ShakyShop.Catalogue

  def start_link(_opts) do
    GenServer.start_link(__MODULE__, [], name: __MODULE__)
  end

  @doc "The numbers of the products whose title has all words of `phrase`."
  def search(phrase), do: GenServer.call(__MODULE__, {:search, phrase})

  @doc "Searches for several phrases at once."
  def search_all(phrases) do
    phrases
    |> Enum.map(fn phrase -> Task.async(fn -> {phrase, search(phrase)} end) end)
    |> Task.await_many()
    |> Map.new()
  end

  @doc "Adds a product to the index."
  def add(product), do: GenServer.cast(__MODULE__, {:add, product})

  @doc "Reads a product from the catalogue again."
  def refresh(sku) do
    Task.async(fn ->
      with {:ok, product} <- Catalogue.fetch(sku), do: add(product)
    end)

    :ok
  end

  @doc "Builds the index anew, in the background."
  def rebuild, do: GenServer.cast(__MODULE__, :rebuild)

  @doc "Words that are not indexed."
  def stop_words, do: GenServer.call(__MODULE__, :stop_words)

  @impl true
  def init(_opts) do
    stop_words = MapSet.new(~w(a and of the with))
    {:ok, %{index: %{}, rebuild: nil, again?: false, stop_words: stop_words}}
  end

  @impl true
  def handle_call({:search, phrase}, _from, state) do
    {:reply, lookup(state.index, words(phrase, state.stop_words)), state}
  end

  def handle_call(:stop_words, _from, state) do
    {:reply, state.stop_words, state}
  end

  @impl true
  def handle_cast({:add, product}, state) do
    {:noreply, %{state | index: insert(state.index, product, state.stop_words)}}
  end

  def handle_cast(:rebuild, %{rebuild: nil} = state) do
    task =
      Task.async(fn ->
        ignored = stop_words()
        Enum.reduce(Catalogue.all(), %{}, &insert(&2, &1, ignored))
      end)

    {:noreply, %{state | rebuild: task.ref}}
  end

  def handle_cast(:rebuild, state), do: {:noreply, %{state | again?: true}}

  @impl true
  def handle_info({ref, built}, %{rebuild: ref} = state) do
    Process.demonitor(ref, [:flush])
    # What was added while we were building is in the old index only.
    index = Map.merge(state.index, built, fn _word, old, new -> MapSet.union(old, new) end)
    if state.again?, do: send(self(), :rebuild)
    {:noreply, %{state | index: index, rebuild: nil, again?: false}}
  end

  def handle_info({:DOWN, ref, :process, _pid, _reason}, %{rebuild: ref} = state) do
    {:noreply, %{state | rebuild: nil}}
  end

  def handle_info(:rebuild, state), do: handle_cast(:rebuild, state)

  defp insert(index, product, ignored) do
    product.title
    |> words(ignored)
    |> Enum.reduce(index, fn word, index ->
      Map.update(index, word, MapSet.new([product.sku]), &MapSet.put(&1, product.sku))
    end)
  end

  defp lookup(_index, []), do: []

  defp lookup(index, words) do
    words
    |> Enum.map(&Map.get(index, &1, MapSet.new()))
    |> Enum.reduce(&MapSet.intersection/2)
    |> Enum.sort()
  end

  defp words(text, ignored) do
    text |> String.downcase() |> String.split() |> Enum.reject(&(&1 in ignored))
  end
end
