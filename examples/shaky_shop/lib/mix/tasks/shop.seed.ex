defmodule Mix.Tasks.Shop.Seed do
  @shortdoc "Fills the catalogue from a file"

  @moduledoc """
  Fills the catalogue from a file with lines of `sku;title;price;stock`.

      $ mix shop.seed products.csv
  """

  use Mix.Task

  alias ShakyShop.Catalogue

  @requirements ["app.start"]

  @impl true
  def run([path]) do
    ticker = spawn(fn -> tick() end)
    added = path |> File.stream!() |> Catalogue.import_lines()
    Process.exit(ticker, :kill)
    Mix.shell().info("#{added} products")
  end

  def run(_args), do: Mix.raise("usage: mix shop.seed FILE")

  defp tick do
    IO.write(".")
    Process.sleep(200)
    tick()
  end
end
