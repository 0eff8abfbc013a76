defmodule ShakyShop.Mailer do
  @moduledoc """
  Hands mail to the relay and remembers what was sent lately.

  Other parts of the shop send `{:deliver, address, subject, body}`.
  """

  use GenServer

  require Logger

  @keep 500
  @relay_pause 10

  def start_link(_opts) do
    GenServer.start_link(__MODULE__, [], name: __MODULE__)
  end

  @doc "Delivers one mail and waits for the relay to take it."
  def deliver(%{to: _, subject: _, body: _} = mail) do
    GenServer.call(__MODULE__, {:relay, mail})
  end

  @doc "The subjects of the mails sent to `address`, latest first."
  def sent_to(address), do: GenServer.call(__MODULE__, {:sent_to, address})

  @doc "The name under which we greet the relay."
  def hostname, do: GenServer.call(__MODULE__, :hostname)

  @doc """
  Sends a newsletter to every one of `addresses`.

  The deliveries run under the mail supervisor. When that has its hands full,
  the rest is sent anyway, a newsletter should not wait for the next day.
  """
  def broadcast(addresses, subject, body) do
    for address <- addresses do
      mail = %{to: address, subject: subject, body: body}

      case DynamicSupervisor.start_child(
             ShakyShop.MailSupervisor,
             {Task, fn -> deliver(mail) end}
           ) do
        {:ok, _pid} -> :ok
        {:error, :max_children} -> spawn(fn -> deliver(mail) end)
      end
    end

    :ok
  end

  @impl true
  def init(_opts) do
    {host, 0} = System.cmd("uname", ["-n"])
    {:ok, %{hostname: String.trim(host), sent: [], sender: sender()}}
  end

  @impl true
  def handle_call({:relay, mail}, _from, state) do
    # The relay throttles senders that talk without a pause.
    Process.sleep(@relay_pause)
    {:reply, :ok, remember(state, mail)}
  end

  def handle_call({:sent_to, address}, _from, state) do
    subjects = for mail <- state.sent, mail.to == address, do: mail.subject
    {:reply, subjects, state}
  end

  def handle_call(:hostname, _from, state), do: {:reply, state.hostname, state}

  @impl true
  def handle_info({:deliver, address, subject, body}, state) do
    {:noreply, remember(state, %{to: address, subject: subject, body: body})}
  end

  def handle_info(other, state) do
    Logger.warning("mailer got #{inspect(other)}")
    {:noreply, state}
  end

  defp remember(state, mail) do
    Logger.debug("mail from #{state.sender} to #{mail.to}: #{mail.subject}")
    %{state | sent: Enum.take([mail | state.sent], @keep)}
  end

  defp sender, do: Application.fetch_env!(:shaky_shop, :sender)
end
