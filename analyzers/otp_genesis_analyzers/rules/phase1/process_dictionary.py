from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import ClassVar, NamedTuple

from msgspec import structs

from otp_genesis_analyzers.facts.calls.provenance import argument_nodes
from otp_genesis_analyzers.facts.calls.sites import production_modules, site_at
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.processes.dictionary import (
    Slot,
    accumulates,
    is_cached,
    is_scoped,
    is_temporary,
    keeps_process,
    slots,
)
from otp_genesis_analyzers.facts.processes.kinds import SERVERS, kinds
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_analyzers.terms import Term

_CONTEXT = ("context", "trace", "span", "metadata", "locale", "logger", "request_id", "correlation")
"""Parts of the names of what is carried along for everything that a process does."""
_OF_ONE_RUN = (*_CONTEXT, "breadcrumb", "scope", "stack", "tags", "depth", "nesting")
"""Parts of the names of collections that are meant to be one for each process."""
_FOR_TESTS = frozenset({"Test", "Testing", "TestHelpers", "Sandbox"})
"""Last parts of the names of modules that a package brings for the tests of its users."""

_DOUBLES = ("Mock", "Fake", "Stub", "TestDouble")
"""How the names of modules begin or end that stand in for another one."""

_KEPT = "{target} keeps {key} in the process dictionary"
_IN_SERVER = f"{_KEPT}, where no callback shows it: keep it in the server's state"
_UNSEEN = f"{_KEPT}, where no signature shows it and no other process has it: hand it on as an argument"
_ALONE = ", which belongs to this process alone"


