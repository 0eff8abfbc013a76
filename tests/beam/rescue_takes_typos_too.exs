# `rescue _` takes a call of a function that doesn't exist as well as the failure that was thought of.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule RescueTakesTyposTooTest do
  use ExUnit.Case, async: true

  defmodule Timeout do
    defexception message: "timeout"
  end

  defmodule Gateway do
    def charge(:slow), do: raise(Timeout)
  end

  defp everything(function, card) do
    apply(Gateway, function, [card])
  rescue
    _ -> {:error, :failed}
  end

  defp expected(function, card) do
    apply(Gateway, function, [card])
  rescue
    error in [Timeout] -> {:error, error}
  end

  test "the expected failure, a typo and a wrong argument look the same" do
    assert everything(:charge, :slow) == {:error, :failed}
    assert everything(:chrage, :slow) == {:error, :failed}
    assert everything(:charge, :nonsense) == {:error, :failed}
  end

  test "named, only the expected one is taken" do
    assert expected(:charge, :slow) == {:error, %Timeout{}}
    assert_raise UndefinedFunctionError, fn -> expected(:chrage, :slow) end
    assert_raise FunctionClauseError, fn -> expected(:charge, :nonsense) end
  end

  test "a monitor learns of a crash only when nothing swallows it" do
    {_, swallowed} = spawn_monitor(fn -> exit(everything(:charge, :slow)) end)
    assert_receive {:DOWN, ^swallowed, :process, _, {:error, :failed}}
    {_, seen} = spawn_monitor(fn -> exit(expected(:charge, :slow)) end)
    assert_receive {:DOWN, ^seen, :process, _, {:error, %Timeout{}}}
  end
end
