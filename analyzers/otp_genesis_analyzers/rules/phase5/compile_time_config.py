from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.configuration import reads_application, reads_system
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.model import Attribute, Call, Clause, Module
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.source import Source

_ABOUT_THE_BUILD = ("VERSION", "SHA", "COMMIT", "BUILD", "REVISION", "GIT", "MIX_", "RELEASE")
"""Parts of the names of variables that are there to be read while the code is built."""


class CompileTimeConfig(Rule):
    """The body of a module reads the configuration, so the value of the build machine stays for ever.

    ## What it does
    Reports `Application.get_env`, `fetch_env`, `fetch_env!` and `get_all_env` in a module attribute, in
    `defstruct`, or as the condition of an `if` or `case` around definitions; and `System.get_env` and
    `fetch_env!` in an attribute.

    ## Why it matters on the BEAM
    The body of a module runs once, when it is compiled. What it read is part of the compiled code: a value
    that `config/runtime.exs`, the environment of the release or `Application.put_env` gives later is not
    seen. Nor is the module compiled again when the configuration changes, as it is with `compile_env`.

    ## When it is legitimate
    `Application.compile_env`, which says that the value is meant to be fixed: the release then doesn't
    start with another. Variables about the build itself (a version, a commit). `mix.exs`, `config/`, Mix
    tasks, tests, and what a macro quotes or is given. None of these is reported.

    ## Use instead
    ```elixir
    defp url, do: Application.fetch_env!(:shop, :url)
    ```

    ## Fix safety
    Unsafe, since the value may be another one. Where the attribute is only used in functions it becomes a
    private function, which reads the configuration at each call. Else `get_env` becomes `compile_env`:
    the value stays that of the build, and a release that is configured otherwise refuses to start.

    ## References
    - https://hexdocs.pm/elixir/Application.html#module-compile-time-environment
    - Shown by `tests/beam/compile_time_config.exs`
    """

    code = "OTP505"
    name = "compile-time-config"
    severity = Severity.WARNING
    anchors = (
        "Application get_env",
        "Application fetch_env",
        "Application get_all_env",
        ":application get_env",
        "System get_env",
        "System fetch_env",
        ":os getenv",
    )
    fixes = (FixKind.UNSAFE,)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/payments.ex
            defmodule Shop.Payments do
              @url Application.get_env(:shop, :payments_url)
            #      ^^^^^^^^^^^^^^^^^^^ warning: `@url` keeps what `Application.get_env/2` gave when

              def pay(order), do: post(@url <> "/pay", order)

              defp post(url, order), do: {url, order}
            end
            """,
            fixed="""
            # file: lib/shop/payments.ex
            defmodule Shop.Payments do
              def pay(order), do: post(url() <> "/pay", order)

              defp post(url, order), do: {url, order}

              defp url, do: Application.get_env(:shop, :payments_url)
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/pool.ex
            defmodule Shop.Pool do
              use GenServer

              # How many connections there are.
              @size "POOL_SIZE" |> System.get_env("10") |> String.to_integer()
            #                      ^^^^^^^^^^^^^^ warning: `@size` keeps what `System.get_env/2` gave

              @timeout 5_000

              def init(_opts) do
                free = for number <- 1..@size, do: {:free, number}
                {:ok, %{free: free, timeout: @timeout}}
              end
            end
            """,
            fixed="""
            # file: lib/shop/pool.ex
            defmodule Shop.Pool do
              use GenServer

              @timeout 5_000

              def init(_opts) do
                free = for number <- 1..size(), do: {:free, number}
                {:ok, %{free: free, timeout: @timeout}}
              end

              # How many connections there are.
              defp size, do: "POOL_SIZE" |> System.get_env("10") |> String.to_integer()
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/catalogue.ex
            defmodule Shop.Catalogue do
              alias Application, as: App

              @plans App.fetch_env!(:shop, :plans)
            #        ^^^^^^^^^^^^^^ warning: `@plans` keeps what `Application.fetch_env!/2` gave

              def known?(plan) when plan in @plans, do: true
              def known?(_plan), do: false

              if Application.get_env(:shop, :preview, false) do
            #    ^^^^^^^^^^^^^^^^^^^ warning: decides, when the module is compiled
                def preview(plan), do: {:preview, plan}
              end
            end
            """,
            fixed="""
            # file: lib/shop/catalogue.ex
            defmodule Shop.Catalogue do
              alias Application, as: App

              @plans App.compile_env!(:shop, :plans)

              def known?(plan) when plan in @plans, do: true
              def known?(_plan), do: false

              if Application.compile_env(:shop, :preview, false) do
                def preview(plan), do: {:preview, plan}
              end
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/order.ex
            defmodule Shop.Order do
              defstruct currency: Application.get_env(:shop, :currency), items: []
            #                     ^^^^^^^^^^^^^^^^^^^ warning: the struct keeps what
            end
            """,
            fixed="""
            # file: lib/shop/order.ex
            defmodule Shop.Order do
              defstruct currency: Application.compile_env(:shop, :currency), items: []
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/files.ex
            defmodule Shop.Files do
              @home System.fetch_env!("HOME")
            #       ^^^^^^^^^^^^^^^^^ warning: `@home` keeps what `System.fetch_env!/1` gave
              @config Application.get_all_env(:shop)[:files]
            #         ^^^^^^^^^^^^^^^^^^^^^^^ warning: `@config` keeps what `Application.get_all_env/1` gave
              @external_resource @home

              def path?(@home <> _rest), do: @config
              def path?(_other), do: false
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/at_run_time.ex
            defmodule Shop.AtRunTime do
              @url Application.compile_env(:shop, :url)
              @port Application.compile_env!(:shop, :port)

              def url, do: Application.get_env(:shop, :url, @url)
              def port(port \\\\ Application.get_env(:shop, :port, @port)), do: port
              def home, do: System.fetch_env!("HOME")
            end
            """
        ),
        Example(
            """
            # file: lib/shop/about.ex
            defmodule Shop.About do
              @version System.get_env("SHOP_VERSION", "dev")
              @commit System.get_env("GIT_SHA") || "none"
              @env System.get_env("MIX_ENV")

              if System.get_env("SHOP_WITH_DEBUG") do
                def debug, do: {@version, @commit, @env}
              end
            end
            """
        ),
        Example(
            """
            # file: mix.exs
            defmodule Shop.MixProject do
              use Mix.Project

              @port Application.get_env(:shop, :port)

              def project, do: [app: :shop, version: "0.1.0"]
              def application, do: [mod: {Shop.Application, []}]
            end
            # file: lib/mix/tasks/shop.seed.ex
            defmodule Mix.Tasks.Shop.Seed do
              use Mix.Task

              @url Application.get_env(:shop, :url)
              def run(_args), do: IO.puts(@url)
            end
            # file: test/support/fake.ex
            defmodule Shop.Fake do
              @url Application.get_env(:shop, :url)
              def url, do: @url
            end
            """
        ),
        Example(
            """
            # file: lib/shop/client.ex
            defmodule Shop.Client do
              use Tesla

              @adapter (case System.get_env("SHOP_HTTP") do
                          "hackney" -> Tesla.Adapter.Hackney
                          _ -> Tesla.Adapter.Mint
                        end)

              use Shop.Http, adapter: @adapter

              # Macros: what becomes of their arguments is theirs to say.
              plug Tesla.Middleware.BaseUrl, Application.get_env(:shop, :url)
              use Shop.Wrapper, url: Application.get_env(:shop, :url)

              defmacro __using__(_opts) do
                quote do
                  @url Application.get_env(:shop, :url)
                end
              end

              pipeline :api do
                plug Shop.Auth, secret: System.get_env("SECRET")
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/words.ex
            defmodule Shop.Words do
              @moduledoc "The words. #{Application.get_env(:shop, :words)}"
              @readers [&Application.get_env/2, &System.get_env/1]

              def read(key), do: for(reader <- @readers, do: reader.(:shop, key))
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for function in module.functions:
                if function.kind == "body":
                    yield from self._in_body(file, module, function.clauses[0])

    def _in_body(self, file: FileView, module: Module, body: Clause) -> Iterator[Finding]:
        for call in body.calls:
            if not reads_application(call) and not _reads_host(call):
                continue
            attribute = _attribute_with(module, call)
            if attribute is not None and _is_only_used(file.source, module, attribute):
                continue
            words = _what_it_decides(body, call, attribute)
            if not words:
                continue
            yield self.report(
                file.facts.path,
                call.head,
                f"{words}: what is configured later is not seen. {_advice(call, attribute)}",
                snippet=file.source.text(call.span),
                scope=module.name,
                fix=FixKind.UNSAFE if attribute is not None or _has_twin(call) else None,
            )