class ProcessDictionary(Rule):
    """Something is kept in the process dictionary, where no signature shows it.

    ## What it does
    Reports `Process.put` and `:erlang.put` in application code. It is a **warning** where

    - a collection is read, added to and put back under one key by a module that is no process: a store
      that each caller has its own of;
    - the pid of a process that was just started is kept: the only handle on it goes with the caller;
    - another module reads the key (reported where it is read).

    It is **information** elsewhere, also where such a collection is read. It is a **hint** for context like
    a trace and for a key that is only known at run time; `Process.get` and `Process.delete` are hints too.
    Preset `default` shows no hints of this rule.

    ## Why it matters on the BEAM
    The dictionary belongs to one process. What one process puts there no other one has: not the task that
    it starts, not the next request that another process serves. It is gone with the process, and nothing in
    a function's head says that its result depends on it.

    ## When it is legitimate
    Keys of the runtime like `:"$callers"`; a flag that the same function takes out again in `after`; a
    fresh reference as the key; tests, Mix tasks and scripts. None of these is reported. A collection named
    as a scope, a stack or a context is meant to be one for each process, one that is deleted as a whole is
    gathered for a while, and a callback may have no argument to hand a value on in: all are information. What
    a module does that stands in for another one in tests (`MockBank`, `BankStub`) is a hint. In
    a library, if it is no part of an umbrella, only the first two warnings are given, and in a published
    package little of the information.

    ## Use instead
    ```elixir
    def load(%{tenant: tenant}), do: Shop.Repo.all(Shop.Order, prefix: tenant)
    ```
    An argument for what a function needs, the state of a server for what is to stay, an ETS table or a
    `Registry` for what several processes look up.

    ## Fix safety
    There is no mechanical fix: the value has to be handed through the functions that need it. A model can
    propose one.

    ## References
    - https://hexdocs.pm/elixir/Process.html#put/2
    - `tests/beam/process_dictionary.exs`
    """

    code = "OTP107"
    name = "process-dictionary"
    severity = Severity.INFORMATION
    default_from = Severity.INFORMATION
    anchors = ("Process put", "Process.get", "Process.delete", ":erlang put", ":erlang erase")
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/tenants.ex
            defmodule Shop.Tenants do
              def choose(id), do: Process.put(:tenant, id)
            #                     ^^^^^^^^^^^ information: keeps `:tenant` in the process dictionary
            end
            # file: lib/shop/orders.ex
            defmodule Shop.Orders do
              def all do
                Shop.Repo.all(Shop.Order, prefix: Process.get(:tenant))
            #                                     ^^^^^^^^^^^ warning: `Shop.Tenants` puts it there
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Agents do
              def register(id, pid) do
                agents = Process.get(:agents, %{})
            #            ^^^^^^^^^^^ information
                agents = Map.put(agents, id, pid)
                Process.put(:agents, agents)
            #   ^^^^^^^^^^^ warning: each caller has a collection of its own
              end

              def log(line), do: :erlang.put(:lines, [line | :erlang.get(:lines)])
            #                    ^^^^^^^^^^^ warning: under `:lines`

              def note(id, line), do: Process.put({:notes, id}, [line | Process.get({:notes, id}, [])])
            #                         ^^^^^^^^^^^ warning
            #                                                           ^^^^^^^^^^^ hint
            end

            defmodule Shop.RequestContext do
              def merge(new), do: Process.put(__MODULE__, Map.merge(Process.get(__MODULE__, %{}), new))
            #                     ^^^^^^^^^^^ information: where no signature shows it
            #                                                       ^^^^^^^^^^^ information
            end

            defmodule Shop.Tokens do
              @moduledoc "What is kept of one request begins with it."
              def begin(secret), do: Process.put(:tokens, %{secret: secret})
            #                        ^^^^^^^^^^^ information

              def add(host, token), do: Process.put(:tokens, Map.put(Process.get(:tokens), host, token))
            #                           ^^^^^^^^^^^ warning
            #                                                        ^^^^^^^^^^^ information
            end

            defmodule Shop.Subscriptions do
              @moduledoc "What is kept of one document ends with it."
              def fields(id), do: Process.get({__MODULE__, id}, [])
            #                     ^^^^^^^^^^^ hint

              def add_fields(id, keys), do: Process.put({__MODULE__, id}, keys ++ fields(id))
            #                               ^^^^^^^^^^^ hint

              def delete_fields(id), do: Process.delete({__MODULE__, id})
            #                            ^^^^^^^^^^^^^^ hint
            end
            """
        ),
        Example(
            """
            defmodule Shop.Watch do
              def start(server) do
                watcher = spawn(fn -> watch(server) end)
                Process.put({:watcher, server}, watcher)
            #   ^^^^^^^^^^^ warning: the only handle on the process
                :ok
              end

              def stop(server), do: Process.delete({:watcher, server})
            #                       ^^^^^^^^^^^^^^ hint

              defp watch(server) do
                if Process.alive?(server), do: watch(server)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Rates do
              @key :rates

              def all do
                case Process.get(@key) do
            #        ^^^^^^^^^^^ hint
                  nil ->
                    rates = GenServer.call(Shop.Bank, :rates)
                    Process.put(@key, rates)
            #       ^^^^^^^^^^^ information: an old value stays as long as the process lives
                    rates

                  rates ->
                    rates
                end
              end

              def trace(id), do: Process.put(:trace_context, id)
            #                    ^^^^^^^^^^^ hint

              def quietly(function) do
                Process.put(:quiet, true)
            #   ^^^^^^^^^^^ information: an exception leaves it there
                result = function.()
                Process.delete(:quiet)
                result
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Cart do
              use GenServer

              @impl true
              def init(opts) do
                Process.put(:opts, opts)
            #   ^^^^^^^^^^^ information: keep it in the server's state
                {:ok, []}
              end

              @impl true
              def handle_cast({:add, item}, items) do
                :items |> Process.put([item | items])
            #             ^^^^^^^^^^^ information
                {:noreply, items}
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/scope.ex
            defmodule Shop.Scope do
              def assign(name, value) do
                Process.put(:rule_scope, Map.put(Process.get(:rule_scope, %{}), name, value))
            #   ^^^^^^^^^^^ information: where no signature shows it
            #                                    ^^^^^^^^^^^ information
              end
            end
            # file: lib/shop/notices.ex
            defmodule Shop.Notices do
              def add(notice) do
                Process.put(:shop_notices, [notice | Process.get(:shop_notices, [])])
            #   ^^^^^^^^^^^ information: under `:shop_notices`
            #                                        ^^^^^^^^^^^ information
              end

              def counter(name) do
                {:ok, pid} = Agent.start_link(fn -> 0 end)
                Process.put({:shop_counter, name}, pid)
            #   ^^^^^^^^^^^ information: where no signature shows it
                pid
              end
            end
            # file: lib/shop/transaction.ex
            defmodule Shop.Transaction do
              def commit, do: Enum.each(Process.delete(:shop_notices) || [], &Shop.Mailer.deliver/1)
            #                           ^^^^^^^^^^^^^^ hint
            end
            # file: lib/shop_web/plugs/correlate.ex
            defmodule ShopWeb.Plugs.Correlate do
              def call(conn, _opts), do: Process.put(:correlation_id, conn.assigns.id)
            #                            ^^^^^^^^^^^ hint
            end
            # file: lib/shop/log.ex
            defmodule Shop.Log do
              def write(line), do: Shop.Files.append(Process.get(:correlation_id), line)
            #                                        ^^^^^^^^^^^ hint
            end
            # file: lib/shop_web/socket.ex
            defmodule ShopWeb.Socket do
              def remember(id), do: Process.put(:shop_id, id)
            #                       ^^^^^^^^^^^ information
            end
            # file: lib/shop_web/serializer.ex
            defmodule ShopWeb.Serializer do
              @behaviour Phoenix.Socket.Serializer

              @impl true
              def encode!(message), do: Map.put(message, :shop, Process.get(:shop_id))
            #                                                   ^^^^^^^^^^^ information
            end
            """
        ),
        Example(
            """
            # file: config/config.exs
            import Config
            config :shop, bank: Shop.Bank
            # file: config/test.exs
            import Config
            config :shop, bank: Shop.MockBank
            # file: lib/shop/mock_bank.ex
            defmodule Shop.MockBank do
              @moduledoc "Stands in for the bank, and remembers what it was asked."
              def pay(sum) do
                Process.put(:payments, [sum | payments()])
            #   ^^^^^^^^^^^ hint: keeps a collection
                :ok
              end

              def payments, do: Process.get(:payments, [])
            #                   ^^^^^^^^^^^ hint
            end
            """
        ),
        Example(
            """
            # file: lib/shop/stub_bank.ex
            defmodule Shop.StubBank do
              def pay(sum) do
                Process.put(:payments, [sum | Process.get(:payments, [])])
            #   ^^^^^^^^^^^ warning: keeps a collection
            #                                 ^^^^^^^^^^^ information
              end
            end
            # file: lib/shop/till.ex
            defmodule Shop.Till do
              def pay(sum), do: Shop.StubBank.pay(sum)
            end
            """
        ),
        Example(
            """
            # file: mix.exs
            defmodule Shop.MixProject do
              use Mix.Project
              def project, do: [apps_path: "apps", version: "0.1.0"]
            end
            # file: apps/shop_csv/mix.exs
            defmodule Shop.Csv.MixProject do
              use Mix.Project
              def project, do: [app: :shop_csv, version: "0.1.0"]
              def application, do: [extra_applications: [:logger]]
            end
            # file: apps/shop_csv/lib/shop/csv.ex
            defmodule Shop.Csv do
              def rows([_names | rows] = all) do
                if Process.get(__MODULE__, %{})[:began?] do
            #      ^^^^^^^^^^^ hint
                  all
                else
                  Process.put(__MODULE__, %{began?: true})
            #     ^^^^^^^^^^^ information
                  rows
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/test.ex
            defmodule Shop.Test do
              def choose_bank(name) do
                Process.put({:shop_test, :bank}, name)
            #   ^^^^^^^^^^^ information: keeps `{:shop_test, :bank}`
                name
              end
            end
            # file: lib/shop/bank.ex
            defmodule Shop.Bank do
              def name, do: Process.get({:shop_test, :bank}) || __MODULE__
            #               ^^^^^^^^^^^ hint: belongs to this process alone
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Callers do
              def all, do: [self() | Process.get(:"$callers", [])]
              def ancestors, do: Process.get(:"$ancestors") || []
              def seed(seed), do: Process.put(:rand_seed, seed)
              def label(text), do: Process.put(:"$process_label", text)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Parser do
              def parse(text) do
                Process.put(:shop_comments, [])
                {Shop.Lexer.tokens(text, &note/1), Enum.reverse(Process.get(:shop_comments))}
              after
                Process.delete(:shop_comments)
              end

              defp note(comment), do: Process.put(:shop_comments, [comment | Process.get(:shop_comments)])
            end

            defmodule Shop.Drainer do
              def drain(queue) do
                Process.put(:shop_draining, true)
                Shop.Queue.run_all(queue)
              after
                Process.delete(:shop_draining)
              end

              def quietly(function) do
                before = Process.get(:quiet)
                Process.put(:quiet, true)

                try do
                  function.()
                after
                  Process.put(:quiet, before)
                end
              end

              def loudly(function) do
                old = Process.get(:quiet)
                Process.put(:quiet, false)
                function.()
              after
                Process.put(:quiet, old)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Channel do
              def open do
                ref = make_ref()
                Process.put(ref, %{})
                ref
              end

              def put(ref, key, value), do: Process.put(ref, Map.put(Process.get(ref), key, value))
              def close(ref), do: Process.delete(ref)
              def note(ref, row), do: Process.put({:rows, ref}, [row | Process.get({:rows, ref}, [])])
            end
            """
        ),
        Example(
            """
            # file: test/shop/tenants_test.exs
            defmodule Shop.TenantsTest do
              use ExUnit.Case

              test "chooses" do
                Process.put(:tenant, 1)
                assert Process.get(:tenant) == 1
              end
            end
            # file: lib/mix/tasks/shop.seed.ex
            defmodule Mix.Tasks.Shop.Seed do
              use Mix.Task
              def run(args), do: Process.put(:args, args)
            end
            # file: lib/shop/store.ex
            defmodule Shop.Store do
              alias Shop.Process

              def put(key, value), do: Process.put(key, value)
              def text, do: "Process.put(:a, 1)"

              defmacro kept(key) do
                quote do: Elixir.Process.put(unquote(key), true)
              end
            end
            """
        ),
        Example(
            """
            # file: mix.exs
            defmodule Shop.MixProject do
              use Mix.Project

              def project, do: [app: :shop, version: "1.0.0", package: [licenses: ["MIT"]]]
              def application, do: [extra_applications: [:logger]]
            end
            # file: lib/shop/acknowledger.ex
            defmodule Shop.Acknowledger do
              def mark(module), do: Process.put(:shop_module, module)
              def add(row), do: Process.put(:shop_rows, [row | Process.get(:shop_rows, [])])
            end
            # file: lib/shop/reader.ex
            defmodule Shop.Reader do
              def module, do: Process.get(:shop_module)
              def rows, do: Process.delete(:shop_rows)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Info do
              def size(pid), do: Process.info(pid, :dictionary)
              def put(map, key, value), do: Map.put(map, key, value)
              def name(pid), do: Process.register(pid, :shop)
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            found = list(_lasting_slots(file.source, module))
            is_server = bool(kinds(module) & SERVERS)
            stores = [] if is_server else [slot for slot in found if slot.act == "put" and slot.is_constant]
            stored = [slot.key for slot in stores if accumulates(file.source, slot)]
            for slot in found:
                if not _is_half(slot):
                    yield self._finding(file, slot, stored, is_server=is_server)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        if finding.severity is Severity.WARNING and _is_emptied(finding, project):
            finding = structs.replace(finding, severity=Severity.INFORMATION)
        app = project.app_of(finding.path)
        if app is not None and app.is_library and not project.is_part_of_umbrella(app):
            return finding if finding.severity is Severity.WARNING else None
        if finding.severity is Severity.HINT:
            return _read_elsewhere(finding, project)
        if _is_in_double(finding, project):
            return structs.replace(finding, severity=Severity.HINT)
        is_plain = finding.confidence is Confidence.HEURISTIC
        if app is not None and app.packaged and finding.severity is Severity.INFORMATION and is_plain:
            return structs.replace(finding, severity=Severity.HINT)
        return finding

    def _finding(self, file: FileView, slot: Slot, stored: list[Term], *, is_server: bool) -> Finding:
        severity, words = _judged(file.source, slot, stored, is_server=is_server)
        is_plain = severity is Severity.INFORMATION and words in (_IN_SERVER, _UNSEEN)
        call = slot.site.call
        return self.report(
            file.facts.path,
            call.head,
            words.format(target=f"`{call.target.rpartition('/')[0]}`", key=_written(file.source, slot)),
            snippet=file.source.text(call.span),
            scope=slot.site.scope,
            severity=severity,
            confidence=Confidence.HEURISTIC if is_plain else Confidence.STRONG,
            fix=FixKind.LLM,
        )


