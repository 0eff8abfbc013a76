defmodule Depot.Application do
  use Application

  @impl true
  def start(_type, _args) do
    children = [Depot.Shelves]

    Supervisor.start_link(children, strategy: :one_for_one, name: Depot.Supervisor)
  end
end
