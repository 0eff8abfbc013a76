defmodule ShakyShop.More.Fees do
  @fee Application.get_env(:shaky_shop, :fee)

  def with_fee(price), do: price + (@fee || 1)
end
