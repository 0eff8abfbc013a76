from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, sites
from otp_genesis_analyzers.facts.model import Call, Function, Module
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.project import MixApp, Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of
from otp_genesis_analyzers.source import Span

_QUESTIONS = ("env", "target")
_ASKS_WHETHER_IT_IS_THERE = frozenset(
    {("Code", "ensure_loaded?"), ("Code", "ensure_loaded"), ("Code", "loaded?"), ("Code", "ensure_compiled")}
    | {("Kernel", "function_exported?"), ("", "function_exported?"), (":code", "is_loaded")}
)
_LOADS_PROJECTS = frozenset(
    {("Mix.ProjectStack", "post_config"), ("Mix.Project", "post_config"), ("Mix.Project", "push")}
    | {("Mix.Project", "in_project"), ("Mix", "install")}
)


class MixEnvAtRuntime(Rule):
    """A function of the application asks `Mix.env()` when it runs, and a release has no Mix.

    ## What it does
    Reports `Mix.env` and `Mix.target` in the functions of an application's own code.

    ## Why it matters on the BEAM
    Mix is the build tool. A release holds the applications that were listed and those that they need, and
    Mix is not among them: the first call raises `UndefinedFunctionError`. Development and tests never show
    it, since there Mix has started the application.

    ## When it is legitimate
    In the body of a module and its blocks (`pipeline :browser do`), in macros and inside `unquote`, where it
    is asked during the build. In Mix tasks and compilers, scripts, tests, and modules that work with Mix
    anyway (`Mix.Project`, `Mix.Task`). Behind a question whether Mix is there (`Code.ensure_loaded?(Mix)`) or
    in a `try`. In applications that list `:mix` among their applications, and so release it, and in those
    that load other projects with it.
    None of these is reported.

    ## Use instead
    ```elixir
    @log Application.compile_env(:shop, :log, true)
    def log?, do: @log
    ```

    ## Fix safety
    There is no deterministic fix: a name for the setting has to be found, and its value put into the
    configuration of each environment.

    ## References
    - https://hexdocs.pm/mix/Mix.html#env/0
    - https://hexdocs.pm/mix/Mix.Tasks.Release.html
    - Shown by `tests/beam/mix_in_a_release.exs`
    """

    code = "OTP506"
    name = "mix-env-at-runtime"
    severity = Severity.WARNING
    anchors = (
        "Mix env",
        "Mix target",
        # What else the module asks Mix for.
        "Mix env Mix.",
        "Mix target Mix.",
        "Mix.ProjectStack post_config",
        "Mix.Project post_config",
        "Mix.Project push",
        "Mix.Project in_project",
        "Mix install",
    )
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/log.ex
            defmodule Shop.Log do
              def enabled?, do: Mix.env() != :test
            #                   ^^^^^^^ warning: `Mix.env/0` is asked when `enabled?/0` runs

              def level do
                case Mix.env do
            #        ^^^^^^^ warning
                  :prod -> :info
                  _ -> :debug
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/health.ex
            defmodule Shop.Health do
              use Plug.Router

              plug :match
              plug :dispatch

              get "/health" do
                send_resp(conn, 200, "#{Mix.env()}")
            #                           ^^^^^^^ warning: a release has no Mix
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                Supervisor.start_link(children(Mix.target()), strategy: :one_for_one)
            #                                  ^^^^^^^^^^ warning: `Mix.target/0`
              end

              defp children(:host), do: []
              defp children(_target), do: [{Shop.Leds, []}]
            end
            """
        ),
        Example(
            """
            # file: lib/shop/host.ex
            defmodule Shop.Host do
              alias Mix, as: Build

              def name, do: "#{Build.env()}.shop.example"
            #                  ^^^^^^^^^ warning

              def reader, do: &Mix.env/0
            #                 ^^^^^^^^^^ warning

              def asked, do: apply(Mix, :env, [])
            #                ^^^^^ warning

              def named(env \\\\ Mix.env()), do: to_string(env)
            #                  ^^^^^^^ warning: `Mix.env/0` is asked when `named/1` runs
            end
            """
        ),
        Example(
            """
            # file: lib/shop/vault.ex
            defmodule Shop.Vault do
              @build Mix.env()

              def init(config) do
                {:ok, Keyword.put(config, :key, key(@build))}
              end

              defp key(:test), do: "test"
              defp key(_build), do: if(Mix.env() == :dev, do: "dev", else: System.fetch_env!("KEY"))
            #                          ^^^^^^^ warning
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Generator do
              @moduledoc "Runs in Mix tasks only, by what it asks Mix for."
              def folder, do: "priv/" <> to_string(Mix.env())

              def title do
                Mix.Project.config()[:name]
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/built.ex
            defmodule Shop.Built do
              @env Mix.env()
              @app? Mix.target() == :app

              def env, do: @env
              def app?, do: @app?
              def dev?, do: unquote(Mix.env() == :dev)

              if Mix.env() == :test do
                def reset, do: :ok
              end

              defmacro trace(code) do
                if traced?(), do: code, else: :ok
              end

              defp traced?, do: Mix.env() == :dev

              defmacro __using__(_opts) do
                quote do
                  def env, do: Mix.env()
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/guarded.ex
            defmodule Shop.Guarded do
              def env do
                if Code.ensure_loaded?(Mix), do: Mix.env(), else: :prod
              end

              def target, do: function_exported?(Mix, :target, 0) && Mix.target()

              def safe do
                Mix.env()
              rescue
                UndefinedFunctionError -> :prod
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/tasks/seed.ex
            defmodule Mix.Tasks.Shop.Seed do
              use Mix.Task

              def run(_args), do: Mix.shell().info("#{Mix.env()}")
            end
            # file: lib/mix/shop.ex
            defmodule Mix.Shop do
              def path, do: "_build/#{Mix.env()}"
            end
            # file: lib/shop/compiler.ex
            defmodule Shop.Compiler do
              use Mix.Task.Compiler

              def run(_args), do: {Mix.env(), []}
            end
            # file: lib/shop/builder.ex
            defmodule Shop.Builder do
              def path, do: Path.join(Mix.Project.build_path(), "#{Mix.env()}")
            end
            # file: test/support/env.ex
            defmodule Shop.Env do
              def env, do: Mix.env()
            end
            # file: priv/script.exs
            IO.puts(Mix.env())
            """
        ),
        Example(
            """
            # file: mix.exs
            defmodule Shop.MixProject do
              use Mix.Project

              def project, do: [app: :shop, version: "0.1.0", dialyzer: [plt_add_apps: [:ex_unit]]]

              def application, do: [mod: {Shop.Application, []}, extra_applications: apps()]

              defp apps, do: [:logger, :mix]
            end
            # file: lib/shop/log.ex
            defmodule Shop.Log do
              def enabled?, do: Mix.env() != :test
            end
            """
        ),
        Example(
            """
            # file: lib/shop_web/router.ex
            defmodule ShopWeb.Router do
              use ShopWeb, :router

              pipeline :browser do
                plug :fetch_session

                if Mix.env() == :dev do
                  plug ShopWeb.Plugs.Debug
                end
              end

              scope "/" do
                if Mix.env() == :dev, do: forward("/mails", ShopWeb.MailPreview)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/mixer.ex
            defmodule Shop.Mixer do
              alias Shop.Mix

              def env, do: Mix.env()
            end
            # file: lib/shop/mix.ex
            defmodule Shop.Mix do
              def env, do: :prod
            end
            """
        ),
        Example(
            """
            # file: lib/shop/inspector.ex
            defmodule Shop.Inspector do
              @moduledoc "Loads other projects with Mix: without it there is nothing to do here."
              def inspect(folder), do: Mix.Project.in_project(:inspected, folder, & &1.project())
            end
            # file: lib/shop/inspector/report.ex
            defmodule Shop.Inspector.Report do
              def head, do: "in #{Mix.env()}"
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            if any(name.startswith("Mix.") for name in _brought_in(module)):
                continue
            asked = [site for site in sites(module) if site.call.is_to("Mix", *_QUESTIONS)]
            if asked and not _works_with_mix(module):
                graph = call_graph(module)
                for site in asked:
                    if not _is_excused(file, graph, site):
                        yield self._finding(file, site.call.target, site.call.head, module, site.function)
            for function, default in _defaults(file, module):
                target = f"{syntax.text(default)}/0"
                span = Span.of(default)
                yield self._finding(file, target, span, module, function)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        app = project.app_of(finding.path)
        beside = [
            other for other in project.apps if app is None or _released_together(app.folder, other.folder)
        ]
        if any(other.releases_mix for other in beside):
            return None
        return None if app in project.derived(_tools_of_mix) else finding

    def _finding(
        self, file: FileView, target: str, span: Span, module: Module, function: Function
    ) -> Finding:
        return self.report(
            file.facts.path,
            span,
            f"`{target}` is asked when `{function.id}` runs, and a release has no Mix: the"
            " call raises there. Read a configuration value, or ask in the body of the module",
            snippet=file.source.text(span),
            scope=scope_of(module, function),
            fix=FixKind.LLM,
        )


