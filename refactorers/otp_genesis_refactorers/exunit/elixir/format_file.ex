defmodule Mix.Tasks.OtpGenesis.FormatFile do
  @moduledoc false
  # Reports a file as the project's formatter would leave it, which may have plugins.

  use Mix.Task

  alias OtpGenesis.Report

  @impl true
  def run([path]) do
    {format, _options} = Mix.Tasks.Format.formatter_for_file(path)
    Report.write(%{event: "formatted", text: path |> File.read!() |> format.()})
  end
end
