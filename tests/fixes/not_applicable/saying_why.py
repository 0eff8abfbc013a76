"""One verb for what a fix refuses, and the frames around the texts of the tables.

A text without files is the body of a module `Shop.A` at lib/example.ex, from its second line on.
"""

from __future__ import annotations

from inspect import cleandoc
from textwrap import indent

from tests.fixes.one_finding import check_refused

Case = tuple[str, str, str]
"""The code of a rule, a text in which its fix does not apply, and a part of the reason."""


def check_reason(code: str, text: str, reason: str) -> None:
    check_refused(code, text if "# file:" in text else module(text), reason)


def module(body: str, name: str = "Shop.A") -> str:
    return f"defmodule {name} do\n{indent(cleandoc(body), '  ')}\nend\n"


def server(body: str, state: str = "opts") -> str:
    """The body of a GenServer's module, whose own lines begin with the fourth of the file."""
    return f"use GenServer\ndef init(opts), do: {{:ok, {state}}}\n{cleandoc(body)}"


def files(**modules: str) -> str:
    """`files(stock="...")` is a module `Shop.Stock` in lib/shop/stock.ex."""
    return "".join(
        f"# file: lib/shop/{name}.ex\n{module(body, f'Shop.{name.title()}')}"
        for name, body in modules.items()
    )


def in_test(body: str, options: str = "") -> str:
    """A test module in test/shop/a_test.exs, whose own lines begin with the fourth."""
    text = f"use ExUnit.Case{options}\n\n{cleandoc(body)}"
    return f"# file: test/shop/a_test.exs\n{module(text, 'Shop.ATest')}"


def application(children: str, start: str = "Supervisor.start_link(children, strategy: :one_for_one)") -> str:
    """`Shop.Application` with its list of children on the fifth line, and the `mix.exs` that names it."""
    body = f"use Application\n\ndef start(_type, _args) do\n  children = {children}\n  {start}\nend"
    return files(application=body) + MIX.format(application=", mod: {Shop.Application, []}")


MIX = """# file: mix.exs
defmodule Shop.MixProject do
  use Mix.Project

  def project, do: [app: :shop, version: "1.0.0"]
  def application, do: [extra_applications: [:logger]{application}]
end
"""
LIBRARY = MIX.format(application="")
