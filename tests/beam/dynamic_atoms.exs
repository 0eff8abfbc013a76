# Each new text that becomes an atom is one more entry for ever; to_existing_atom raises instead.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule DynamicAtomsTest do
  use ExUnit.Case

  defp texts, do: for(_ <- 1..500, do: "text_" <> Base.encode16(:crypto.strong_rand_bytes(8)))
  defp count, do: :erlang.system_info(:atom_count)

  test "String.to_atom makes one atom for each text, and no garbage collection takes it away" do
    texts = texts()
    before = count()
    Enum.each(texts, &String.to_atom/1)
    for pid <- Process.list(), do: :erlang.garbage_collect(pid)
    assert count() >= before + 500
  end

  test "so does an atom with an interpolation" do
    texts = texts()
    before = count()
    Enum.each(texts, fn text -> :"#{text}" end)
    assert count() >= before + 500
  end

  test "String.to_existing_atom gives the same atom for a known text, and raises for a new one" do
    assert String.to_existing_atom("ok") == String.to_atom("ok")

    for text <- texts() do
      assert_raise ArgumentError, fn -> String.to_existing_atom(text) end
      assert_raise ArgumentError, fn -> List.to_existing_atom(~c"#{text}") end
      assert_raise ArgumentError, fn -> Module.safe_concat(Elixir, text) end
    end
  end

  test "the table of atoms has a limit" do
    assert :erlang.system_info(:atom_limit) == 1_048_576
  end
end
