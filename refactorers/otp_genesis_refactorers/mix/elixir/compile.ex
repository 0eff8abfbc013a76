defmodule Mix.Tasks.OtpGenesis.Compile do
  @moduledoc false
  # Compiles, and reports every diagnostic, those of files that need no compilation too.

  use Mix.Task

  alias OtpGenesis.Report

  @impl true
  def run(arguments) do
    outcomes =
      List.wrap(Mix.Task.run("compile", ["--return-errors", "--all-warnings" | arguments]))

    for {status, diagnostics} <- outcomes do
      Enum.each(diagnostics, &report/1)
      Report.write(%{event: "compiled", status: status})
    end

    if Enum.any?(outcomes, &match?({:error, _diagnostics}, &1)), do: exit({:shutdown, 1})
  end

  defp report(diagnostic) do
    Report.write(%{
      event: "diagnostic",
      file: path(diagnostic.file),
      line: line(diagnostic.position),
      severity: diagnostic.severity,
      message: to_string(diagnostic.message),
      compiler: diagnostic.compiler_name
    })
  end

  defp path(nil), do: ""
  defp path(file), do: to_string(file)

  defp line(line) when is_integer(line), do: line
  defp line(position) when is_tuple(position), do: elem(position, 0)
  defp line(_none), do: 0
end
