# elixir format.exs FOLDER: lays out each file below it in place, and prints the names of those that changed.
# What can't be parsed is left alone and printed with a sign in front.
[folder] = System.argv()

format = fn path ->
  text = File.read!(path)

  try do
    formatted = IO.iodata_to_binary([Code.format_string!(text), "\n"])
    if formatted != text, do: File.write!(path, formatted)
    if formatted != text, do: path
  rescue
    _error -> "!" <> path
  end
end

Path.wildcard(Path.join(folder, "*"))
|> Task.async_stream(format, timeout: :infinity)
|> Enum.each(fn {:ok, path} -> if path, do: IO.puts(path) end)
