defmodule ShakyShop.More.Postman do
  use GenServer

  def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)

  @impl true
  def init(opts), do: {:ok, opts}

  @impl true
  def handle_info({:deliver, mail, whom}, state) do
    send(whom, {:mail, mail})
    {:noreply, state}
  end
end

defmodule ShakyShop.More.Letters do
  alias ShakyShop.More.Postman

  def confirm(mail, whom) do
    send(Postman, {:deliver, mail, whom})
    :ok
  end
end
