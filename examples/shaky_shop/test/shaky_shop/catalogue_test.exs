defmodule ShakyShop.CatalogueTest do
  use ExUnit.Case

  import ShakyShop.TestHelpers

  alias ShakyShop.Catalogue
  alias ShakyShop.Catalogue.SearchIndex

  describe "products" do
    test "are found by their number" do
      product = product(title: "Tin of rooibos")
      assert Catalogue.put(product) == :ok
      assert Catalogue.fetch(product.sku) == {:ok, product}
      assert Catalogue.fetch("no-such-sku") == :error
    end

    test "come from the configuration" do
      assert eventually(fn -> match?({:ok, _product}, Catalogue.fetch("POT-001")) end)
      assert Catalogue.count() >= 3
    end

    test "are listed by number" do
      Catalogue.put(product(sku: "ZZZ-2"))
      Catalogue.put(product(sku: "ZZZ-1"))
      skus = Enum.map(Catalogue.all(), & &1.sku)
      assert skus == Enum.sort(skus)
      assert "ZZZ-1" in skus
    end

    test "are imported from lines" do
      prefix = unique("IMP")
      lines = for n <- 1..20, do: "#{prefix}-#{n};Cup #{n};#{n * 10};3\n"
      assert Catalogue.import_lines(lines) == 20
      assert {:ok, %{title: "Cup 7", price: 70, stock: 3}} = Catalogue.fetch("#{prefix}-7")
    end
  end

  describe "the stock" do
    test "shrinks when pieces are reserved" do
      product = product(stock: 3)
      Catalogue.put(product)
      assert Catalogue.reserve(product.sku, 2) == :ok
      assert Catalogue.reserve(product.sku, 2) == {:error, :out_of_stock}
      assert {:ok, %{stock: 1}} = Catalogue.fetch(product.sku)
      assert Catalogue.reserve("no-such-sku", 1) == {:error, :unknown_product}
    end

    test "is never oversold" do
      product = product(stock: 25)
      Catalogue.put(product)
      sup = start_supervised!({Task.Supervisor, name: :buyers})

      results =
        sup
        |> Task.Supervisor.async_stream(1..40, fn _n -> Catalogue.reserve(product.sku, 1) end)
        |> Enum.frequencies_by(fn {:ok, result} -> result end)

      assert results == %{:ok => 25, {:error, :out_of_stock} => 15}
    end
  end

  describe "the search" do
    test "finds a product that was refreshed" do
      word = unique("oolong")
      product = product(title: "The #{word} of the year")
      Catalogue.put(product)
      assert SearchIndex.refresh(product.sku) == :ok
      assert eventually(fn -> SearchIndex.search(word) == [product.sku] end)
    end

    test "needs all words" do
      [one, two] = [unique("red"), unique("blue")]
      SearchIndex.add(product(sku: "S-#{one}", title: one))
      SearchIndex.add(product(sku: "S-#{two}", title: "#{one} with #{two}"))
      Process.sleep(50)
      assert SearchIndex.search("#{one} #{two}") == ["S-#{two}"]
      assert length(SearchIndex.search(one)) == 2
    end

    test "answers several phrases" do
      word = unique("cup")
      product = product(title: word)
      SearchIndex.add(product)

      assert SearchIndex.search_all([word, "nothing-at-all", "the"]) ==
               %{word => [product.sku], "nothing-at-all" => [], "the" => []}
    end

    test "keeps what was added while the index is rebuilt" do
      word = unique("late")
      SearchIndex.rebuild()
      SearchIndex.rebuild()
      product = product(title: word)
      SearchIndex.add(product)
      Process.sleep(100)
      assert SearchIndex.search(word) == [product.sku]
    end

    test "shows where a published product is listed" do
      product = product(title: unique("matcha"))
      assert Catalogue.publish(product) == [product.sku]
    end
  end
end
