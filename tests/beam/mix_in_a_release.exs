# Mix is a tool of the build, and no part of a release: a function that asks it at run time raises there.
ExUnit.start(assert_receive_timeout: 5_000)
{:ok, _} = Application.ensure_all_started(:mix)

defmodule MixInAReleaseTest do
  use ExUnit.Case, async: true

  @code """
  defmodule Shop do
    @environment Mix.env()

    def in_the_body, do: @environment
    def at_run_time, do: Mix.env()

    def both do
      IO.inspect(in_the_body())

      try do
        IO.inspect(at_run_time())
      rescue
        error -> IO.puts(Exception.message(error))
      end
    end
  end
  """

  # A virtual machine with Elixir on its code path and without Mix, as that of a release.
  defp in_a_release(binary, call) do
    folder =
      Path.join(System.tmp_dir!(), "shop-#{System.pid()}-#{System.unique_integer([:positive])}")

    File.mkdir_p!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    File.write!(Path.join(folder, "Elixir.Shop.beam"), binary)
    elixir = Path.join(to_string(:code.lib_dir(:elixir)), "ebin")
    code = "application:ensure_all_started(elixir), #{call}, init:stop()."
    erl = System.find_executable("erl")
    {output, 0} = System.cmd(erl, ["-noshell", "-pa", elixir, "-pa", folder, "-eval", code])
    output
  end

  test "what the body of the module has read is known, what a function asks for is not" do
    [{Shop, binary}] = Code.compile_string(@code)
    assert apply(Shop, :at_run_time, []) == :dev

    output = in_a_release(binary, "'Elixir.Shop':both()")
    assert output =~ ":dev\n"
    assert output =~ "function Mix.env/0 is undefined (module Mix is not available)"
  end
end
