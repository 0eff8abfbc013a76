defmodule Depot.Labels do
  @moduledoc "Prints the labels of items."

  @doc "Prints a label, slowly, and hands it over."
  def print(item, receiver) do
    label = item |> String.trim() |> String.upcase()
    send(receiver, {:printed, label})
    label
  end
end
