"""A small mix project that models are asked about."""

APPLICATION = {
    "mix.exs": """\
defmodule Demo.MixProject do
  use Mix.Project

  def project, do: [app: :demo, version: "0.1.0"]
  def application, do: [mod: {Demo.Application, []}]
end
""",
    "lib/demo/application.ex": """\
defmodule Demo.Application do
  use Application

  def start(_type, _args) do
    children = [{Task.Supervisor, name: Demo.TaskSupervisor}]
    Supervisor.start_link(children, strategy: :one_for_one)
  end
end
""",
}
