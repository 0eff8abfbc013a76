# elixir compile.exs FOLDER: compiles each folder in it as a project of its own, one after another in this
# one process, and writes the first lines of what the compiler says of each to FOLDER/NAME/said.
#
# What a project uses and does not have (Phoenix, Ecto) is stood in for by empty modules; telemetry, which
# fixes call, by its functions.
[folder] = System.argv()
ExUnit.start(autorun: false)
Code.put_compiler_option(:ignore_module_conflict, true)

defmodule :telemetry do
  def attach(_id, _event, _function, _config), do: :ok
  def attach_many(_id, _events, _function, _config), do: :ok
  def detach(_id), do: :ok
  def execute(_event, _measurements, _metadata), do: :ok
end

stubs = fn text ->
  for [_, _, name] <- Regex.scan(~r/^\s*(use|import|require) ([A-Z][\w.]*)/m, text),
      not Code.ensure_loaded?(Module.concat([name])),
      not String.contains?(text, "defmodule #{name} do"),
      uniq: true,
      do: "defmodule #{name} do\n  defmacro __using__(_), do: nil\nend\n"
end

for name <- Enum.sort(File.ls!(folder)) do
  root = Path.join(folder, name)
  texts = for path <- Enum.sort(Path.wildcard(Path.join(root, "**/*.{ex,exs}"))), do: File.read!(path)
  parts = for text <- texts, do: String.trim_leading(text, "\uFEFF")
  whole = Enum.join(stubs.(Enum.join(parts, "\n")) ++ parts, "\n")

  said =
    ExUnit.CaptureIO.capture_io(:stderr, fn ->
      try do
        for {module, _} <- Code.compile_string(whole, "all.ex") do
          :code.purge(module)
          :code.delete(module)
        end
      rescue
        error -> IO.puts(:stderr, "does not compile: #{Exception.message(error)}")
      end
    end)

  lines = for line <- String.split(said, "\n"), line =~ ~r/^(warning|error|does not compile): /, do: line
  File.write!(Path.join(root, "said"), Enum.join(lines, "\n"))
end