def _what_it_decides(body: Clause, call: Call, attribute: Attribute | None) -> str:
    """What keeps the value, or depends on it; empty where that is for a macro to say."""
    if attribute is not None:
        return f"`@{attribute.name}` keeps what `{call.target}` gave when the module was compiled"
    if not reads_application(call):
        return ""
    if any(_is_struct(other) and other.span.contains(call.span) for other in body.calls):
        return f"the struct keeps what `{call.target}` gave when the module was compiled"
    if call.result in ("tested", "subject"):
        return f"`{call.target}` decides, when the module is compiled, what the module holds"
    return ""


def _reads_host(call: Call) -> bool:
    """Reads a variable of the system that is not about the build."""
    name = call.args[0].value.upper() if call.args else ""
    return reads_system(call) and not any(part in name for part in _ABOUT_THE_BUILD)


def _is_struct(call: Call) -> bool:
    return call.module in ("", "Kernel") and call.name in ("defstruct", "defexception")


def _attribute_with(module: Module, call: Call) -> Attribute | None:
    return next((one for one in module.attributes if one.span.contains(call.span)), None)


def _is_only_used(source: Source, module: Module, attribute: Attribute) -> bool:
    """All that reads it is `use Ecto.Repo, adapter: @adapter`: a macro has to know it at compile time."""
    reads = [node for node in syntax.below(source.node_at(module.span)) if _is_read(node, attribute.name)]
    return bool(reads) and all(
        any(use.span.start <= node.start_byte < use.span.end for use in module.uses) for node in reads
    )


def _is_read(node: Node, name: str) -> bool:
    operand = syntax.operand(node) if node.type == "unary_operator" and syntax.operator(node) == "@" else None
    return operand is not None and operand.type == "identifier" and syntax.text(operand) == name


def _has_twin(call: Call) -> bool:
    """There is a `compile_env` for it."""
    return call.module == "Application" and call.name in ("get_env", "fetch_env!")


def _advice(call: Call, attribute: Attribute | None) -> str:
    if attribute is not None and reads_system(call):
        return "Read it in a function"
    if attribute is not None:
        return "Read it in a function, or say with `Application.compile_env` that it is fixed"
    return "Say with `Application.compile_env` that it is fixed, or read it in a function"
