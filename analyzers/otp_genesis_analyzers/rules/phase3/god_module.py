from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.module_size import (
    code_lines,
    families,
    mostly_delegates,
    mostly_macro,
)
from otp_genesis_analyzers.facts.calls.sites import production_modules, sites
from otp_genesis_analyzers.facts.model import Function, Module
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule

_LEAST_GROUP = 3
"""Functions that a group must have to be named."""
_SHOWN = 4
_HEAD_BYTES = 400


def _functions(name: str, count: int, body: str = "List.wrap(value)") -> str:
    """So many functions of three lines, for the examples."""
    return "\n".join(f"  def {name}_{n}(value) do\n    {body}\n  end\n" for n in range(count))


class GodModule(Rule):
    """A module is so long, or does so much for so many, that nobody knows all of it.

    ## What it does
    Reports a module with more than 900 lines of code, or with more than 40 public functions and calls of
    more than 20 other modules of the project. Docs, types, schemas, macros, nested modules, comments
    between functions, text of several lines (templates, queries) and long literals (tables) are no lines of
    code. The message gives the numbers and names groups of functions that don't call each other: the seams to
    divide the module along. Always a **hint**. `[rules.OTP302]` sets `lines` (from 300 on), `functions` (from
    40 on) and `dependencies`.

    ## Why it matters on the BEAM
    A module is compiled, loaded and upgraded as one piece: each change of it recompiles it, and all that
    depend on it at compile time. Each new function finds a place in it, until two teams
    change it at once.

    ## When it is legitimate
    Where it mostly hands on to others (`defdelegate`), is generated, holds one great macro, or mirrors a
    protocol or a table. The first three are not reported, nor are clauses in which nothing is computed,
    the rows of a table; a module with queries (it imports `Ecto.Query`) may have half as many lines again.

    ## Use instead
    A module for each group, behind the functions that others know:
    ```elixir
    defmodule Shop.Orders do
      defdelegate place(order), to: Shop.Orders.Placing
      defdelegate invoice(order), to: Shop.Orders.Invoices
      defdelegate ship(order), to: Shop.Orders.Shipping
    end
    ```

    ## Fix safety
    No deterministic fix: where to divide a module is a decision.

    ## References
    - https://hexdocs.pm/elixir/design-anti-patterns.html
    - https://hexdocs.pm/elixir/Kernel.html#defdelegate/2
    """

    code = "OTP302"
    name = "god-module"
    severity = Severity.HINT
    anchors = ("defmodule",)
    most_lines = "lines"
    most_functions = "functions"
    fixes = (FixKind.LLM,)
    thresholds: ClassVar = {"lines": 900, "functions": 40, "dependencies": 20}

    INVALID: ClassVar = [
        Example(
            "defmodule Shop.Orders do\n"
            "#         ^^^^^^^^^^^ hint: lines of code and 227 public functions\n"
            + _functions("place", 100)
            + "\n"
            + _functions("invoice", 127)
            + "\nend"
        ),
        Example(
            "# file: .otp-genesis.toml\n"
            "[rules.OTP302]\nlines = 310\n"
            "# file: lib/shop/mails.ex\n"
            "defmodule Shop.Mails do\n"
            "#         ^^^^^^^^^^ hint: call each other: `text_0/1` and 3 more, `send_0/1` and 3 more\n"
            '  @moduledoc "Mails."\n\n'
            + "\n".join(
                f"  def {name}_{n}(mail) do\n    {name}_{n + 1}(mail)\n  end\n"
                for name in ("text", "send")
                for n in range(3)
            )
            + "\n  defp text_3(mail), do: mail\n  defp send_3(mail), do: mail\n"
            + _functions("other", 75)
            + "\nend"
        ),
        Example(
            "defmodule Shop.Everything do\n"
            "#         ^^^^^^^^^^^^^^^ hint: 80 public functions, calls 21 other modules of the project\n"
            + "\n".join(f"  def run_{n}(value), do: Shop.Part{n % 21}.run(value)\n" for n in range(80))
            + "end"
        ),
    ]
    VALID: ClassVar = [
        Example(
            "defmodule Shop.Zones do\n"
            + "".join(
                f"  def zone({number}), do: :z{number % 9}\n"
                f'  def town("{number}") do\n    {{"town", {number}}}\n  end\n'
                for number in range(500)
            )
            + "end\n"
        ),
        Example(
            "defmodule Shop.Postcodes do\n"
            "  def all do\n    [\n"
            + "".join(
                f'      {{{number}, "town {number}", %{{zone: :z{number % 9}}}}},\n'
                for number in range(1_000)
            )
            + "    ]\n  end\nend\n"
        ),
        Example(
            "defmodule Shop.Guide do\n"
            '  @moduledoc """\n'
            + "  A long story.\n" * 500
            + '  """\n'
            + "\n".join(
                f'  @doc """\n  Does it.\n\n  And well.\n  """\n  @spec run_{n}(term) :: term\n'
                f"  # With care.\n  def run_{n}(value), do: value\n"
                for n in range(100)
            )
            + "\nend"
        ),
        Example(
            "defmodule Shop do\n"
            + "\n".join(f"  defdelegate run_{n}(value), to: Shop.Part{n}, as: :run\n" for n in range(60))
            + _functions("own", 30)
            + "\n"
            + "\n".join(f"  def call_{n}(value), do: Shop.Part{n}.call(value)\n" for n in range(25))
            + "\nend"
        ),
        Example(
            "# This file is generated; do not edit it.\n"
            "defmodule Shop.Codes do\n" + _functions("code", 260) + "\nend\n"
            "# file: test/support/codes.ex\n"
            "defmodule Shop.FakeCodes do\n" + _functions("code", 260) + "\nend\n"
        ),
        Example(
            "defmodule Shop.Page do\n"
            "  def render(assigns) do\n"
            '    ~H"""\n' + "    <p>Text.</p>\n" * 950 + '    """\n  end\n'
            "end\n"
            "defmodule Shop.Schema do\n"
            "  use Ecto.Schema\n\n"
            '  schema "rows" do\n' + "    field :name, :string\n" * 950 + "  end\n"
            "end"
        ),
        Example(
            "defmodule Shop.Outer do\n"
            "  defmodule Inner do\n"
            + _functions("inner", 150)
            + "\n  end\n\n"
            + _functions("outer", 150)
            + "\nend\n\n"
            "defmodule Shop.Query do\n"
            "  import Ecto.Query\n\n" + _functions("query", 250) + "\nend\n"
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        if _is_generated(file):
            return
        for module in production_modules(file.facts, file.role):
            limit = file.threshold(self, "lines")
            public = sum(function.kind == "def" for function in module.functions)
            many = public > file.threshold(self, "functions")
            if not many and _span_in_lines(file, module) <= limit:
                continue
            if not module.complete or module.kind != "defmodule":
                continue
            if mostly_delegates(module) or mostly_macro(module):
                continue
            queries = any(directive.module == "Ecto.Query" for directive in module.imports)
            lines = code_lines(file.source, module)
            long = lines > (limit * 3 // 2 if queries else limit)
            if long or many:
                yield from self._judge(file, module, lines, public, long=long)

    def _judge(
        self, file: FileView, module: Module, lines: int, public: int, *, long: bool
    ) -> Iterable[Finding]:
        """With all of the file read, which is not done before a module is large."""
        whole = next((m for m in read_facts(file.source).modules if m.name_span == module.name_span), module)
        used = _dependencies(whole)
        if not long and used <= file.threshold(self, "dependencies"):
            return
        groups = [group for group in families(call_graph(whole)) if len(group) >= _LEAST_GROUP][:_SHOWN]
        seams = ""
        if len(groups) > 1:
            seams = f"; groups that don't call each other: {', '.join(map(_in_words, groups))}"
        yield self.report(
            file.facts.path,
            module.name_span,
            f"`{module.name}` has {lines} lines of code and {public} public "
            f"{'function' if public == 1 else 'functions'}, calls {used} other "
            f"modules of the project{seams}: divide it, and delegate from here",
            snippet=module.name,
            scope=module.name,
            confidence=Confidence.HEURISTIC,
            fix=FixKind.LLM,
            related=tuple(
                Related(
                    file.facts.path, group[0].clauses[0].name_span, f"begins the group of {_in_words(group)}"
                )
                for group in (groups if len(groups) > 1 else ())
            ),
        )


def _span_in_lines(file: FileView, module: Module) -> int:
    lines = file.source.lines
    return lines.line_of(module.span.end) - lines.line_of(module.span.start)


def _dependencies(module: Module) -> int:
    namespace = module.name.partition(".")[0]
    called = {site.call.module for site in sites(module)} - {module.name}
    return sum(name.partition(".")[0].removesuffix("Web") == namespace.removesuffix("Web") for name in called)


def _in_words(group: tuple[Function, ...]) -> str:
    return f"`{group[0].id}` and {len(group) - 1} more"


def _is_generated(file: FileView) -> bool:
    """Its first comment says so."""
    head = file.source.content[:_HEAD_BYTES].lower().split(b"defmodule", 1)[0]
    return b"generated" in head or b"do not edit" in head
