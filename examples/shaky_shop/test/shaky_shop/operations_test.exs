defmodule ShakyShop.OperationsTest do
  use ExUnit.Case

  import ShakyShop.TestHelpers

  alias ShakyShop.{BackOffice, Catalogue, Metrics, RateLimiter, Settings}

  describe "the rate limiter" do
    test "allows no more than the limit" do
      client = unique("client")

      allowed =
        1..50
        |> Task.async_stream(fn _n -> RateLimiter.allow?(client, 20) end)
        |> Enum.count(&(&1 == {:ok, true}))

      assert allowed == 20
    end

    test "starts a new window" do
      {:ok, limiter} = RateLimiter.start_link(name: :second_limiter, limit: 1)
      client = unique("client")
      assert RateLimiter.allow?(client, 1)
      refute RateLimiter.allow?(client, 1)
      RateLimiter.sweep_now(limiter)
      Process.sleep(100)
      assert RateLimiter.allow?(client, 1)
    end

    test "can be configured" do
      {:ok, limiter} = RateLimiter.start_link(name: :third_limiter, limit: 7, window_ms: 500)
      assert RateLimiter.settings(limiter) == %{limit: 7, window: 500}
      assert RateLimiter.settings().limit == 100
    end

    test "collects penalties" do
      client = unique("client")
      assert RateLimiter.penalise(client) == 1
      assert RateLimiter.penalise(client) == 2
    end

    test "blocks" do
      client = unique("client")
      refute RateLimiter.blocked?(client)
      assert RateLimiter.block(client) == :ok
      assert RateLimiter.blocked?(client)
    end
  end

  describe "the metrics" do
    test "count without loss" do
      name = unique("counter")

      tasks =
        for _n <- 1..20, do: Task.async(fn -> for(_m <- 1..50, do: Metrics.increment(name)) end)

      Task.await_many(tasks)

      assert Metrics.value(name) == 1_000
      assert Metrics.value(unique("counter")) == 0
    end

    test "know averages" do
      name = unique("average")
      assert Metrics.average(name) == nil
      for value <- [10, 20, 60], do: Metrics.observe(name, value)
      assert Metrics.average(name) == 30.0
    end

    test "are fed by events" do
      before = Metrics.value(:turnover)
      :telemetry.execute([:shaky_shop, :order, :placed], %{total: 75}, %{id: 0})
      assert Metrics.value(:turnover) == before + 75
      assert is_integer(Metrics.snapshot().catalogue_size)
    end

    test "are attached under one name" do
      handlers = :telemetry.list_handlers([:shaky_shop, :payment])
      assert Enum.sort(Enum.map(handlers, & &1.id)) == ["shaky-shop-log", "shaky-shop-metrics"]
    end
  end

  describe "the settings" do
    test "format amounts" do
      assert Settings.format(123_456) == "1234.56 #{Settings.currency()}"
      assert Settings.format(5) == "0.05 #{Settings.currency()}"
    end

    test "close the shop" do
      refute Settings.maintenance?()
      Settings.maintenance(true)
      assert Settings.maintenance?()
      Settings.maintenance(false)
      refute Settings.maintenance?()
      assert Settings.show_errors?()
    end
  end

  describe "the back office" do
    test "buys from suppliers" do
      supplier = unique("supplier")
      assert BackOffice.order_from(supplier, "X", 1) == {:error, :unknown_supplier}
      assert BackOffice.add_supplier(supplier, "Harbour 1") == :ok
      assert {:ok, id} = BackOffice.order_from(supplier, "X", 12)
      assert id in BackOffice.open_purchases()
      assert BackOffice.receive_purchase(id) == {:ok, {"X", 12}}
      assert BackOffice.receive_purchase(id) == {:error, :unknown_purchase}
    end

    test "knows what runs low" do
      low = product(stock: 2)
      high = product(stock: 50)
      Enum.each([low, high], &Catalogue.put/1)
      BackOffice.reorder_level(4)
      Process.sleep(50)
      skus = BackOffice.to_reorder()
      assert low.sku in skus
      refute high.sku in skus
    end

    test "plans shifts" do
      name = unique("Kim")
      assert BackOffice.plan_shift(name, ~D[2026-05-04]) == {:error, :not_hired}
      BackOffice.hire(name, :packer)
      assert BackOffice.plan_shift(name, ~D[2026-05-04]) == :ok
      assert BackOffice.shifts_of(name) == [~D[2026-05-04]]
      assert BackOffice.clock_out(name) == {:error, :not_clocked_in}
      BackOffice.clock_in(name)
      assert {:ok, worked} = BackOffice.clock_out(name)
      assert worked > 0
    end

    test "takes goods back" do
      sku = unique("SKU")
      {:ok, id} = BackOffice.register_return(1, sku)
      assert BackOffice.accept_return(id) == :ok
      assert BackOffice.accept_return(id) == {:error, :unknown_return}
      assert sku in BackOffice.restock_queue()
    end

    test "redeems gift cards" do
      code = unique("GIFT")
      assert BackOffice.issue_gift_card(code, 1_000_000) == {:error, :over_limit}
      assert BackOffice.issue_gift_card(code, 2_000) == :ok
      assert BackOffice.redeem_gift_card(code, 1_500) == {:ok, 500}
      assert BackOffice.redeem_gift_card(code, 1_500) == {:error, :insufficient}
      assert BackOffice.gift_card_balance(code) == 500
      assert {:issued, code, 2_000} in BackOffice.gift_card_log()
    end
  end
end
