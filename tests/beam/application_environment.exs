# The application environment is one table for the whole node: nobody is told of a change, two that change a value in
# two steps lose one change, and what was put is gone with the node and not with the application.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule Flags do
  use GenServer
  def init(nil), do: {:ok, Application.get_env(:shop, :discount)}
  def handle_call(:discount, _from, discount), do: {:reply, discount, discount}
end

defmodule ApplicationEnvironmentTest do
  use ExUnit.Case, async: false

  setup do
    on_exit(fn -> Application.delete_env(:shop, :discount) end)
  end

  test "a process that has read the value is not told of another" do
    Application.put_env(:shop, :discount, 5)
    {:ok, flags} = GenServer.start_link(Flags, nil)
    Application.put_env(:shop, :discount, 50)
    assert GenServer.call(flags, :discount) == 5
  end

  test "two reads of one run see two values when the flag is changed between them" do
    Application.put_env(:shop, :discount, false)
    test = self()

    request =
      Task.async(fn ->
        first = Application.get_env(:shop, :discount)
        send(test, :half)

        receive do
          :go_on -> {first, Application.get_env(:shop, :discount)}
        end
      end)

    assert_receive :half
    Application.put_env(:shop, :discount, true)
    send(request.pid, :go_on)
    assert Task.await(request) == {false, true}
  end

  test "of two that read and write in two steps one loses its change" do
    Application.put_env(:shop, :discount, %{})
    test = self()

    workers =
      for key <- [:a, :b] do
        spawn_link(fn ->
          discount = Application.get_env(:shop, :discount)
          send(test, {:has_read, self()})

          receive do
            :write -> Application.put_env(:shop, :discount, Map.put(discount, key, true))
          end

          send(test, {:has_written, self()})
        end)
      end

    for worker <- workers, do: assert_receive({:has_read, ^worker})

    for worker <- workers do
      send(worker, :write)
      assert_receive {:has_written, ^worker}
    end

    assert Application.get_env(:shop, :discount) == %{b: true}
  end

  test "stopping and starting an application leaves the value as it is" do
    :ok =
      :application.load(
        {:application, :shop, [vsn: '1', modules: [], registered: [], applications: [:kernel]]}
      )

    :ok = Application.start(:shop)
    Application.put_env(:shop, :discount, 50)
    :ok = Application.stop(:shop)
    :ok = Application.start(:shop)
    assert Application.get_env(:shop, :discount) == 50
    Application.stop(:shop)
    Application.unload(:shop)
  end
end
