defmodule ShakyShop.OrdersTest do
  use ExUnit.Case

  import ShakyShop.TestHelpers

  alias ShakyShop.Checkout.Coupons
  alias ShakyShop.{Cart, Catalogue, Checkout, Events, Mailer, Orders}

  setup do
    product = product(price: 250, stock: 10)
    :ok = Catalogue.put(product)
    {:ok, customer: unique("customer"), sku: product.sku}
  end

  describe "a cart" do
    test "counts pieces", %{customer: customer, sku: sku} do
      pid = Cart.open(customer)
      assert Cart.open(customer) == pid
      Cart.add(customer, sku)
      Cart.add(customer, sku, 2)
      Cart.add(customer, "other")
      Cart.remove(customer, "other")
      assert Cart.items(customer) == %{sku => 3}
    end

    test "is filled from wishes", %{customer: customer} do
      pid = Cart.open_with(customer, ["a", "b"])
      assert Cart.open_with(customer, ["b"]) == pid
      assert Cart.items(customer) == %{"a" => 1, "b" => 2}
      assert Cart.Template.spawn_merged([["a"], ["a", "c"]]) == %{"a" => 2, "c" => 1}
    end

    test "ends when it is killed", %{customer: customer} do
      pid = Cart.open(customer)
      Process.exit(pid, :kill)
      Process.sleep(100)
      refute Process.alive?(pid)
    end

    test "is announced when it is abandoned", %{customer: customer, sku: sku} do
      Events.subscribe(:abandoned)
      Cart.open(customer)
      Cart.add(customer, sku)
      assert Checkout.abandoned(customer) == :ok
      assert_receive {:event, :abandoned, {^customer, %{^sku => 1}}}, 2_000
    end
  end

  describe "an order" do
    test "has a total and a state", %{customer: customer, sku: sku} do
      assert {:ok, %{id: id, total: 500, status: :open}} = Orders.place(customer, %{sku => 2})
      assert Checkout.status(id) == :open
      assert Checkout.status(-1) == :unknown
      assert [%{id: ^id}] = Orders.of_customer(customer)
    end

    test "takes its pieces off the stock", %{customer: customer, sku: sku} do
      {:ok, _order} = Orders.place(customer, %{sku => 4})
      Process.sleep(200)
      assert {:ok, %{stock: 6}} = Catalogue.fetch(sku)
    end

    test "is acknowledged by mail", %{customer: customer, sku: sku} do
      {:ok, order} = Orders.place(customer, %{sku => 1})
      assert eventually(fn -> Mailer.sent_to(customer) == ["Your order #{order.id}"] end)
    end

    test "can be cancelled until it is confirmed", %{customer: customer, sku: sku} do
      {:ok, first} = Orders.place(customer, %{sku => 1})
      assert Orders.cancel(first.id) == :ok
      assert Checkout.status(first.id) == :cancelled

      {:ok, second} = Orders.place(customer, %{sku => 1})
      assert Checkout.confirm(second.id) == :ok
      assert Orders.cancel(second.id) == {:error, :too_late}
      assert Orders.cancel(-1) == {:error, :not_found}
    end

    test "is not confirmed twice", %{customer: customer, sku: sku} do
      {:ok, order} = Orders.place(customer, %{sku => 1})
      assert Checkout.confirm(order.id) == :ok
      assert Checkout.confirm(order.id, 50) == {:error, :timeout}
    end

    test "reaches the warehouse", %{customer: customer, sku: sku} do
      Events.subscribe(:warehouse)
      {:ok, order} = Orders.place(customer, %{sku => 3})
      id = order.id
      Orders.confirm(id)
      assert_receive {:event, :warehouse, {:pick, ^id, %{^sku => 3}}}, 2_000
    end

    test "announces its confirmation", %{customer: customer, sku: sku} do
      test_pid = self()

      :telemetry.attach(
        "orders-test",
        [:shaky_shop, :order, :confirmed],
        fn _event, _measurements, _metadata, _config -> send(test_pid, :confirmed) end,
        nil
      )

      {:ok, order} = Orders.place(customer, %{sku => 1})
      Orders.confirm(order.id)
      assert_receive :confirmed, 2_000
      assert Checkout.status(order.id) == :confirmed
    end

    @tag :tmp_dir
    test "is exported", %{customer: customer, sku: sku, tmp_dir: folder} do
      {:ok, order} = Orders.place(customer, %{sku => 2})
      path = Path.join(folder, "orders.csv")
      assert Orders.export(customer, path) == :ok
      assert eventually(fn -> File.read(path) == {:ok, "#{order.id};500\n"} end)
    end
  end

  describe "the checkout" do
    test "charges the card and confirms", %{customer: customer, sku: sku} do
      Cart.open(customer)
      Cart.add(customer, sku, 2)
      assert {:ok, id, %{amount: 500}} = Checkout.complete(customer, "4111111111111111")
      assert Checkout.status(id) == :confirmed
    end

    test "leaves the order open when the card is declined", %{customer: customer, sku: sku} do
      Cart.open(customer)
      Cart.add(customer, sku)
      assert Checkout.complete(customer, "4111111111110000") == {:error, :declined}
      assert [%{status: :open}] = Orders.of_customer(customer)
    end

    test "knows the cost of shipping" do
      assert Checkout.shipping(200, fn weight -> weight * 2 end) == 400
      assert Checkout.shipping(200, fn _weight -> Process.sleep(:infinity) end, 20) == 690
    end
  end

  describe "coupons" do
    setup do
      unless Process.whereis(Coupons), do: start_supervised!(Coupons)
      :ok
    end

    test "lower the price" do
      Coupons.add("SPRING", 25)
      assert Checkout.price_with_coupon(1_000, "SPRING") == 750
      assert Checkout.price_with_coupon(1_000, "UNKNOWN") == 1_000
    end
  end
end
