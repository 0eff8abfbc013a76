defmodule ShakyShop.More.SalesLog do
  def setup(counter) do
    :telemetry.attach("more-sales-log", [:more, :sale], &log/4, counter)
  end

  def log(_event, %{price: price}, _metadata, counter) do
    :counters.add(counter, 1, price)
  end
end
