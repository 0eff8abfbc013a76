defmodule ShakyShop.More.Workers do
  def stop(worker) do
    Process.exit(worker, :kill)
  end
end