def _lasting_slots(source: Source, module: Module) -> Iterator[Slot]:
    """Those of keys that are not taken out again in an `after`, by the function itself or around it."""
    found = list(slots(module))
    scoped = {slot.key for slot in found if is_scoped(source, slot)}
    for slot in found:
        if slot.key not in scoped or (slot.site.function.public and not is_scoped(source, slot)):
            yield slot


def _is_half(slot: Slot) -> bool:
    """The other half of a put in the same function; a read by a name that is too common to look for."""
    if slot.act == "delete":
        return is_temporary(slot)
    return slot.act == "get" and slot.site.call.module == ":erlang"


def _judged(source: Source, slot: Slot, stored: list[Term], *, is_server: bool) -> tuple[Severity, str]:
    """Level and message; `{target}` is the function called, `{key}` the key as it is written.

    `stored` are the keys under which the module keeps a collection for its callers.
    """
    if slot.act != "put":
        done = "reads {key} from" if slot.act == "get" else "takes {key} out of"
        is_store = slot.act == "get" and slot.key in stored
        severity = Severity.INFORMATION if is_store else Severity.HINT
        return severity, f"{{target}} {done} the process dictionary{_ALONE}"
    if is_temporary(slot) and slot.is_constant:
        return Severity.INFORMATION, f"{_KEPT} while the function runs, but an exception leaves it there"
    if is_server:
        return Severity.INFORMATION, _IN_SERVER
    if is_cached(slot):
        return Severity.INFORMATION, f"{_KEPT} as a cache: an old value stays as long as the process lives"
    if not slot.is_constant and slot.key.kind != "tuple":
        return Severity.HINT, f"{_KEPT}{_ALONE} and goes with it"
    if keeps_process(source, slot):
        return Severity.WARNING, (
            "{target} keeps a pid under {key} in the process dictionary: the only handle on the process "
            "is gone with the caller. Start it under a supervisor, with a name"
        )
    if slot.key in stored or accumulates(source, slot):
        if not slot.is_constant and _is_taken_out(slot):
            return Severity.HINT, f"{_KEPT}{_ALONE} and goes with it"
        if any(part in _name(slot.key) for part in _OF_ONE_RUN) or _begins_anew(source, slot):
            return Severity.INFORMATION, _UNSEEN
        return Severity.WARNING, (
            "{target} keeps a collection under {key} in the process dictionary: each caller has a "
            "collection of its own, gone with its process. A server or an ETS table holds one for all"
        )
    if any(part in _name(slot.key) for part in _CONTEXT):
        return Severity.HINT, f"{_KEPT}: a process that is started from here doesn't have it"
    return Severity.INFORMATION, _UNSEEN


