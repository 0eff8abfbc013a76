import Config

config :shaky_shop,
  sender: "shop@example.test",
  payment_gateway: ShakyShop.Payments.SandboxGateway,
  rate_limit: [limit: 100, window_ms: 60_000],
  seed_products: [
    %{sku: "TEA-001", title: "Smoked black tea", price: 790, stock: 40},
    %{sku: "TEA-002", title: "Green tea with jasmine", price: 650, stock: 25},
    %{sku: "POT-001", title: "Cast iron pot", price: 4900, stock: 6}
  ]

config :logger, level: :warning
