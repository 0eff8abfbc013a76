defmodule Mix.Tasks.OtpGenesis.Formatted do
  @moduledoc false
  # Reports which of the files given are not as the project's formatter would leave them.

  use Mix.Task

  alias OtpGenesis.Report

  @impl true
  def run(paths) do
    unformatted = Enum.reject(paths, &formatted?/1)
    Enum.each(unformatted, &Report.write(%{event: "unformatted", file: &1}))
    Report.write(%{event: "finished"})
    if unformatted != [], do: exit({:shutdown, 1})
  end

  defp formatted?(path) do
    {format, _options} = Mix.Tasks.Format.formatter_for_file(path)
    text = File.read!(path)
    format.(text) == text
  rescue
    # Text that does not parse is not formatted. What is wrong with it, compiling it will say.
    _error in [SyntaxError, TokenMissingError] -> false
  end
end
