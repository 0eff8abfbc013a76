defmodule ShakyShop.MixProject do
  use Mix.Project

  def project do
    [
      app: :shaky_shop,
      version: "0.4.2",
      elixir: "~> 1.14",
      start_permanent: Mix.env() == :prod,
      deps: []
    ]
  end

  def application do
    [
      mod: {ShakyShop.Application, []},
      extra_applications: [:logger]
    ]
  end
end
