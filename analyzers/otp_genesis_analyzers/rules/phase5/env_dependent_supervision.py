from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.environment import Branch, Question, decided, questions
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.model import Clause, Function, Module
from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.facts.processes.tree_parts import (
    children_in,
    defines_children,
    high_limits,
    is_list_of_children,
    limits_that_differ,
)
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of
from otp_genesis_analyzers.source import Span

_ENTRIES = frozenset({"start/2", "init/1", "child_spec/1"})
_PER_SECOND = 2
"""More restarts a second than this are a loop and no recovery; the default limit allows 0.6."""


class EnvDependentSupervision(Rule):
    """The supervision tree of the tests is not that of production, or its limits hide a crash loop.

    ## What it does
    Reports, in applications and supervisors, what asks for the environment (`Mix.env()`, a setting named
    `:env`) and so decides over the tree. It is a **warning** where it decides over a strategy or a restart
    limit, information where it decides over children, and a hint where those are only endpoints or
    processes of other libraries. Also reports `max_restarts` of 100 and more within seconds.

    ## Why it matters on the BEAM
    The order of the children, their strategy and their limits decide what a crash takes down and what is
    started again. When the tests run another tree, none of that has been tried before production. A limit
    that is never reached keeps a crash loop to itself: no supervisor above hears of it.

    ## When it is legitimate
    A child left out by a setting of its own (`config :shop, Shop.Poller, enabled: false`), which any
    environment can set. Limits of dynamic supervisors, whose many children come and go. Tests, Mix tasks
    and scripts. None of these is reported.

    ## Use instead
    ```elixir
    children = [Shop.Repo, {Shop.Poller, interval: Application.fetch_env!(:shop, :poll_interval)}]
    Supervisor.start_link(children, strategy: :rest_for_one, name: Shop.Supervisor)
    ```
    One tree for all, and tests that need processes of their own start them with `start_supervised!`.

    ## Fix safety
    There is no deterministic fix: it must be found out why the environments were told apart.

    ## References
    - https://hexdocs.pm/elixir/Supervisor.html
    - https://hexdocs.pm/ex_unit/ExUnit.Callbacks.html#start_supervised!/2
    - Shown by `tests/beam/restart_limit.exs`
    """

    code = "OTP507"
    name = "env-dependent-supervision"
    severity = Severity.INFORMATION
    anchors = (
        "Supervisor env",
        "Supervisor environment",
        "Supervisor mix_env",
        "Supervisor config_env",
        "Supervisor MIX_ENV",
        "Supervisor max_restarts",
    )
    fixes = (FixKind.LLM,)
    thresholds: ClassVar = {"max_restarts": 100}

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                opts = if Mix.env() == :test, do: [max_restarts: 100], else: [strategy: :rest_for_one]
            #             ^^^^^^^ warning: decides over `max_restarts` and `strategy`
                Supervisor.start_link([Shop.Repo], opts)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @env Mix.env()

              @impl true
              def start(_type, _args) do
                children = [Shop.Repo] ++ children(@env)
            #                                      ^^^^ information: `Shop.Poller` and `Shop.Cache`
                Supervisor.start_link(children, strategy: strategy(), name: Shop.Supervisor)
              end

              defp children(:test), do: []
              defp children(_env), do: [{Shop.Poller, every: 5_000}, Shop.Cache]

              defp strategy do
                env = Application.get_env(:shop, :env)
            #         ^^^^^^^^^^^^^^^^^^^ warning: the tests run another tree than production

                case env do
                  :test -> [strategy: :one_for_one]
                  _ -> [strategy: :one_for_all]
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/supervisor.ex
            defmodule Shop.Supervisor do
              use Supervisor

              def start_link(opts), do: Supervisor.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(_opts) do
                children = [Shop.Repo | pollers()]
                opts = [strategy: :one_for_one, max_restarts: 10_000]
            #                                   ^^^^^^^^^^^^^^^^^^^^ information: 10000 restarts in 5 seconds
                Supervisor.init(children, opts)
              end

              defp pollers do
                unless test?() do
            #          ^^^^^ information: whether `Shop.Poller` is started
                  [{Shop.Poller, every: 5_000}]
                end
                |> List.wrap()
              end

              defp test?, do: Application.fetch_env!(:shop, :environment) == :test
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args), do: Supervisor.start_link(children(), strategy: :one_for_one)

              if Mix.env() == :prod do
            #    ^^^^^^^ hint: whether `storage_spec` and `Goth` are started
                defp children, do: [Shop.Repo, storage_spec()]
                defp storage_spec, do: {Goth, name: Shop.Goth}
              else
                defp children, do: [Shop.Repo]
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/supervisor.ex
            defmodule Shop.Supervisor do
              use Supervisor

              def start_link(opts), do: Supervisor.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(_opts) do
                max_restarts = if Mix.env() == :test, do: 50, else: 3
            #                     ^^^^^^^ warning: decides over `max_restarts`
                clock = %{id: :clock, start: {Shop.Clock, :start_link, []}, restart: restart()}
                Supervisor.init([clock], strategy: :one_for_one, max_restarts: max_restarts)
              end

              defp restart, do: Keyword.get([restart: if(Mix.env() == :dev, do: :temporary)], :restart)
            #                                            ^^^^^^^ warning: decides over `restart`
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @env Application.compile_env(:shop, :env)

              @impl true
              def start(_type, _args) do
                Supervisor.start_link(tasks(@env) ++ pools(@env), strategy: :one_for_one)
            #                               ^^^^ information: decides whether `:refresh` is started
            #                                              ^^^^ warning: decides over `restart`
              end

              defp tasks(:test), do: [%{id: :push, start: {Shop.Push, :init, []}, restart: :temporary}]

              defp tasks(_) do
                [
                  %{id: :push, start: {Shop.Push, :init, []}, restart: :temporary},
                  %{id: :refresh, start: {Shop.Refresh, :init, []}, restart: :temporary}
                ]
              end

              defp pools(:test), do: [%{id: :pool, start: {Shop.Pool, :start_link, []}, restart: :temporary}]
              defp pools(_), do: [%{id: :pool, start: {Shop.Pool, :start_link, []}, restart: :permanent}]
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
                children =
                  if Mix.env() == :test,
            #        ^^^^^^^ hint: decides whether `DynamicSupervisor` is started
                    do: [],
                    else: [{DynamicSupervisor, name: Shop.Runs, strategy: :one_for_one}]

                Supervisor.start_link(children, strategy: :one_for_one)
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
                env = Application.get_env(:shop, :env)
            #         ^^^^^^^^^^^^^^^^^^^ information: decides whether `Shop.Poller` and `Shop.Reporter`
                children = children(env)
                Supervisor.start_link(children, strategy: :one_for_one)
              end

              defp children(env) when env in [:test, :bench], do: base()
              defp children(_env), do: base() ++ [Shop.Poller, Shop.Reporter]

              defp base, do: [Shop.Repo]
            end
            # file: lib/shop/stores.ex
            defmodule Shop.Stores do
              use Supervisor

              @children_of_tests if(Mix.env() == :test, do: [{__MODULE__.Clock, []}], else: [])
            #                       ^^^^^^^ information: decides whether `__MODULE__.Clock` is started

              def child_spec(opts) do
                restart = if Application.get_env(:shop, :env) == :test, do: :temporary, else: :permanent
            #                ^^^^^^^^^^^^^^^^^^^ warning: decides over `restart`
                %{id: opts[:id], start: {__MODULE__, :start_link, [opts]}, restart: restart}
              end

              def start_link(opts), do: Supervisor.start_link(__MODULE__, opts)

              def init(_opts), do: Supervisor.init([Shop.Store] ++ @children_of_tests, strategy: :one_for_one)
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @impl true
              def start(_type, _args) do
                if Mix.env() == :dev, do: IO.puts("hello")
                if Application.get_env(:shop, :env) == :test, do: Shop.Storage.clear([Shop.Repo])
                children = [Shop.Repo | extra(Application.get_env(:shop, Shop.Poller)[:enabled])]
                opts = [strategy: :one_for_one, max_restarts: 10, max_seconds: 60]
                Supervisor.start_link(children, opts)
              end

              defp extra(true), do: [Shop.Poller]
              defp extra(_), do: []
            end
            """
        ),
        Example(
            """
            # file: lib/shop/connections.ex
            defmodule Shop.Connections do
              use DynamicSupervisor

              def start_link(opts), do: DynamicSupervisor.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(_opts), do: DynamicSupervisor.init(strategy: :one_for_one, max_restarts: 10_000)
            end
            # file: lib/shop/supervisor.ex
            defmodule Shop.Supervisor do
              use Supervisor

              def start_link(opts), do: Supervisor.start_link(__MODULE__, opts, name: __MODULE__)

              @impl true
              def init(_opts) do
                children = [
                  {Task.Supervisor, name: Shop.TaskSupervisor, max_restarts: 1_000},
                  {DynamicSupervisor, name: Shop.Jobs, max_restarts: 1_000, strategy: :one_for_one}
                ]

                Supervisor.init(children, strategy: :one_for_one, max_restarts: 200, max_seconds: 3_600)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/target.ex
            defmodule Shop.Target do
              use Application

              def start(_type, _args) do
                Supervisor.start_link(children(System.get_env("SHOP_MODE")), strategy: :one_for_one)
              end

              defp children("worker"), do: [Shop.Worker]
              defp children(_), do: [Shop.Web]

              def environment, do: Application.get_env(:shop, :env)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/mailer.ex
            defmodule Shop.Mailer do
              use GenServer

              def init(_opts), do: {:ok, adapter(Application.get_env(:shop, :env))}

              defp adapter(:test), do: [Shop.FakeSmtp]
              defp adapter(_env), do: [Shop.Smtp]
            end
            # file: test/support/tree.ex
            defmodule Shop.Tree do
              use Supervisor

              def start_link(_), do: Supervisor.start_link(__MODULE__, nil)

              def init(_) do
                children = if Mix.env() == :test, do: [], else: [Shop.Poller]
                Supervisor.init(children, strategy: :one_for_one, max_restarts: 1_000)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                Supervisor.start_link([Shop.Repo, {Shop.Clock, tick()}], strategy: :one_for_one)
              end

              defp tick do
                case Application.get_env(:shop, :env) do
                  :test -> 10
                  _ -> 1_000
                end
              end

              # The same children, with other arguments.
              def init(_opts) do
                clock = if Mix.env() == :test, do: {Shop.Clock, 10}, else: {Shop.Clock, 1_000}
                {:ok, {%{}, [clock]}}
              end

              if Mix.env() == :test do
                def reset, do: Shop.Storage.clear([Shop.Repo])
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              @greeting if(Mix.env() == :test, do: "hush", else: "hello")

              @impl true
              def start(_type, _args) do
                level = level(Application.get_env(:shop, :env))
                Logger.configure(level: level)
                IO.puts(@greeting)
                Supervisor.start_link([Shop.Repo], strategy: :one_for_one)
              end

              defp level(env) when env in [:test, :bench], do: :error
              defp level(_env), do: :info
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
                children = [{Shop.DynamicSupervisor, name: Shop.Carts, max_restarts: 100_000, max_seconds: 1}]
                Supervisor.start_link(children, strategy: :one_for_one)
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            if kinds(module) & {"Application", "Supervisor"}:
                yield from self._in_module(file, module)

    def _in_module(self, file: FileView, module: Module) -> Iterator[Finding]:
        graph = call_graph(module)
        judged: list[Span] = []
        for function, clause in _clauses_of_the_tree(graph):
            for question in questions(file.source, graph, clause):
                branches = [
                    branch
                    for branch in decided(file.source, graph, clause, question)
                    if function.kind != "body"
                    or any(map(defines_children, branch))
                    or is_list_of_children(question.node)
                ]
                finding = self._decides(file, module, function, question, branches)
                if finding is not None:
                    judged += [Span.between(b[0].start_byte, b[-1].end_byte) for b in branches]
                    yield finding
        for function, clause in _clauses_of_the_tree(graph):
            if function.kind != "body":
                yield from self._high_limits(file, module, function, clause, judged)

    def _decides(
        self, file: FileView, module: Module, function: Function, question: Question, branches: list[Branch]
    ) -> Finding | None:
        limits = sorted(set(limits_that_differ(branches)))
        children = _in_some(branches)
        if limits:
            severity, what = Severity.WARNING, f"decides over {_listed(limits)}"
        elif children:
            verb = "is" if len(children) == 1 else "are"
            what = f"decides whether {_listed(children)} {verb} started"
            modules = [child for child in children if child[:1].isupper()]
            foreign = bool(modules) and all(_is_foreign(module, child) for child in modules)
            severity = Severity.HINT if foreign else Severity.INFORMATION
        else:
            return None
        return self.report(
            file.facts.path,
            question.span,
            f"{question.words} {what}: the tests run another tree than production. Start one tree everywhere",
            snippet=file.source.text(question.span),
            scope=scope_of(module, function),
            severity=severity,
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
        )

    def _high_limits(
        self, file: FileView, module: Module, function: Function, clause: Clause, judged: list[Span]
    ) -> Iterator[Finding]:
        least = file.threshold(self, "max_restarts")
        for pair, restarts, seconds in high_limits(file.source.node_at(clause.span), least):
            span = Span.of(pair)
            if restarts < _PER_SECOND * seconds or any(other.contains(span) for other in judged):
                continue
            yield self.report(
                file.facts.path,
                span,
                f"{restarts} restarts in {seconds} seconds are allowed: a child that crashes at each start is"
                " started again and again, and no supervisor above hears of it",
                snippet=file.source.text(span),
                scope=scope_of(module, function),
                fix=FixKind.LLM,
            )


