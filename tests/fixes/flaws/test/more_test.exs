defmodule ShakyShop.MoreTest do
  use ExUnit.Case

  alias ShakyShop.More

  test "what is started together comes back together" do
    assert More.Dashboard.load(1) == {{:orders, 1}, {:carts, 1}}
  end

  test "visitors are counted" do
    visitors = start_supervised!(More.Visitors)
    assert More.Visitors.join(visitors, self()) == :ok
    assert More.Visitors.count(visitors) == 1
  end

  test "only known fields have errors" do
    assert More.Errors.to_list([:price], %{"price" => "too low"}) == [price: "too low"]
  end

  test "the till knows its sum" do
    assert More.Till.total(start_supervised!({More.Till, 3})) == 3
  end

  test "a worker is stopped" do
    {worker, ref} = spawn_monitor(fn -> Process.sleep(:infinity) end)
    More.Workers.stop(worker)
    assert_receive {:DOWN, ^ref, :process, ^worker, _reason}
  end

  test "the trainer stays" do
    trainer = start_supervised!(More.Trainer)
    assert More.Trainer.train(trainer, self()) == :ok
    assert_receive :trained
    assert More.Trainer.train(trainer, self()) == :ok
  end

  test "rates are there at the first question" do
    assert More.Rates.all(start_supervised!({More.Rates, base: 2})) == [2]
  end

  test "lines are imported" do
    assert More.Import.run(__ENV__.file) > 10
  end

  test "a host is scanned" do
    start_supervised!({More.Scanner, prefix: "host"})
    assert More.Scanner.scan("a") == "host a\n"
  end

  test "the office has a diary" do
    assert Code.ensure_loaded?(More.Office)
  end

  test "a run begins" do
    start_supervised!(More.Races)
    assert {:ok, _pid} = More.Run.begin("a")
  end

  test "rates are asked for" do
    start_supervised!({Task.Supervisor, name: More.Tasks})
    exchange = start_supervised!({More.Exchange, url: "here"})
    send(exchange, :load)
    assert More.Exchange.rates(exchange) in [nil, ["here"]]
  end

  test "a letter arrives" do
    assert More.Letters.confirm("hello", self()) == :ok
    assert_receive {:mail, "hello"}
  end

  test "an order is answered" do
    ledger = spawn_link(fn -> answer() end)
    assert More.Ledger.place(ledger, 1) == :placed
  end

  defp answer do
    receive do
      {:"$gen_call", from, {:place, _order}} -> GenServer.reply(from, :placed)
    end
  end

  test "a transfer is taken" do
    start_supervised!(More.Bank)
    assert More.Bank.transfer(:a, :b, 1) == :ok
  end

  test "the ticker ticks" do
    ticker = start_supervised!(More.Ticker)
    send(ticker, :tick)
    assert More.Ticker.ticks(ticker) == 1
  end

  test "a sale is counted" do
    counter = :counters.new(1, [])
    :ok = More.SalesLog.setup(counter)
    on_exit(fn -> :telemetry.detach("more-sales-log") end)
    :telemetry.execute([:more, :sale], %{price: 3}, %{})
    assert :counters.get(counter, 1) == 3
  end

  test "there are hands" do
    assert Code.ensure_loaded?(More.Hands)
  end

  test "fees are added" do
    assert More.Fees.with_fee(1) == 2
  end
end
