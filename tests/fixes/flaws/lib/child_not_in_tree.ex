defmodule ShakyShop.More.Clock do
  use Agent

  def start_link(_opts), do: Agent.start_link(fn -> 12 end, name: __MODULE__)
  def hour, do: Agent.get(__MODULE__, & &1)
end

defmodule ShakyShop.More.Hands do
  def show, do: "#{ShakyShop.More.Clock.hour()}:00"
end
