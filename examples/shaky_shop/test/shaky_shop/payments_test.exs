defmodule ShakyShop.PaymentsTest do
  use ExUnit.Case, async: true

  alias ShakyShop.Payments
  alias ShakyShop.Payments.Ledger

  @card "4111111111111111"

  defmodule BrokenGateway do
    def charge(_card, _amount), do: exit(:connection_lost)
    def check(_card), do: exit(:connection_lost)
  end

  defmodule SlowGateway do
    def charge("slow", _amount), do: Process.sleep(:infinity)
    def charge(_card, amount), do: {:ok, %{reference: "fast", amount: amount}}
  end

  defp restore_gateway do
    before = Application.fetch_env!(:shaky_shop, :payment_gateway)
    on_exit(fn -> Application.put_env(:shaky_shop, :payment_gateway, before) end)
  end

  test "a charge gives a receipt" do
    assert {:ok, %{amount: 1_200, reference: "sandbox-" <> _rest}} = Payments.charge(@card, 1_200)
  end

  test "a card can be declined" do
    assert Payments.charge("4111111111110000", 1) == {:error, :declined}
  end

  test "a refund returns the amount" do
    {:ok, receipt} = Payments.charge(@card, 300)
    assert Payments.refund(receipt) == {:ok, {receipt.reference, -300}}
  end

  @tag :capture_log
  test "a gateway that fails doesn't take the payments down" do
    restore_gateway()
    Application.put_env(:shaky_shop, :payment_gateway, BrokenGateway)
    pid = Process.whereis(Payments)
    assert Payments.charge(@card, 1) == {:error, :gateway_failed}
    refute Payments.valid_card?(@card)
    assert Process.whereis(Payments) == pid
  end

  test "a slow charge doesn't hold up the next one" do
    restore_gateway()
    Application.put_env(:shaky_shop, :payment_gateway, SlowGateway)
    waiting = spawn(fn -> Payments.charge("slow", 1) end)
    assert {:ok, %{reference: "fast"}} = Payments.charge(@card, 2)
    assert Process.alive?(waiting)
    Process.exit(waiting, :kill)
  end

  test "cards are checked" do
    assert Payments.valid_card?(@card)
    refute Payments.valid_card?("41-11")
  end

  test "the ledger adds up" do
    unless Process.whereis(Ledger), do: start_supervised!(Ledger)
    account = make_ref()
    assert Ledger.book(account, 500) == {:ok, 500}
    assert Ledger.book(account, -200) == {:ok, 300}
    assert Ledger.balance(account) == 300
  end
end
