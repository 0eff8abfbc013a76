# What the body of a module reads is read once, while it is compiled: what is configured later changes nothing.
ExUnit.start(assert_receive_timeout: 5_000)

Application.put_env(:shop, :url, "built")
System.put_env("SHOP_POOL", "10")

defmodule Shop do
  @url Application.get_env(:shop, :url)
  @pool System.get_env("SHOP_POOL")

  def in_the_body, do: {@url, @pool}
  def in_a_function, do: {Application.fetch_env!(:shop, :url), System.fetch_env!("SHOP_POOL")}
end

defmodule CompileTimeConfigTest do
  use ExUnit.Case, async: false

  test "an attribute keeps the value of the build, a function reads today's" do
    assert Shop.in_the_body() == {"built", "10"}
    assert Shop.in_a_function() == {"built", "10"}

    Application.put_env(:shop, :url, "deployed")
    System.put_env("SHOP_POOL", "50")

    assert Shop.in_the_body() == {"built", "10"}
    assert Shop.in_a_function() == {"deployed", "50"}
  end

  test "compile_env is for the body of a module alone" do
    in_function = "defmodule A do\n  def url, do: Application.compile_env(:shop, :url)\nend"
    assert_raise RuntimeError, ~r/inside functions/, fn -> Code.compile_string(in_function) end

    code = "defmodule B do\n  @url Application.compile_env(:shop, :url)\n  def url, do: @url\nend"
    assert [{_module, _binary}] = Code.compile_string(code)
  end
end
