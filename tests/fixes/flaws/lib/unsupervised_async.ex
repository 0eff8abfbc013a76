defmodule ShakyShop.More.Dashboard do
  def load(user) do
    orders = Task.async(fn -> {:orders, user} end)
    carts = Task.async(fn -> {:carts, user} end)
    {Task.await(orders), Task.await(carts)}
  end
end