def _tools_of_mix(project: Project) -> frozenset[MixApp | None]:
    """The applications that load other projects with Mix, as language servers do: they run where it does."""
    return frozenset(
        project.app_of(path)
        for path, analysis in project.files.items()
        for module in production_modules(analysis.facts, project.role_of(path))
        if any((site.call.module, site.call.name) in _LOADS_PROJECTS for site in sites(module))
    )


def _defaults(file: FileView, module: Module) -> Iterator[tuple[Function, Node]]:
    """Defaults of parameters, `env \\\\ Mix.env()`, which are worked out at each call."""
    for function in module.functions if not _works_with_mix(module) else ():
        for clause in function.clauses if function.kind in ("def", "defp") else ():
            parts = (part for term in clause.head for part in term.walk())
            if any(part.kind == "call" and part.value in ("Mix.env", "Mix.target") for part in parts):
                yield from ((function, node) for node in _named_in(file.source.node_at(clause.span)))


def _named_in(definition: Node) -> Iterator[Node]:
    """`Mix.env` in the head of a definition."""
    head, _ = syntax.definition_head(definition)
    waiting = [head] if head is not None else []
    while waiting:
        node = waiting.pop()
        owner, name = (syntax.left(node), syntax.right(node)) if node.type == "dot" else (None, None)
        if (
            owner is not None
            and owner.type == "alias"
            and name is not None
            and syntax.text(name) in _QUESTIONS
        ):
            yield node
        waiting += node.named_children


