defmodule ShakyShop.Application do
  @moduledoc """
  Boots the shop: the event dispatcher first, then the processes.
  """

  use Application

  require Logger

  @impl true
  def start(_type, _args) do
    :ok = :telemetry.init()
    attach_logger()

    children = [
      {Registry, keys: :unique, name: ShakyShop.CartRegistry},
      {DynamicSupervisor, name: ShakyShop.CartSupervisor, strategy: :one_for_one},
      ShakyShop.Events,
      ShakyShop.Metrics,
      {ShakyShop.Metrics.Reporter, interval: :timer.minutes(5)},
      {ShakyShop.RateLimiter, Application.fetch_env!(:shaky_shop, :rate_limit)},
      # Newsletters go out a few at a time, the relay drops us otherwise.
      {DynamicSupervisor, name: ShakyShop.MailSupervisor, max_children: 4},
      ShakyShop.Mailer,
      ShakyShop.Catalogue,
      ShakyShop.Catalogue.SearchIndex,
      {ShakyShop.Catalogue.Importer, Application.get_env(:shaky_shop, :seed_products, [])},
      ShakyShop.Orders,
      ShakyShop.Payments,
      ShakyShop.BackOffice
    ]

    opts = [strategy: :one_for_one, name: ShakyShop.Supervisor]
    Supervisor.start_link(children, opts)
  end

  @doc false
  def log_event(event, measurements, metadata, _config) do
    Logger.info(fn ->
      "#{Enum.join(event, ".")} #{inspect(measurements)} #{inspect(metadata)}"
    end)
  end

  defp attach_logger do
    :telemetry.attach_many(
      "shaky-shop-log",
      [
        [:shaky_shop, :order, :placed],
        [:shaky_shop, :order, :confirmed],
        [:shaky_shop, :payment, :charged]
      ],
      &__MODULE__.log_event/4,
      nil
    )
  end
end