def _is_taken_out(slot: Slot) -> bool:
    """The module deletes keys of this form: each lasts as long as the one thing that it names."""
    return any(
        other.act == "delete"
        and len(other.key.items) == len(slot.key.items)
        and other.key.items[:1] == slot.key.items[:1]
        for other in slots(slot.site.module)
    )


def _begins_anew(source: Source, slot: Slot) -> bool:
    """`Process.put(:tokens, %{secret: secret})` at the start of a request: the caller's own on purpose."""
    arguments = argument_nodes(source, slot.site.call)
    return len(arguments) > 1 and arguments[1].type in ("map", "list") and not accumulates(source, slot)


def _name(key: Term) -> str:
    """What it is called; of a module its last part."""
    named = (part.value for part in key.walk() if part.kind in ("atom", "string", "module"))
    return " ".join(value.rpartition(".")[2] for value in named).lower()


def _written(source: Source, slot: Slot) -> str:
    if slot.key.kind == "atom":
        return f"`:{slot.key.value}`"
    return f"`{source.text(_span_of_key(source, slot))}`"


def _span_of_key(source: Source, slot: Slot) -> Span:
    node = argument_nodes(source, slot.site.call)[0]
    return Span.of(node)


class _Put(NamedTuple):
    module: str
    path: str
    place: Span


