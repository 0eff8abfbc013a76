# A telemetry handler outlives who attached it: the next one finds its id taken, and the old one goes on.
ExUnit.start(capture_log: true, assert_receive_timeout: 5_000)

# A dispatcher with the interface of the telemetry library, from the example project.
source = Path.expand("../../examples/shaky_shop/src/telemetry.erl", __DIR__)
{:ok, :telemetry, binary} = :compile.file(String.to_charlist(source), [:binary])
{:module, :telemetry} = :code.load_binary(:telemetry, 'telemetry.erl', binary)

defmodule Strict do
  use GenServer

  def init(test) do
    :ok = :telemetry.attach("counter", [:sale], &__MODULE__.forward/4, {test, self()})
    {:ok, test}
  end

  def forward(_event, _measurements, _metadata, {test, server}), do: send(test, {:told_by, server})
end

defmodule Tidy do
  use GenServer

  def init(test) do
    :telemetry.detach("counter")
    :ok = :telemetry.attach("counter", [:sale], &Strict.forward/4, {test, self()})
    {:ok, test}
  end
end

defmodule HandlerLeftBehindTest do
  use ExUnit.Case, async: false

  setup_all do
    :telemetry.init()
    :ok
  end

  setup do
    Process.flag(:trap_exit, true)
    on_exit(fn -> :telemetry.detach("counter") end)
  end

  defp killed(server) do
    Process.exit(server, :kill)
    assert_receive {:EXIT, ^server, :killed}
  end

  test "old: a server that starts again finds the id taken and does not start" do
    {:ok, first} = GenServer.start_link(Strict, self())
    killed(first)
    assert {:error, {{:badmatch, {:error, :already_exists}}, _}} = GenServer.start_link(Strict, self())

    :telemetry.execute([:sale], %{}, %{})
    assert_receive {:told_by, ^first}
  end

  test "new: with the old handler detached first it starts, and is the one that is told" do
    {:ok, first} = GenServer.start_link(Tidy, self())
    killed(first)
    assert {:ok, second} = GenServer.start_link(Tidy, self())

    :telemetry.execute([:sale], %{}, %{})
    assert_receive {:told_by, ^second}
    refute_received {:told_by, ^first}
  end

  test "new: detached when a test is over, it is not told any more" do
    test = self()
    :ok = :telemetry.attach("counter", [:sale], fn _, _, _, _ -> send(test, :told) end, nil)
    :ok = :telemetry.detach("counter")
    :telemetry.execute([:sale], %{}, %{})
    refute_received :told
  end
end
