defmodule ShakyShop.TestHelpers do
  @moduledoc false

  @doc "Waits until `fun` gives a true value, for two seconds at most."
  def eventually(fun, attempts \\ 100) do
    cond do
      result = fun.() ->
        result

      attempts > 0 ->
        Process.sleep(20)
        eventually(fun, attempts - 1)

      true ->
        ExUnit.Assertions.flunk("the condition was never met")
    end
  end

  def unique(prefix), do: "#{prefix}-#{System.unique_integer([:positive])}"

  def product(fields \\ []) do
    Enum.into(fields, %{sku: unique("SKU"), title: "A thing", price: 100, stock: 10})
  end
end

ExUnit.start()
