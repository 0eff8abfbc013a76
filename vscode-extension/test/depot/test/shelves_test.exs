defmodule Depot.ShelvesTest do
  use ExUnit.Case

  test "the one who waits gets the label" do
    assert :ok = Depot.Shelves.store("lamp", self())
    assert_receive {:printed, "LAMP"}
  end
end
