defmodule ShakyShop.Uploads do
  @moduledoc """
  Pictures of products: storing, previews, and the folder that suppliers drop
  their files into.
  """

  require Logger

  alias ShakyShop.Metrics

  @poll_ms 50

  @doc """
  Stores a picture and returns its path.

  The preview follows in the background.

      path = Uploads.store("/srv/pictures", "pot.jpg", data)
      # the same by hand: Task.start(fn -> Uploads.preview(path) end)
  """
  def store(folder, name, data) do
    Process.put(:upload_folder, folder)
    path = target(name)
    File.mkdir_p!(Path.dirname(path))
    File.write!(path, data)
    Task.start(fn -> preview(path) end)
    path
  end

  @doc "Writes the preview of a picture beside it."
  def preview(path) do
    path |> File.read!() |> binary_slice(0, 16) |> then(&File.write!(path <> ".preview", &1))
    Metrics.increment(:previews)
  rescue
    _error -> :skipped
  end

  @doc "Replaces the list of pictures in `folder`."
  def write_manifest(folder) do
    manifest = Path.join(folder, "manifest.txt")
    names = folder |> File.ls!() |> Enum.reject(&(&1 == "manifest.txt")) |> Enum.sort()
    File.rm(manifest)
    File.write!(manifest, Enum.map(names, &(&1 <> "\n")))
    names
  end

  @doc """
  Tells `listener` about each new file in `folder` with `{:new_file, name}`.

  Send `:stop` to the watcher to end it.
  """
  def watch(folder, listener) do
    pid = spawn(fn -> watch_loop(folder, listener, MapSet.new()) end)
    Logger.debug("watching #{folder} in #{inspect(pid)}")
    {:ok, pid}
  end

  @doc """
  The checksums of the files, `:error` for the ones that can't be read.
  """
  def checksums(paths) do
    tasks = Enum.map(paths, &{&1, Task.async(fn -> checksum(&1) end)})

    Map.new(tasks, fn {path, task} ->
      case Task.yield(task, 2_000) || Task.shutdown(task, :brutal_kill) do
        {:ok, result} -> {path, result}
        _late -> {path, :error}
      end
    end)
  end

  defp checksum(path) do
    case File.read(path) do
      {:ok, data} -> :erlang.crc32(data)
      {:error, _reason} -> :error
    end
  end

  defp target(name) do
    :upload_folder |> Process.get() |> Path.join(name)
  end

  defp watch_loop(folder, listener, seen) do
    receive do
      :stop -> :ok
    after
      @poll_ms ->
        now = folder |> File.ls!() |> MapSet.new()
        for name <- MapSet.difference(now, seen), do: send(listener, {:new_file, name})
        watch_loop(folder, listener, now)
    end
  end
end
