defmodule Mix.Tasks.OtpGenesis.ExecutedLines do
  @moduledoc false
  # Runs the tests, and reports how often they ran each line of the files named, with commas between
  # them, by the first argument.

  use Mix.Task

  alias OtpGenesis.Report

  @impl true
  def run([files | arguments]) do
    wanted = files |> String.split(",") |> Enum.map(&Path.expand/1)
    Mix.Task.run("compile")
    if function_exported?(Mix, :ensure_application!, 1), do: Mix.ensure_application!(:tools)
    {:ok, _cover} = :cover.start()
    modules = for {:ok, module} <- covered(Mix.Project.compile_path()), source(module) in wanted, do: module
    Mix.Task.run("test", arguments)
    Enum.each(modules, &report/1)
  end

  defp covered(folder), do: List.wrap(:cover.compile_beam_directory(String.to_charlist(folder)))

  defp report(module) do
    {:ok, calls} = :cover.analyse(module, :calls, :line)

    for {{^module, line}, count} <- calls, line > 0 do
      Report.write(%{
        event: "line",
        file: Path.relative_to_cwd(source(module)),
        line: line,
        count: count
      })
    end
  end

  defp source(module), do: to_string(module.module_info(:compile)[:source])
end
