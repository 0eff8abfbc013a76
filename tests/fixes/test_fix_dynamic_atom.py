"""OTP112: a conversion that makes atoms becomes one that only finds them, where they may exist."""

from __future__ import annotations

import pytest

from otp_genesis_analyzers import engine
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused
from otp_genesis_refactorers.fixes import fix
from tests.fixes.fixing import STRICT, changed_files, files_of, project_of

CONTROLLER = """
defmodule ShopWeb.ProductController do
  use ShopWeb, :controller
  alias Shop.{{Products, Text}}

  def index(conn, params) do
    {}
  end
end
"""
LIBRARY = """
defmodule Shop.Names do
  import String, only: [to_atom: 1]
  alias Shop.String, as: Text

  def run(name, user_id) do
    {}
  end
end
"""

APPLIED = {
    "a call": ('String.to_atom(params["a"])', 'String.to_existing_atom(params["a"])'),
    "under another name": (
        'Elixir.String.to_atom(params["a"])',
        'Elixir.String.to_existing_atom(params["a"])',
    ),
    "of Erlang": (
        ':erlang.binary_to_atom(params["a"], :utf8)',
        ':erlang.binary_to_existing_atom(params["a"], :utf8)',
    ),
    "piped": ('params["a"] |> String.to_atom()', 'params["a"] |> String.to_existing_atom()'),
    "without parentheses": ('String.to_atom params["a"]', 'String.to_existing_atom params["a"]'),
    "captured": (
        'Enum.map(params["a"], &String.to_atom/1)',
        'Enum.map(params["a"], &String.to_existing_atom/1)',
    ),
    "an interpolation": (':"a_#{params["a"]}"', 'String.to_existing_atom("a_#{params["a"]}")'),
    "a module": ('Module.concat(Shop, "A#{params["a"]}")', 'Module.safe_concat(Shop, "A#{params["a"]}")'),
}
REFUSED = {
    "a name of a process": 'Agent.start_link(fn -> 1 end, name: :"cart_#{user_id}")',
    "an address": 'GenServer.call(:"cart_#{user_id}", :items)',
    "put together": 'String.to_atom("cart_" <> "#{name}")\n    :"cart_#{name}"',
    "a table": ':ets.new(:"#{name}_table", [])',
    "under name:": "Agent.start_link(fn -> 1 end, name: String.to_atom(name))",
    "of an id": 'String.to_atom("cart_#{user_id}")',
    "without its module": "to_atom(name)",
}


@pytest.mark.parametrize("name", APPLIED)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_applied(name: str, newline: str) -> None:
    before, after = (CONTROLLER.format(body).replace("\n", newline) for body in APPLIED[name])
    project = project_of({"lib/example.ex": before.encode()})
    change = fix(found(project), project)
    assert isinstance(change, Change), change
    assert changed_files(change, project) == {"lib/example.ex": after.encode()}
    assert change.notes


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    project = project_of(files_of(LIBRARY.format(REFUSED[name])))
    refusal = fix(found(project), project)
    assert isinstance(refusal, Refused), refusal
    assert "lib/example.ex:6" in refusal.reason or "lib/example.ex:7" in refusal.reason
    assert "Registry" in refusal.reason or "String.to_existing_atom" in refusal.reason


def test_a_file_that_changed_meanwhile() -> None:
    old = project_of(files_of(CONTROLLER.format('String.to_atom(params["a"])')))
    new = project_of(files_of(CONTROLLER.format('Text.atom(params["a"])')))
    refusal = fix(found(old), new)
    assert isinstance(refusal, Refused)
    assert "check it again" in refusal.reason


def found(project: Project) -> Finding:
    return [finding for finding in engine.check(project, STRICT) if finding.code == "OTP112"][-1]
