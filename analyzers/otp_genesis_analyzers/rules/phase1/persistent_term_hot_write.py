from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from msgspec import structs

from otp_genesis_analyzers.across_modules.boot import when_run
from otp_genesis_analyzers.across_modules.compile_time import runs_for_macros
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules, site_at
from otp_genesis_analyzers.facts.processes.kinds import kinds
from otp_genesis_analyzers.facts.tables.persistent_terms import Write, hot_writes
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule

_COST = "replacing a persistent term makes the runtime look through every process for the old one"

_SEVERITIES = {"update": Severity.WARNING, "own": Severity.HINT}


class PersistentTermHotWrite(Rule):
    """A `:persistent_term` is written again and again while the application runs.

    ## What it does
    Reports a `:persistent_term.put` whose value is made of what was read under the same key before. It is
    **information** for a changing value that a server writes for each request, or that holds the time, for
    one that the same function erases again, and in a callback that is called through a behaviour by somebody
    out of sight. It is a **hint** where whoever finds nothing writes a value unlike all others: a random key,
    a reference to counters.

    ## Why it matters on the BEAM
    Reading a persistent term copies nothing, which is what it is for. It is paid for by the writer: when a
    value is replaced, the runtime scans all processes, and those that hold the old value are garbage
    collected in full. And a read followed by a write is two steps: of two processes that count at the same
    time, one count is lost.

    ## When it is legitimate
    Written at the start, in `init/1`, in an `@on_load` function, in a Mix task, by what only macros call. A
    value that is computed when it is first asked for, a flag that is set once, a configuration that is loaded
    anew now and then. None of these is reported.

    ## Use instead
    ```elixir
    :ets.update_counter(:shop_failures, name, {2, 1}, {name, 0})
    ```
    Or `:counters` and `:atomics`, whose reference is kept in the persistent term; or a server that owns it.

    ## Fix safety
    There is no deterministic fix: where the value lives instead is a choice of design.

    ## References
    - https://www.erlang.org/doc/apps/erts/persistent_term.html
    - `tests/beam/persistent_term_writes.exs`
    """

    code = "OTP124"
    name = "persistent-term-hot-write"
    severity = Severity.WARNING
    anchors = ("persistent_term put",)
    fixes = (FixKind.LLM,)

    INVALID: ClassVar = [
        Example(
            """
            defmodule Shop.Failures do
              def failed(name) do
                count = :persistent_term.get({:failures, name}, 0)
            #           ^^^^^^^^^^^^^^^^^^^^ warning: what is made of this
                :persistent_term.put({:failures, name}, count + 1)
              end

              def record(name) do
                current = :persistent_term.get({__MODULE__, name}, %{count: 0})
            #             ^^^^^^^^^^^^^^^^^^^^ warning: a write in between is lost
                failures = current.count + 1

                if failures > 5 do
                  :persistent_term.put({__MODULE__, name}, %{count: failures, open: true})
                else
                  :persistent_term.put({__MODULE__, name}, %{count: failures})
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Endpoints do
              @behaviour ProtobufGenerate.Plugin

              @impl true
              def generate(_context, service) do
                known = :persistent_term.get(:shop_services, [])
            #           ^^^^^^^^^^^^^^^^^^^^ information: what is made of this
                :persistent_term.put(:shop_services, [service | known])
                {"Endpoints", []}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Tags do
              @key {__MODULE__, :tags}

              def add(tag), do: :persistent_term.put(@key, [tag | :persistent_term.get(@key, [])])
            #                                                     ^^^^^^^^^^^^^^^^^^^^ warning

              def merge(tags) do
                case :persistent_term.get(@key, []) do
            #        ^^^^^^^^^^^^^^^^^^^^ warning
                  [] -> :ok
                  old -> :persistent_term.put(@key, Enum.uniq(old ++ tags))
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule ShopWeb.DeviceController do
              use ShopWeb, :controller

              def show(conn, %{"id" => id}) do
                request = Shop.Random.id()
                :persistent_term.put(request, self())
            #   ^^^^^^^^^^^^^^^^^^^^ information: it is erased again soon
                ShopWeb.Endpoint.broadcast("devices", "ask", %{id: id, request: request})

                receive do
                  {:answer, ^request, device} ->
                    :persistent_term.erase(request)
                    render(conn, "show.json", device: device)
                after
                  2_000 ->
                    :persistent_term.erase(request)
                    send_resp(conn, 504, "")
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Speed do
              @key {__MODULE__, :per_minute}

              def measured(per_minute) do
                smoothed = 0.9 * per_minute() + 0.1 * per_minute
            #                    ^^^^^^^^^^ warning: what is made of this
                :persistent_term.put(@key, smoothed)
              end

              def per_minute do
                case :persistent_term.get(@key, :none) do
                  :none -> 0
                  per_minute -> per_minute
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Prices do
              use GenServer

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_cast({:price, item, price}, state) do
                store(item, price)
                {:noreply, state}
              end

              defp store(item, price), do: :persistent_term.put({:price, item}, price)
            #                              ^^^^^^^^^^^^^^^^^^^^ information: for each request
            end
            """
        ),
        Example(
            """
            defmodule Shop.Success do
              def succeeded(name) do
                :persistent_term.put({:last, name}, %{state: :closed, at: System.monotonic_time(:second)})
            #   ^^^^^^^^^^^^^^^^^^^^ information: holds the time
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Seal do
              def key do
                case :persistent_term.get({__MODULE__, :key}, nil) do
                  nil ->
                    key = :crypto.strong_rand_bytes(32)
                    :persistent_term.put({__MODULE__, :key}, key)
            #       ^^^^^^^^^^^^^^^^^^^^ hint: each make a value of their own
                    key

                  key ->
                    key
                end
              end

              def counter do
                if :persistent_term.get(:sold, nil) == nil do
                  :persistent_term.put(:sold, :counters.new(1, []))
            #     ^^^^^^^^^^^^^^^^^^^^ hint: each make a value of their own
                end
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Seal do
              use GenServer

              def key, do: :persistent_term.get(:seal)

              def shape do
                case :persistent_term.get(:shape, nil) do
                  nil ->
                    shape = Shop.Shapes.read()
                    :persistent_term.put(:shape, shape)
                    shape

                  shape ->
                    shape
                end
              end

              @impl true
              def init(opts) do
                if :persistent_term.get(:seal, nil) == nil do
                  :persistent_term.put(:seal, :crypto.strong_rand_bytes(32))
                end

                {:ok, opts}
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Regions do
              use GenServer

              @key {__MODULE__, :regions}

              def regions, do: :persistent_term.get(@key, [])

              @impl true
              def init(opts), do: {:ok, opts}

              @impl true
              def handle_call(:refresh, _from, state), do: {:reply, publish(), state}

              @impl true
              def handle_info(:refresh, state) do
                publish()
                {:noreply, state}
              end

              defp publish do
                regions = Shop.Repo.all(Shop.Region)

                if :persistent_term.get(@key, []) != regions do
                  :persistent_term.put(@key, regions)
                end

                regions
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Version do
              def note(version), do: :persistent_term.put(:version, String.trim(version <> suffix()))

              defp suffix do
                known = :persistent_term.get(:version, "")
                Shop.Log.seen(known)
                "-shop"
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Token do
              def token do
                if token = :persistent_term.get(:token, nil) do
                  token
                else
                  {:ok, token} = Shop.Random.id()
                  :persistent_term.put(:token, token)
                  token
                end
              end

              def cached(key) do
                case :persistent_term.get({:cache, key}, :none) do
                  :none ->
                    value = Shop.Slow.value(key)
                    :persistent_term.put({:cache, key}, value)
                    value

                  value ->
                    value
                end
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Config do
              use GenServer
              @on_load :load

              def load, do: :persistent_term.put(:counter, :persistent_term.get(:counter, 0) + 1)

              @impl true
              def init(opts) do
                :persistent_term.put(:config, Map.merge(:persistent_term.get(:config, %{}), opts))
                {:ok, opts}
              end

              @impl true
              def handle_call(:enable, _from, state) do
                :persistent_term.put(:enabled, true)
                {:reply, :ok, state}
              end

              @impl true
              def handle_info(:reload, state) do
                :persistent_term.put(:config, Shop.Files.config())
                {:noreply, state}
              end
            end

            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                boot = :persistent_term.get(:boots, 0)
                :persistent_term.put(:boots, boot + 1)
                Supervisor.start_link([], strategy: :one_for_one)
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Two do
              def copy(name) do
                value = :persistent_term.get({:old, name})
                :persistent_term.put({:new, name}, value)
              end

              def set(config), do: :persistent_term.put(:config, config)

              def count(name) do
                counter = :persistent_term.get({:counter, name})
                :counters.add(counter, 1, 1)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/fields.ex
            defmodule Shop.Fields do
              def add(module), do: update(:shop_modules, &[module | &1])

              def add_alias(module), do: update(:shop_aliases, &[module | &1])

              def note(word), do: :persistent_term.put(:words, [word | :persistent_term.get(:words, [])])

              defp update(key, change) do
                case :persistent_term.get(key, nil) do
                  nil -> :persistent_term.put(key, change.([]))
                  found -> :persistent_term.put(key, change.(found))
                end
              end
            end
            # file: lib/shop/schema.ex
            defmodule Shop.Schema do
              defmacro deffields(fields) do
                Shop.Fields.add(__CALLER__.module)
                build(fields)
              end

              defmacro defalias(_target), do: Shop.Fields.add_alias(__CALLER__.module)

              defp build(fields), do: Shop.Fields.add({:built, fields})
            end
            # file: lib/shop/application.ex
            defmodule Shop.Application do
              use Application

              def start(_type, _args) do
                Shop.Fields.note("started")
                Supervisor.start_link([], strategy: :one_for_one)
              end
            end
            """
        ),
        Example(
            """
            # file: lib/mix/tasks/shop.warm.ex
            defmodule Mix.Tasks.Shop.Warm do
              use Mix.Task

              def run(_args), do: :persistent_term.put(:runs, :persistent_term.get(:runs, 0) + 1)
            end
            # file: test/shop/failures_test.exs
            defmodule Shop.FailuresTest do
              use ExUnit.Case

              def bump, do: :persistent_term.put(:runs, :persistent_term.get(:runs, 0) + 1)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Lines do
              def parse(text) do
                text
                |> String.split()
                |> Enum.each(&store/1)
              end

              def store(line), do: Process.put(:line, [line | Process.get(:line, [])])
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            for write in hot_writes(file.source, call_graph(module)):
                yield self._finding(file, write)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        site = site_at(project.files[finding.path].facts, finding.span)
        entry = project.module(site.module.name) if site is not None else None
        if site is None or entry is None:
            return finding
        if runs_for_macros(project, entry.module, site.function):
            return None
        if when_run(project, entry.module, site.function) == "at boot":
            return None
        if site.clause.impl and not kinds(entry.module):
            # Called through a behaviour, and who calls is out of sight: perhaps the start, or a build.
            return structs.replace(finding, severity=min(finding.severity, Severity.INFORMATION))
        return finding

    def _finding(self, file: FileView, write: Write) -> Finding:
        call, path = write.read or write.site.call, file.facts.path
        message = {
            "update": f"what is made of this is written back: a write in between is lost, and {_COST}",
            "request": f"a server writes this for each request: {_COST}",
            "moment": f"the value holds the time, so each write changes it: {_COST}",
            "passing": "it is erased again soon: erasing a persistent term makes the runtime look through "
            "every process for it. Pass the value, or keep it in an ETS table",
            "own": "two processes that find nothing here each make a value of their own, and one overwrites "
            "the other's: write it once, at the start",
        }[write.kind]
        return self.report(
            path,
            call.head,
            message,
            snippet=file.source.text(call.span),
            scope=write.site.scope,
            severity=_SEVERITIES.get(write.kind, Severity.INFORMATION),
            confidence=Confidence.EXACT if write.kind == "update" else Confidence.HEURISTIC,
            fix=FixKind.LLM,
            related=(Related(path, write.site.call.head, "the write"),) if write.read is not None else (),
        )
