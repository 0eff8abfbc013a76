from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.clause_results import statements
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, site_at, sites
from otp_genesis_analyzers.facts.messages.client_api import addressee
from otp_genesis_analyzers.facts.messages.shapes import has_shape_of, sent, taken
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.callbacks import callback_chains
from otp_genesis_analyzers.facts.processes.kinds import Kind, kinds
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term

_JUDGED: frozenset[Kind] = frozenset({"GenServer"})
_CHANGE = frozenset(
    {"book", "charge", "commit", "create", "delete", "deposit", "insert", "pay", "put", "remove", "reserve"}
    | {"save", "store", "transfer", "update", "withdraw", "write"}
)
"""The first word of messages after which something is to be there, or gone."""
_MAY_BE_LOST = frozenset(
    {"broadcast", "cache", "counter", "counters", "event", "heartbeat", "hit", "invalidate", "log", "logger"}
    | {"logs", "metric", "metrics", "monitor", "notify", "presence", "refresh", "stat", "stats", "status"}
    | {"telemetry", "timestamp", "touch", "trace", "tracker", "usage"}
)
"""Words of messages and modules for which it does no harm when one is lost now and then."""


class CastNeedsAck(Rule):
    """A function tells its caller `:ok` when all that it did was to cast a change.

    ## What it does
    Reports a **hint** at `GenServer.cast` in a public function of a server that gives the `:ok` of the cast
    to its caller, or an `:ok` of its own right behind it, where the message is named after a change: create,
    update, delete, put, save, charge, transfer and the like. It says so where a caller looks at that `:ok`.

    ## Why it matters on the BEAM
    `GenServer.cast/2` returns `:ok` at once, whatever becomes of the message: the server may be dead, may
    crash on it, or may have a mailbox full of others. Whoever is told `:ok` believes that the change is made.
    `GenServer.call/3` returns when it is, and exits when it can't be.

    ## When it is legitimate
    Where a lost message does no harm: metrics, logs, notifications, caches. Where the caller must not wait,
    as a decision. Messages of other names, and casts that don't decide what the function returns. None of
    these is reported. It is a matter of opinion, so the rule is in the preset `strict`.

    ## Use instead
    ```elixir
    def transfer(from, to, amount), do: GenServer.call(__MODULE__, {:transfer, from, to, amount})
    ```

    ## Fix safety
    Unsafe: callers now wait for the server, and exit when it doesn't answer. The clause of `handle_cast/2`
    becomes one of `handle_call/3` that answers `:ok`, and every cast of the message a call. Refused where
    the message has several clauses, and where a callback casts it: a server can't call itself.

    ## References
    - https://hexdocs.pm/elixir/GenServer.html#cast/2
    - `tests/beam/cast_needs_ack.exs`
    """

    code = "OTP403"
    name = "cast-needs-ack"
    severity = Severity.HINT
    default = False
    anchors = ("GenServer cast", "gen_server cast")
    fixes = (FixKind.UNSAFE,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Bank do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def transfer(from, to, sum), do: GenServer.cast(__MODULE__, {:transfer, from, to, sum})
            #                                  ^^^^^^^^^^^^^^ hint: `transfer/3` answers `:ok`

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_cast({:transfer, from, to, sum}, accounts) do
                {:noreply, move(accounts, from, to, sum)}
              end

              defp move(accounts, from, to, sum), do: [{from, to, sum} | accounts]
            end
            """,
            fixed="""
            defmodule Shop.Bank do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def transfer(from, to, sum), do: GenServer.call(__MODULE__, {:transfer, from, to, sum})

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call({:transfer, from, to, sum}, _from, accounts) do
                {:reply, :ok, move(accounts, from, to, sum)}
              end

              defp move(accounts, from, to, sum), do: [{from, to, sum} | accounts]
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/stock.ex
            defmodule Shop.Stock do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :stock)
              def count, do: GenServer.call(:stock, :count)

              def save_item(item) do
                item = Map.put(item, :saved, true)
                GenServer.cast(:stock, {:save_item, item})
            #   ^^^^^^^^^^^^^^ hint: and `Shop.Orders.take/1` looks at it
              end

              def init(opts), do: {:ok, opts}

              def handle_call(:count, _from, items), do: {:reply, length(items), items}

              def handle_cast(:clear, _items), do: {:noreply, []}
              def handle_cast({:save_item, item}, all), do: {:noreply, Enum.take([item | all], 9)}
            end
            # file: lib/shop/orders.ex
            defmodule Shop.Orders do
              def take(item) do
                with :ok <- Shop.Stock.save_item(item), do: {:ok, item}
              end
            end
            """,
            fixed="""
            # file: lib/shop/stock.ex
            defmodule Shop.Stock do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: :stock)
              def count, do: GenServer.call(:stock, :count)

              def save_item(item) do
                item = Map.put(item, :saved, true)
                GenServer.call(:stock, {:save_item, item})
              end

              def init(opts), do: {:ok, opts}

              def handle_call(:count, _from, items), do: {:reply, length(items), items}

              def handle_call({:save_item, item}, _from, all), do: {:reply, :ok, Enum.take([item | all], 9)}

              def handle_cast(:clear, _items), do: {:noreply, []}
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Cart do
              use GenServer

              def put_first(cart, sku) do
                GenServer.cast(cart, {:put, sku, 1})
            #   ^^^^^^^^^^^^^^ hint
                :ok
              end

              def put(cart, sku, count \\\\ 1) do
                cart |> GenServer.cast({:put, sku, count})
            #           ^^^^^^^^^^^^^^ hint
              end

              def remove(cart, sku) do
                if sku do
                  GenServer.cast(cart, {:remove, sku})
            #     ^^^^^^^^^^^^^^ hint
                else
                  {:error, :no_sku}
                end
              end

              def init(opts), do: {:ok, opts}
              def handle_cast({:put, sku, count}, items), do: {:noreply, Map.put(items, sku, count)}
              def handle_cast({:remove, sku}, items), do: {:noreply, Map.delete(items, sku)}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Ledger do
              @behaviour GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def commit, do: commit_now()
              def init(opts), do: {:ok, opts}
              def handle_cast(:commit, state), do: {:noreply, state}

              def commit_now do
                :gen_server.cast(__MODULE__, :commit)
            #   ^^^^^^^^^^^^^^^^ hint: `commit_now/0`
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Bank do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts, name: __MODULE__)
              def transfer(from, to, sum), do: GenServer.call(__MODULE__, {:transfer, from, to, sum})
              def poll(bank), do: GenServer.cast(bank, :poll)
              def notify(bank, news), do: GenServer.cast(bank, {:notify, news})
              def init(opts), do: {:ok, opts}
              def handle_call({:transfer, from, to, sum}, _from, state), do: {:reply, {from, to, sum}, state}
              def handle_cast(:poll, state), do: {:noreply, state}
              def handle_cast({:notify, _news}, state), do: {:noreply, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Metrics do
              use GenServer

              def put(name, value), do: GenServer.cast(__MODULE__, {:put, name, value})
              def init(opts), do: {:ok, opts}
              def handle_cast({:put, name, value}, state), do: {:noreply, Map.put(state, name, value)}
            end

            defmodule Shop.Visits do
              use GenServer

              def hit(page), do: GenServer.cast(__MODULE__, {:update_counter, page})
              def log(line), do: GenServer.cast(__MODULE__, {:write_log, line})
              def init(opts), do: {:ok, opts}
              def handle_cast({:update_counter, _page}, state), do: {:noreply, state}
              def handle_cast({:write_log, _line}, state), do: {:noreply, state}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Index do
              use GenServer

              def save(index, item) do
                GenServer.cast(index, {:save, item})
                item
              end

              def later(index, item), do: fn -> GenServer.cast(index, {:save, item}) end
              def each(index, items), do: Enum.each(items, &GenServer.cast(index, {:save, &1}))
              def init(opts), do: {:ok, opts}
              def handle_cast({:save, item}, items), do: {:noreply, [item | items]}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Room do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_info(:full, state) do
                GenServer.cast(state.house, {:delete, self()})
                {:noreply, state}
              end

              def handle_cast({:delete, _room}, state), do: {:noreply, state}

              defp put(room, user), do: GenServer.cast(room, {:put, user})

              def enter(room, user) do
                put(room, user)
                {:ok, user}
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/desk.ex
            defmodule Shop.Desk do
              @moduledoc "No server: OTP307 has a word for it."
              def save(item), do: GenServer.cast(Shop.Store, {:save, item})
            end
            # file: test/support/store.ex
            defmodule Shop.FakeStore do
              use GenServer

              def save(item), do: GenServer.cast(__MODULE__, {:save, item})
              def init(opts), do: {:ok, opts}
              def handle_cast({:save, item}, items), do: {:noreply, [item | items]}
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            if kinds(module) & _JUDGED and not _words(module.name.rpartition(".")[2]) & _MAY_BE_LOST:
                for site, message in _casts(file.source, module):
                    yield self._finding(file, site, message)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        """Says who looks at the `:ok`, where somebody in the project does."""
        site = site_at(project.files[finding.path].facts, finding.span)
        if site is None:
            return None
        user = next(_users(project, site), None)
        if user is None:
            return finding
        path, looking = user
        return structs.replace(
            finding,
            message=f"{finding.message}; and `{looking.scope}` looks at it",
            confidence=Confidence.STRONG,
            related=(Related(path, looking.call.head, "looks at the `:ok`"),),
        )

    def _finding(self, file: FileView, site: Site, message: Term) -> Finding:
        return self.report(
            file.facts.path,
            site.call.head,
            f"`{site.function.id}` answers `:ok` for `:{message.tag}`, whatever becomes of the cast; "
            "a call says when it is done",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            confidence=Confidence.HEURISTIC,
            fix=FixKind.UNSAFE if site.call.form == "call" else None,
        )


def _casts(source: Source, module: Module) -> Iterator[tuple[Site, Term]]:
    """The casts of a change whose `:ok` a client function returns, or an `:ok` of its own in its place."""
    inside = callback_chains(call_graph(module))
    for message in sent(module):
        site, tag = message.site, message.message.tag
        if message.way != "cast" or tag is None or site.call.closure >= 0:
            continue
        if site.call.result != "returned" and not _is_followed_by_ok(source, site):
            continue
        if not site.function.public or site.function.id in inside or not _is_change(message.message):
            continue
        own = addressee(module, message.server) == module.name
        if own and any(c.way == "cast" and has_shape_of(c.pattern, message.message) for c in taken(module)):
            yield site, message.message


def _is_followed_by_ok(source: Source, site: Site) -> bool:
    """The cast and `:ok` are the last two statements."""
    body = statements(source, site.clause)
    if len(body) < 2 or syntax.text(body[-1]) != ":ok":
        return False
    return body[-2].end_byte == site.call.span.end and body[-2].start_byte <= site.call.span.start


def _is_change(message: Term) -> bool:
    """Named after a change, with what is to be changed; `:save` and `:commit` mean all that there is."""
    words = (message.tag or "").split("_")
    carries = message.kind == "tuple" or words[0] in ("commit", "save")
    return carries and words[0] in _CHANGE and _MAY_BE_LOST.isdisjoint(words)


def _words(name: str) -> frozenset[str]:
    """`cache` and `store` of `CacheStore`."""
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)
    return frozenset(spaced.split())


def _users(project: Project, site: Site) -> Iterator[tuple[str, Site]]:
    """The places that match the value of the function against `:ok`, or decide by it."""
    for facts in project.naming(site.module.name, calling=(site.function.name,), in_application=True):
        for module in production_modules(facts, project.role_of(facts.path)):
            for other in sites(module):
                call = other.call
                if call.module == site.module.name and call.name == site.function.name:
                    matched = call.bound_to is not None and call.bound_to.is_atom("ok")
                    if (matched or call.result == "subject") and site.function.accepts(call.arity):
                        yield facts.path, other
