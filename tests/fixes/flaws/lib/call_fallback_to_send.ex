defmodule ShakyShop.More.Ledger do
  def place(pid, order) do
    try do
      GenServer.call(pid, {:place, order}, 500)
    catch
      :exit, _ ->
        send(pid, {:place, order})
        {:ok, :sent}
    end
  end
end
