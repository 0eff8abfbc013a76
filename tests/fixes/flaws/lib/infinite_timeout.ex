defmodule ShakyShop.More.Till do
  use Agent

  def start_link(sum), do: Agent.start_link(fn -> sum end)
  def total(till), do: GenServer.call(till, {:get, & &1}, :infinity)
end
