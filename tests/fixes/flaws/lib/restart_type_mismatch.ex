defmodule ShakyShop.More.Import do
  use Task, restart: :permanent

  def start_link(path), do: Task.start_link(__MODULE__, :run, [path])

  def run(path) do
    path |> File.stream!() |> Enum.count()
  end
end