def _brought_in(module: Module) -> Iterator[str]:
    yield from (use.module for use in module.uses)
    yield from module.behaviours


def _works_with_mix(module: Module) -> bool:
    """It asks Mix for more than the environment, so it only runs where Mix does."""
    return any(
        site.call.module.startswith("Mix.")
        or (site.call.module == "Mix" and site.call.name not in _QUESTIONS)
        for site in sites(module)
    )


def _is_excused(file: FileView, graph: CallGraph, site: Site) -> bool:
    call, calls = site.call, site.clause.calls
    if call.guarded_by_rescue or _runs_in_macros_only(graph, site.function):
        return True
    if site.function.kind == "block" and call.closure < 0 and not _is_route(site):
        return True
    if any(other.name == "unquote" and other.span.contains(call.span) for other in calls):
        return True
    return any(_asks_for_mix(file, other) for other in calls)


def _is_route(site: Site) -> bool:
    """The block of `get "/" do` answers requests, that of `pipeline :browser do` stands in the body."""
    return any(use.module == "Plug.Router" for use in site.module.uses)


def _asks_for_mix(file: FileView, call: Call) -> bool:
    return (call.module, call.name) in _ASKS_WHETHER_IT_IS_THERE and "Mix" in file.source.text(call.span)


def _runs_in_macros_only(graph: CallGraph, function: Function) -> bool:
    if function.kind != "defp":
        return False
    callers = [caller for caller, _, _ in graph.callers(function) if caller is not function]
    return bool(callers) and all(caller.kind in ("defmacro", "defmacrop") for caller in callers)


def _released_together(folder: str, other: str) -> bool:
    """The same project, or applications of one umbrella."""
    return folder == other or (bool(folder) and folder.rpartition("/")[0] == other.rpartition("/")[0])
