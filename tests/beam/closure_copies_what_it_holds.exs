# What a function holds on to is copied into the process that runs it, not only the part that it reads.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule ClosureCopiesWhatItHoldsTest do
  use ExUnit.Case, async: true

  # The words that the term takes in the process that runs the function.
  defp words_held(fun) do
    test = self()

    pid =
      spawn(fn ->
        receive do: (:run -> send(test, {:ran, fun.()}))
      end)

    {:total_heap_size, words} = Process.info(pid, :total_heap_size)
    send(pid, :run)
    assert_receive {:ran, "1.2.3.4"}
    words
  end

  test "the whole value goes along with a function that reads one field" do
    conn = %{remote_ip: "1.2.3.4", assigns: Enum.to_list(1..50_000)}
    remote_ip = conn.remote_ip

    assert words_held(fn -> conn.remote_ip end) > 100_000
    assert words_held(fn -> remote_ip end) < 10_000
  end
end