def _read_elsewhere(finding: Finding, project: Project) -> Finding:
    """A read of a key that only another module puts, as a warning."""
    site = site_at(project.files[finding.path].facts, finding.span)
    slot = next((s for s in slots(site.module) if s.site.call == site.call), None) if site else None
    if slot is None or slot.act != "get" or not slot.is_constant:
        return finding
    if any(part in _name(slot.key) for part in _CONTEXT):
        return finding
    puts = project.derived(_puts).get(slot.key, [])
    if not puts or any(put.path == finding.path for put in puts):
        return finding
    put = puts[0]
    app = project.app_of(finding.path)
    if slot.site.module.behaviours or (app is not None and app.packaged):
        # The head of a callback is not the module's own: there may be no argument to hand it on in.
        return structs.replace(finding, severity=Severity.INFORMATION)
    return structs.replace(
        finding,
        severity=Severity.WARNING,
        message=f"{finding.message.removesuffix(_ALONE)}, and `{put.module}` puts it there: nothing but "
        "the order of the calls, all in one process, ties the two. Hand the value on as an argument",
        related=(Related(put.path, put.place, f"`{put.module}` puts it there"),),
    )


def _is_emptied(finding: Finding, project: Project) -> bool:
    """Somewhere the collection is taken out as a whole: it is gathered for a while, and no store."""
    site = site_at(project.files[finding.path].facts, finding.span)
    slot = next((s for s in slots(site.module) if s.site.call == site.call), None) if site else None
    return slot is not None and slot.is_constant and slot.key in project.derived(_deleted)


