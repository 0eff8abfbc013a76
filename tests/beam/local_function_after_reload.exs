# A local function belongs to one version of its module, `&Mod.fun/4` to whichever is loaded. So a handler that is
# kept in a table, as telemetry keeps them, fails once its version was purged.
ExUnit.start(assert_receive_timeout: 5_000)

defmodule LocalFunctionAfterReloadTest do
  use ExUnit.Case, async: false

  @compile {:no_warn_undefined, Reloaded}

  setup do
    Code.put_compiler_option(:ignore_module_conflict, true)
    load("first")
    table = :ets.new(:handlers, [:public])
    :ets.insert(table, {:local, Reloaded.local()})
    :ets.insert(table, {:anonymous, Reloaded.anonymous()})
    :ets.insert(table, {:external, &Reloaded.handle/0})
    {:ok, table: table}
  end

  # In a process of its own: purging a version ends the processes that still hold a function of it.
  defp load(version) do
    code = """
    defmodule Reloaded do
      def handle, do: #{inspect(version)}
      def local, do: &handle/0
      def anonymous, do: fn -> #{inspect(version)} end
    end
    """

    fn -> Code.compile_string(code) end |> Task.async() |> Task.await()
  end

  defp handled(table, kind) do
    Task.await(
      Task.async(fn ->
        [{^kind, function}] = :ets.lookup(table, kind)

        try do
          function.()
        rescue
          error in BadFunctionError -> error.__struct__
        end
      end)
    )
  end

  test "a handler that names its module runs the code that is loaded, others fail in time", %{
    table: table
  } do
    assert handled(table, :local) == "first"
    load("second")
    assert handled(table, :external) == "second"
    assert handled(table, :local) == "first"

    load("third")
    assert handled(table, :external) == "third"
    assert handled(table, :local) == BadFunctionError
    assert handled(table, :anonymous) == BadFunctionError
  end
end