def _clauses_of_the_tree(graph: CallGraph) -> Iterator[tuple[Function, Clause]]:
    """What runs when the tree is built, and what the module's body decides during the build."""
    roots = [f for f in graph.module.functions if f.id in _ENTRIES or f.name == "start_link"]
    reached = graph.reached(roots)
    for function in graph.module.functions:
        if function.kind == "body" or (function.kind in ("def", "defp") and function.id in reached):
            for clause in function.clauses:
                yield function, clause


def _in_some(branches: list[Branch]) -> list[str]:
    """The children of some branches and not of all: those of all are there in any environment."""
    named = [[child for node in branch for child in children_in(node)] for branch in branches]
    everywhere = set(named[0]).intersection(*named[1:]) if len(named) > 1 else set[str]()
    return list(dict.fromkeys(child for names in named for child in names if child not in everywhere))


def _is_foreign(module: Module, child: str) -> bool:
    """An endpoint, or a process of a library: of another name space than the module itself."""
    own = module.name.partition(".")[0]
    return child[:1].isupper() and (
        child.endswith("Endpoint") or not child.startswith((f"{own}.", f"{own}Web."))
    )


def _listed(words: list[str]) -> str:
    shown = [f"`{word}`" for word in words]
    if len(shown) > 3:
        return f"{', '.join(shown[:2])} and {len(shown) - 2} others"
    return " and ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)
