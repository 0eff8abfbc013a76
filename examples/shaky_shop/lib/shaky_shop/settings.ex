defmodule ShakyShop.Settings do
  @moduledoc """
  Settings and switches, in one place.
  """

  @currency System.get_env("SHAKY_SHOP_CURRENCY", "EUR")

  @doc "The currency of all prices."
  def currency, do: @currency

  @doc "Formats an amount of cents."
  def format(cents) do
    fraction = cents |> rem(100) |> abs() |> Integer.to_string() |> String.pad_leading(2, "0")
    "#{div(cents, 100)}.#{fraction} #{@currency}"
  end

  @doc "Do we show details of errors to the customer?"
  def show_errors?, do: Mix.env() != :prod

  @doc "Closes the shop for maintenance, or opens it."
  def maintenance(on?) when is_boolean(on?) do
    Application.put_env(:shaky_shop, :maintenance, on?)
  end

  @doc "Is the shop closed?"
  def maintenance?, do: Application.get_env(:shaky_shop, :maintenance, false)

  @doc "Free shipping starts at this amount of cents."
  def free_shipping_from, do: Application.get_env(:shaky_shop, :free_shipping_from, 5_000)
end
