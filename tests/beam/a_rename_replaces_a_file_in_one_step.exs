# Between `File.rm` and `File.write!` there is no file; a rename replaces it in one step.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule ARenameReplacesAFileInOneStepTest do
  use ExUnit.Case, async: true

  setup do
    path = Path.join(System.tmp_dir!(), "rename_#{System.unique_integer([:positive])}_#{System.pid()}.json")
    File.write!(path, "old")
    on_exit(fn -> Enum.each([path, path <> ".tmp"], &File.rm/1) end)
    %{path: path}
  end

  # What a reader finds after each step of a replacement.
  defp seen(path, steps) do
    Enum.map(steps, fn step ->
      step.()
      File.read(path)
    end)
  end

  test "removed and written, there is a moment without a file", %{path: path} do
    steps = [fn -> File.rm(path) end, fn -> File.write!(path, "new") end]
    assert seen(path, steps) == [{:error, :enoent}, {:ok, "new"}]
  end

  test "written beside it and renamed, there is always one", %{path: path} do
    tmp = path <> ".tmp"
    steps = [fn -> File.write!(tmp, "new") end, fn -> File.rename!(tmp, path) end]
    assert seen(path, steps) == [{:ok, "old"}, {:ok, "new"}]
  end

  test "opening a file to write it empties it first", %{path: path} do
    device = File.open!(path, [:write])
    assert File.read(path) == {:ok, ""}
    File.close(device)
  end

  test "of two that make a file with :exclusive one is told that it is there", %{path: path} do
    assert {:error, :eexist} = File.open(path, [:write, :exclusive])
  end

  test "what was there is gone when it is read", %{path: path} do
    assert File.exists?(path)
    File.rm!(path)
    assert_raise File.Error, fn -> File.read!(path) end
    assert {:error, :enoent} = File.read(path)
  end
end