def _is_in_double(finding: Finding, project: Project) -> bool:
    """The module stands in for another one, and nothing names it but tests and their configuration."""
    site = site_at(project.files[finding.path].facts, finding.span)
    name = site.module.name if site is not None else ""
    last = name.rpartition(".")[2]
    return (last.startswith(_DOUBLES) or last.endswith(_DOUBLES)) and not any(
        name in project.all_facts(path).references
        for path in project.paths_naming(name)
        if path != finding.path and not project.role_of(path).is_test and not path.endswith("config/test.exs")
    )


def _deleted(project: Project) -> frozenset[Term]:
    """Every constant key that application code deletes."""
    return frozenset(
        slot.key
        for path, analysis in project.files.items()
        for module in production_modules(analysis.facts, project.role_of(path))
        for slot in slots(module)
        if slot.act == "delete" and slot.is_constant
    )


def _puts(project: Project) -> Mapping[Term, list[_Put]]:
    """Every lasting put of a constant key in application code, by the key; what helps tests is none."""
    found: dict[Term, list[_Put]] = {}
    for path, analysis in sorted(project.files.items()):
        for module in production_modules(analysis.facts, project.role_of(path)):
            if module.name.rpartition(".")[2] in _FOR_TESTS:
                continue
            for slot in slots(module):
                if slot.act == "put" and slot.is_constant and not is_temporary(slot):
                    found.setdefault(slot.key, []).append(_Put(module.name, path, slot.site.call.head))
    return found
