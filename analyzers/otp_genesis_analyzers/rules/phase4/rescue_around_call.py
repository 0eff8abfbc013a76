from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from msgspec import structs
from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.exiting import can_raise, exits, wrapped_exit
from otp_genesis_analyzers.facts.calls.guarded import Guarded, Handler, guarded_in, guards_of
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, sites
from otp_genesis_analyzers.facts.model import Call, FileFacts, Module
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.source import Source, Span

_RELATED = "the call that exits"
_MAY_RAISE_IN_CALL = ("ArgumentError", "ErlangError")
"""A name behind `{:via, Registry, ...}` raises where its registry is not running."""


class RescueAroundCall(Rule):
    """A `rescue` stands around a call that fails by an exit, which it doesn't take.

    ## What it does
    Reports `GenServer.call`, `GenServer.stop`, `Task.await` or `Agent.get` under a `rescue`, or under a
    `catch` with one pattern, where no `catch` takes exits. The call may stand in a client function, of the
    same module or of another one of the project. It is **information** where something else under the
    `rescue` can raise: then it may be meant for that alone.

    ## Why it matters on the BEAM
    There are three ways to leave a function early, and each has its own handler: an exception goes to
    `rescue`, a thrown value to `catch value`, an exit to `catch :exit, reason`. A server that is not there,
    that crashes, or that doesn't answer in time makes its caller **exit**. So the branch that was written
    for this case never runs, and the caller dies of it.

    ## When it is legitimate
    Where a `catch :exit, _` or `catch kind, reason` stands beside the `rescue` or further out. Where
    `ArgumentError` is rescued: the name of a `Registry` that isn't running raises it. Around calls that
    raise, `rescue` is right. None of these is reported.

    ## Use instead
    ```elixir
    def get(key) do
      GenServer.call(Shop.Cache, {:get, key})
    catch
      :exit, _reason -> nil
    end
    ```
    A caller that can't go on without the answer is better off with no handler at all.

    ## Fix safety
    Unsafe: a failure that made the caller exit is now handled. The handler becomes one of exits; where
    something else can raise, a second one is added beside it. Refused when it treats what it took as an
    exception (`Exception.message(e)`, `e.message`), which an exit reason is not.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#call/3
    - https://hexdocs.pm/elixir/try-catch-and-rescue.html#exits
    - `tests/beam/rescue_does_not_take_exits.exs`
    """

    code = "OTP405"
    name = "rescue-around-call"
    severity = Severity.WARNING
    anchors = ("rescue", "catch")
    fixes = (FixKind.UNSAFE,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Cache do
              use GenServer

              def get(key) do
                GenServer.call(__MODULE__, {:get, key})
            #   ^^^^^^^^^^^^^^ warning: `rescue` doesn't take
              rescue
                _ -> nil
              end

              def size(cache) do
                try do
                  GenServer.call(cache, :size, 500)
            #     ^^^^^^^^^^^^^^ warning: `catch :exit, _` does
                rescue
                  error -> {:error, error}
                end
              end

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:get, key}, _from, state), do: {:reply, state[key], state}
              def handle_call(:size, _from, state), do: {:reply, map_size(state), state}
            end
            """,
            fixed="""
            defmodule Shop.Cache do
              use GenServer

              def get(key) do
                GenServer.call(__MODULE__, {:get, key})
              catch
                :exit, _ -> nil
              end

              def size(cache) do
                try do
                  GenServer.call(cache, :size, 500)
                catch
                  :exit, error -> {:error, error}
                end
              end

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:get, key}, _from, state), do: {:reply, state[key], state}
              def handle_call(:size, _from, state), do: {:reply, map_size(state), state}
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/stock.ex
            defmodule Shop.Stock do
              use GenServer

              def count(item, timeout \\\\ 5_000), do: GenServer.call(__MODULE__, {:count, item}, timeout)

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:count, item}, _from, state), do: {:reply, state[item], state}
            end
            # file: lib/shop/page.ex
            defmodule Shop.Page do
              alias Shop.Stock

              def left(item) do
                try do
                  Stock.count(item)
            #     ^^^^^^^^^^^ warning: `Stock.count` calls a server
                rescue
                  _ -> 0
                end
              end

              def left_now(item) do
                try do
                  item |> Stock.count(0)
            #             ^^^^^^^^^^^ warning
                catch
                  _ -> 0
                end
              end
            end
            """,
            fixed="""
            # file: lib/shop/page.ex
            defmodule Shop.Page do
              alias Shop.Stock

              def left(item) do
                try do
                  Stock.count(item)
                catch
                  :exit, _ -> 0
                end
              end

              def left_now(item) do
                try do
                  item |> Stock.count(0)
                catch
                  :exit, _ -> 0
                end
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Prices do
              alias Task, as: Work

              def fetch(shops) do
                tasks = Enum.map(shops, fn shop -> Work.async(fn -> Shop.Http.price(shop) end) end)

                try do
                  Work.await_many(tasks, 1_000)
            #     ^^^^^^^^^^^^^^^ warning: `Work.await_many` fails by an exit
                rescue
                  _error -> []
                end
              end

              def applied(server) do
                apply(GenServer, :call, [server, :price])
            #   ^^^^^ warning
              rescue
                _ -> nil
              end

              def current(agent), do: (try do ask(agent) rescue e in RuntimeError -> {:error, e} end)
            #                                 ^^^ warning: `ask` calls a server

              defp ask(agent), do: Agent.get(agent, & &1)
            end
            """,
            fixed="""
            defmodule Shop.Prices do
              alias Task, as: Work

              def fetch(shops) do
                tasks = Enum.map(shops, fn shop -> Work.async(fn -> Shop.Http.price(shop) end) end)

                try do
                  Work.await_many(tasks, 1_000)
                catch
                  :exit, _error -> []
                end
              end

              def applied(server) do
                apply(GenServer, :call, [server, :price])
              catch
                :exit, _ -> nil
              end

              def current(agent), do: (try do ask(agent) catch :exit, e -> {:error, e} end)

              defp ask(agent), do: Agent.get(agent, & &1)
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Orders do
              def total(orders, id) do
                order = Shop.Repo.get!(Shop.Order, id)
                GenServer.call(orders, {:total, order})
            #   ^^^^^^^^^^^^^^ information: what else can raise here
              rescue
                _ -> :error
              end
            end
            """,
            fixed="""
            defmodule Shop.Orders do
              def total(orders, id) do
                order = Shop.Repo.get!(Shop.Order, id)
                GenServer.call(orders, {:total, order})
              rescue
                _ -> :error
              catch
                :exit, _ -> :error
              end
            end
            """,
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Order.Draft do
              @moduledoc "What `new/1` does is the business of the macro."
              use Shop.Record

              def build(attributes) do
                {:ok, __MODULE__.new(attributes)}
              rescue
                error -> {:error, error}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Cache do
              def get(cache, key) do
                GenServer.call(cache, {:get, key})
              catch
                :exit, _ -> nil
              end

              def size(cache) do
                GenServer.call(cache, :size)
              rescue
                error -> {:error, error}
              catch
                kind, reason -> {:error, {kind, reason}}
              end

              def first(cache) do
                try do
                  GenServer.call(cache, :first)
                rescue
                  _ -> nil
                end
              catch
                :exit, {:noproc, _} -> nil
              end

              def put(cache, key, value), do: GenServer.cast(cache, {:put, key, value})
            end
            """
        ),
        Example(
            """
            defmodule Shop.Lookup do
              def find(shop, id) do
                GenServer.call({:via, Registry, {Shop.Registry, shop}}, {:find, id})
              rescue
                ArgumentError -> :no_registry
              end

              def note(orders, text) do
                {:ok, note} = GenServer.call(orders, {:note, text})
                note
              rescue
                MatchError -> :error
              end

              def parse(cache, text) do
                number = String.to_integer(text)
                GenServer.cast(cache, {:number, number})
              rescue
                ArgumentError -> :error
              end

              def send_later(cache, key) do
                try do
                  Task.Supervisor.start_child(Shop.Tasks, fn -> GenServer.call(cache, key) end)
                rescue
                  _ -> :error
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/stock.ex
            defmodule Shop.Stock do
              def count(item) do
                GenServer.call(Shop.Store, {:count, item})
              catch
                :exit, _ -> 0
              end

              def price(item), do: item |> Shop.Money.parse!() |> ask()
              def reserve(item), do: GenServer.cast(Shop.Store, {:reserve, item})

              defp ask(price), do: GenServer.call(Shop.Store, {:price, price})
            end
            # file: lib/shop/page.ex
            defmodule Shop.Page do
              def left(item) do
                Shop.Stock.count(item)
              rescue
                _ -> 0
              end

              def price(item) do
                Shop.Stock.price(item)
              rescue
                _ -> 0
              end

              def reserve(item) do
                Shop.Stock.reserve(item)
              rescue
                _ -> 0
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Handlers do
              def failed(cache) do
                Shop.Import.run!()
              rescue
                error -> GenServer.call(cache, {:failed, error})
              after
                GenServer.call(cache, :done)
              end

              def thrown(cache) do
                Enum.each(1..3, fn n -> if GenServer.call(cache, n), do: throw({:found, n}) end)
              catch
                {:found, n} -> n
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/cache_test.exs
            defmodule Shop.CacheTest do
              use ExUnit.Case

              test "exits" do
                try do
                  GenServer.call(:nobody, :get)
                rescue
                  _ -> flunk("no exception")
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Capture do
              def run(device, fun) do
                fun.()
                GenServer.call(device, :flush)
              rescue
                error -> {:error, error}
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            graph = call_graph(module)
            for guarded, inside in _missing_exits(file.source, module):
                found = _exiting(graph, guarded, inside)
                if found is not None:
                    yield from self._judged(file, graph, guarded, found)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        found = _sites_at(project.files[finding.path].facts, finding.span)
        site = found[0] if found else None
        if (
            site is None
            or any(exits(one.call) for one in found)
            or site.call.module in ("", site.module.name)
        ):
            return finding
        callee = project.callee(site.call)
        if callee is None:
            return None
        entry, function = callee
        inner = wrapped_exit(call_graph(entry.module), function)
        if inner is None:
            return None
        return structs.replace(finding, related=(Related(entry.path, inner.head, _RELATED),))

    def _judged(self, file: FileView, graph: CallGraph, guarded: Guarded, site: Site) -> Iterator[Finding]:
        alone = _is_all_that_can_fail(graph, guarded, site)
        if not alone and not any(handler.takes_all for handler in guarded.handlers):
            return
        head, direct = file.source.text(site.call.head), exits(site.call)
        handler = "`rescue`" if guarded.handlers[0].section == "rescue" else "a `catch` with one pattern"
        fails = f"`{head}` fails" if direct else f"`{head}` calls a server, and fails"
        end = ": `catch :exit, _` does" if alone else "; it may be meant for what else can raise here"
        wrapper = graph.target(site.call)
        inner = wrapped_exit(graph, wrapper) if wrapper is not None else None
        yield self.report(
            file.facts.path,
            site.call.head,
            f"{fails} by an exit, which {handler} doesn't take{end}",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            severity=Severity.WARNING if alone else Severity.INFORMATION,
            confidence=Confidence.EXACT if direct and alone else Confidence.STRONG,
            fix=FixKind.UNSAFE,
            related=(Related(file.facts.path, inner.head, _RELATED),) if inner is not None else (),
        )


def _sites_at(facts: FileFacts, head: Span) -> list[Site]:
    """`apply(GenServer, :call, [pid, :ask])` is a call of `apply/3` and one of `GenServer.call/2`."""
    inside = (module for module in facts.modules if module.span.contains(head))
    return [site for module in inside for site in sites(module) if site.call.head == head]


def _missing_exits(source: Source, module: Module) -> Iterator[tuple[Guarded, list[Site]]]:
    """Guards by which an exit passes, with the calls that stand directly under each."""
    for function in module.functions:
        for clause in function.clauses if function.kind in ("def", "defp") else ():
            guards = guarded_in(source, clause)
            inside: dict[int, list[Call]] = {}
            for call in clause.calls if guards else ():
                around = guards_of(guards, clause, call)
                if around and not any(guarded.takes_exits for guarded in around):
                    inside.setdefault(guards.index(around[-1]), []).append(call)
            for index, calls in inside.items():
                if all(map(_misses_the_failure, guards[index].handlers)) and not _runs_what_it_was_given(
                    guards[index]
                ):
                    yield guards[index], [Site(module, function, clause, call) for call in calls]


def _exiting(graph: CallGraph, guarded: Guarded, inside: list[Site]) -> Site | None:
    """The call that exits; else the one that may be a client function of another module."""
    for site in inside:
        target = graph.target(site.call)
        if exits(site.call) or (target is not None and wrapped_exit(graph, target) is not None):
            return site
    clients = [
        site
        for site in inside
        if site.call.form == "call" and "." in site.call.module and site.call.module != site.module.name
    ]
    alone = (site for site in clients if _is_all_that_can_fail(graph, guarded, site))
    return next(alone, None)


def _misses_the_failure(handler: Handler) -> bool:
    """Written for a failure of the call as far as one can tell, not for a name that can't be looked up."""
    if handler.section == "catch":
        return handler.takes_all
    return not any(
        name in syntax.text(pattern) for pattern in handler.patterns for name in _MAY_RAISE_IN_CALL
    )


def _is_all_that_can_fail(graph: CallGraph, guarded: Guarded, site: Site) -> bool:
    calls = (call for call in site.clause.calls if guarded.holds(call.span) and call.head != site.call.head)
    others = tuple(call for call in calls if call.runs == "here")
    return not can_raise(graph, others) and not any(map(_may_not_match, guarded.body))


def _runs_what_it_was_given(guarded: Guarded) -> bool:
    """`fun.()`: the handlers are for whatever that does."""
    return any(
        target.type == "dot" and syntax.right(target) is None
        for node in guarded.body
        for inner in syntax.below(node)
        if inner.type == "call" and (target := syntax.call_target(inner)) is not None
    )


def _may_not_match(node: Node) -> bool:
    """`{:ok, value} = ...` somewhere in it."""
    return any(
        inner.type == "binary_operator"
        and syntax.operator(inner) == "="
        and (pattern := syntax.left(inner)) is not None
        and pattern.type != "identifier"
        for inner in syntax.below(node)
    )
