from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.atoms.checked_atoms import is_checked_too_late
from otp_genesis_analyzers.facts.atoms.made_atoms import (
    From,
    MadeAtom,
    is_web,
    made_atoms,
    names_node,
    names_process,
    origin_of,
)
from otp_genesis_analyzers.facts.atoms.refused_atoms import is_made_after_all
from otp_genesis_analyzers.facts.calls.call_graph import CallGraph, call_graph
from otp_genesis_analyzers.facts.calls.sites import production_modules
from otp_genesis_analyzers.facts.model import Function
from otp_genesis_analyzers.facts.processes.callbacks import callbacks
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Severity
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule, scope_of
from otp_genesis_analyzers.source import Source

_AT_BOOT = frozenset({"Config", "ConfigHelper", "Application", "Release", "Migration", "Migrations"})
"""Parts of the names of modules that run once."""
_COMMAND_LINES = frozenset({"CLI", "Cli", "Commands", "Console"})
_ONCE = frozenset({"init", "terminate", "render", "mount"})
_ORIGINS: dict[From, str] = {
    "request": "out of what a request brings",
    "document": "out of a decoded document",
    "id": "for each record",
    "packet": "out of what comes over a socket",
    "process": "out of the text of a process or a reference, which is another each time",
    "key": "out of each key that comes",
    "piece": "out of a part of a text that is only known at run time",
    "choice": "out of what somebody chooses, to sort, to filter, as a role",
    "unknown": "out of a value that is only known at run time",
    "bounded": "",
}


class DynamicAtom(Rule):
    """An atom is made at run time out of a value that may be anything.

    ## What it does
    Reports `String.to_atom`, `List.to_atom`, `:erlang.binary_to_atom`, `:erlang.list_to_atom`, an atom with
    an interpolation (`:"shop_#{id}"`) and `Module.concat` of an interpolated text. It is a **warning** where

    - a controller, a view, a channel or a plug converts what a request brings;
    - the atom is tested for membership only after it was made;
    - a process gets a name that is made of a record's id.

    It is **information** in callbacks, in controllers and views where the origin is not in sight, for decoded
    documents (what stands under a key that is a text), packets, parts of texts, all the keys of a map,
    ids, and parameters that are named after a choice (`sort`, `role`, each key of `filters`), for nodes that
    a request names, where the text that a start gets becomes the name of the process, and where it is made
    after `to_existing_atom` has refused. Elsewhere it is a **hint**, which preset `default` does not show.

    ## Why it matters on the BEAM
    Atoms are never collected. Each new one stays in a table of 1,048,576 entries by default, and when that
    is full the whole virtual machine ends. Who may choose the text may end the system.

    ## When it is legitimate
    For values that the code itself names: a literal, a module attribute, an element of a list of literals,
    a key of what `Map.take` left of a map, a value that was tested with `in` or matched with a literal
    before, there or by all callers. For names of nodes and cookies, in modules that read the configuration,
    in macros, migrations, Mix tasks and tests.
    None is reported.

    ## Use instead
    ```elixir
    String.to_existing_atom(params["sort"])

    {:via, Registry, {Shop.Registry, user_id}}
    ```
    The first for the names of things that the code knows, the second to name processes.

    ## Fix safety
    Unsafe. `String.to_existing_atom/1` raises an `ArgumentError` for a text that is no atom yet. Where
    nothing has loaded the module that names the atom, that may be a good one.

    ## References
    - https://hexdocs.pm/elixir/String.html#to_existing_atom/1
    - https://www.erlang.org/doc/system/commoncaveats.html
    - `tests/beam/dynamic_atoms.exs`
    """

    code = "OTP112"
    name = "dynamic-atom"
    severity = Severity.INFORMATION
    default_from = Severity.INFORMATION
    anchors = (
        *("String to_atom", "List to_atom", ":erlang binary_to_atom", ":erlang list_to_atom"),
        *("Module concat", '#{ :"'),
    )
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            defmodule ShopWeb.ProductController do
              use ShopWeb, :controller

              def index(conn, params) do
                order = String.to_atom(params["sort"])
            #           ^^^^^^^^^^^^^^ warning: out of what a request brings
                way = params |> Map.get("direction", "asc") |> String.downcase() |> String.to_atom()
            #                                                                       ^^^^^^^^^^^^^^ warning
                render(conn, :index, products: Shop.Products.all(order, way))
              end

              def show(conn, %{"format" => format}), do: render(conn, to_format(format))

              defp to_format(format), do: :"show_#{format}"
            #                             ^^^^^^^^^^^^^^^^^ warning: out of what a request brings
            end
            """,
            fixed="""
            defmodule ShopWeb.ProductController do
              use ShopWeb, :controller

              def index(conn, params) do
                order = String.to_existing_atom(params["sort"])
                way = params |> Map.get("direction", "asc") |> String.downcase() |> String.to_existing_atom()
                render(conn, :index, products: Shop.Products.all(order, way))
              end

              def show(conn, %{"format" => format}), do: render(conn, to_format(format))

              defp to_format(format), do: String.to_existing_atom("show_#{format}")
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Errors do
              def to_list(struct, errors) do
                fields = struct.__schema__(:fields)

                for {key, messages} <- errors,
                    field = String.to_atom(key),
            #               ^^^^^^^^^^^^^^ warning: tested only after it was made
                    field in fields,
                    do: {field, messages}
              end
            end
            """,
            fixed="""
            defmodule Shop.Errors do
              def to_list(struct, errors) do
                fields = struct.__schema__(:fields)

                for {key, messages} <- errors,
                    field = String.to_existing_atom(key),
                    field in fields,
                    do: {field, messages}
              end
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Cart do
              use GenServer

              def start_link(user), do: Agent.start_link(fn -> user end, name: :"cart_#{user.id}")
            #                                                                  ^^^^^^^^^^^^^^^^^^ warning

              def add(user_id, item), do: GenServer.cast(:"cart_#{user_id}", {:add, item})
            #                                            ^^^^^^^^^^^^^^^^^^ information: for each record

              @impl true
              def init(user), do: {:ok, user}

              @impl true
              def handle_cast({:add, item}, user), do: {:noreply, Map.put(user, List.to_atom(item), 1)}
            #                                                                   ^^^^^^^^^^^^ information
            end
            """
        ),
        Example(
            """
            defmodule Shop.JSON do
              def rows(text) do
                for {key, value} <- Jason.decode!(text), do: {:erlang.binary_to_atom(key, :utf8), value}
            #                                                 ^^^^^^^^^^^^^^^^^^^^^^ information: decoded
              end

              def headers(text) do
                Enum.map(Regex.scan(~r/meta-([^=]+)=/, text), fn line ->
                  [_all, name] = line
                  String.to_atom(name)
            #     ^^^^^^^^^^^^^^ information: decoded
                end)
              end

              def struct(%{"kind" => kind, "fields" => fields}), do: struct(String.to_atom(kind), fields)
            #                                                               ^^^^^^^^^^^^^^ information

              def info(shop, shelf) do
                key = String.to_atom(shelf)
            #         ^^^^^^^^^^^^^^ hint
                if Map.has_key?(shop.shelves, key), do: shop.shelves[key], else: shelf
              end

              def columns(line), do: line |> String.split(",") |> Enum.map(&String.to_atom/1)
            #                                                              ^^^^^^^^^^^^^^^^^ information
              def table(name), do: :"#{name}_table"
            #                      ^^^^^^^^^^^^^^^^ hint
              def plugin(name), do: Module.concat(Shop.Plugins, "P#{name}")
            #                       ^^^^^^^^^^^^^ hint
              def other(name), do: Module.concat([Shop.Plugins, Macro.camelize(name)])
            #                      ^^^^^^^^^^^^^ hint
              def applied(name), do: apply(String, :to_atom, [name])
            #                        ^^^^^ hint
            end
            """
        ),
        Example(
            """
            defmodule ShopWeb.CartLive do
              use ShopWeb, :live_view

              def handle_event("set", %{"field" => field, "value" => value}, socket) do
                {:noreply, assign(socket, String.to_atom(field), value)}
            #                             ^^^^^^^^^^^^^^ warning
              end

              def handle_event(event, _params, socket) do
                event = String.to_atom(event)
            #           ^^^^^^^^^^^^^^ warning
                {:noreply, assign(socket, event: event, kind: kind(socket))}
              end

              defp kind(socket), do: String.to_atom(socket.assigns.kind)
            #                        ^^^^^^^^^^^^^^ information
            end

            defmodule ShopWeb.Charts do
              use ShopWeb, chart: :bars

              def draw(rows), do: Map.new(rows, &{key(&1.name), &1.sum})
              defp key(name), do: String.to_atom("#{name}_chart")
            #                     ^^^^^^^^^^^^^^ information
              def field(name), do: String.to_atom("#{name}_field")
            #                      ^^^^^^^^^^^^^^ hint
            end
            """,
        ),
        Example(
            """
            defmodule Shop.Packer do
              use GenServer

              def start_link(opts) do
                id = Keyword.get(opts, :id, 1)
                GenServer.start_link(__MODULE__, opts, name: Module.concat(__MODULE__, "#{id}"))
            #                                                ^^^^^^^^^^^^^ hint
              end

              @impl true
              def init(opts), do: {:ok, opts}
            end
            """
        ),
        Example(
            """
            defmodule Shop.Event do
              def kind(text) do
                String.to_existing_atom(text)
              rescue
                ArgumentError -> String.to_atom(text)
            #                    ^^^^^^^^^^^^^^ information: after all
              end

              def call(call) do
                %{name: String.to_atom(call["name"]), kind: String.to_atom(Map.get(call, "kind"))}
            #           ^^^^^^^^^^^^^^ information: decoded
            #                                               ^^^^^^^^^^^^^^ information: decoded
              end
            end

            defmodule Shop.Search do
              use GenServer

              def init(opts), do: {:ok, opts}

              def handle_call({:search, words}, _from, state) do
                {:reply, Task.await(Task.async(fn -> find(words) end)), state}
              end

              defp find(words), do: Enum.map(words, &String.to_atom/1)
            #                                       ^^^^^^^^^^^^^^^^^ information
            end

            defmodule ShopWeb.NodesLive do
              use ShopWeb, :live_view

              def handle_event("node", %{"node" => node}, socket) do
                {:noreply, assign(socket, :node, String.to_atom(node))}
            #                                    ^^^^^^^^^^^^^^ information: a request
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Beacon do
              use GenServer

              def name, do: :"beacon-#{inspect(self())}"
            #               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^ information: of a process or a reference
              def keys(order), do: Map.new(order, fn {key, value} -> {String.to_atom(key), value} end)
            #                                                         ^^^^^^^^^^^^^^ information: each key
              def kind(url) do
                %{path: path} = URI.parse(url)
                path |> String.split("/") |> Enum.at(1) |> String.to_atom()
            #                                              ^^^^^^^^^^^^^^ information: a part of a text
              end

              @impl true
              def init(socket), do: {:ok, {socket, []}}

              @impl true
              def handle_info({:udp, _socket, _ip, _port, "Shop:" <> name}, {socket, names}) do
                {:noreply, {socket, [name |> String.to_atom | names]}}
            #                                ^^^^^^^^^^^^^^ information: comes over a socket
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Scale do
              use GenServer

              def start_link(id, opts) do
                GenServer.start_link(__MODULE__, opts, name: id |> String.to_atom)
            #                                                      ^^^^^^^^^^^^^^ information
              end

              def start(opts), do: GenServer.start(__MODULE__, opts, name: String.to_atom(opts.label))
            #                                                              ^^^^^^^^^^^^^^ information

              def init(opts), do: {:ok, opts}
            end

            defmodule ShopWeb.DrawerController do
              use ShopWeb, :controller

              def index(conn, params) do
                wanted = params |> Map.take(~w[size]) |> Enum.map(fn {_, size} -> String.to_atom(size) end)
            #                                                                     ^^^^^^^^^^^^^^ information
                render(conn, :index, drawers: Shop.Drawers.with(wanted))
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Page do
              import Ecto.Query

              def sorted(query, sort) do
                order_by(query, ^[{:asc, sort |> String.replace_leading("-", "") |> String.to_atom()}])
            #                                                                       ^^^^^^^^^^^^^^ information
              end

              def filtered(query, filters) do
                Enum.reduce(filters, query, fn {key, value}, query ->
                  where(query, ^clause(String.to_atom(key), value))
            #                          ^^^^^^^^^^^^^^ information: chooses
                end)
              end

              def with_role(member, role) do
                Ecto.Changeset.change(member, role: String.to_atom(role))
            #                                       ^^^^^^^^^^^^^^ information: as a role
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Stanza do
              def attributes(pairs), do: Enum.map(pairs, &attribute/1)

              defp attribute({"from", address}), do: {:from, address}
              defp attribute({name, value}), do: {String.to_atom(name), value}
            #                                     ^^^^^^^^^^^^^^ information: out of each key that comes

              def answer(text) do
                text
                |> String.split(";")
                |> Enum.chunk_every(2)
                |> Enum.reduce([], fn [name, value], found ->
                  Keyword.put_new(found, name |> String.downcase() |> String.to_atom(), value)
            #                                                         ^^^^^^^^^^^^^^ information: a part
                end)
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            defmodule Shop.Sizes do
              @sizes "small medium large"

              def all, do: @sizes |> String.split() |> Enum.map(fn size -> String.to_atom(size) end)
              def first, do: "small medium" |> String.split() |> Enum.map(fn size -> String.to_atom(size) end)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Sorted do
              def by(query, sort) when sort in ["name", "price"], do: by_field(query, String.to_atom(sort))

              def with_role(member, role) do
                if role in ~w(admin guest), do: Map.put(member, :role, String.to_atom(role)), else: member
              end

              def list(query), do: listed(query, "price")
              defp listed(query, sort), do: by_field(query, String.to_atom(sort))
              defp by_field(query, field), do: {query, field}
            end
            """
        ),
        Example(
            """
            defmodule ShopWeb.ShelfController do
              use ShopWeb, :controller

              def index(conn, params) do
                wanted =
                  params
                  |> Map.take(~w[size colour])
                  |> Enum.filter(fn {_key, value} -> value == "1" end)
                  |> Enum.map(fn {key, _value} -> String.to_atom(key) end)

                render(conn, :index, shelves: Shop.Shelves.with(wanted))
              end
            end
            """
        ),
        Example(
            """
            defmodule Shop.Shelves do
              @names ~w(fruit bread)

              def empty, do: Map.new(@names, fn name -> {String.to_atom(name), 0} end)
              def first, do: "fruit/bread" |> String.split("/") |> hd() |> String.to_atom
            end
            """
        ),
        Example(
            """
            defmodule ShopWeb.LoginController do
              use ShopWeb, :controller

              def show(conn, %{"type" => type} = params) when type in ["chat", "mail"] do
                login(params, conn)
              end

              def show(conn, %{"type" => "sms"} = params), do: login(params, conn)

              def login(params, conn) do
                %{"type" => type, "code" => code} = params
                render(conn, :login, by: String.to_atom(type), again: back(params, code))
              end

              defp back(params, _code), do: String.to_existing_atom(params["back"])
            end

            defmodule ShopWeb.ExportController do
              use ShopWeb, :controller

              def create(conn, %{"kind" => kind} = params) do
                if kind in ~w(csv pdf), do: export(conn, params), else: send_resp(conn, 404, "")
              end

              defp export(conn, params), do: render(conn, :export, kind: String.to_atom(params["kind"]))
            end
            """
        ),
        Example(
            """
            defmodule Shop.Event do
              def kind(text) do
                String.to_existing_atom(text)
              rescue
                ArgumentError -> :unknown
              end

              def level(%{"level" => level}) when level in ["low", "high"], do: String.to_atom(level)
              def node(name), do: String.to_atom("shop@" <> name)
            end
            """
        ),
        Example(
            """
            defmodule ShopWeb.ProductController do
              use ShopWeb, :controller

              @sorts ~w(name price)

              def index(conn, %{"sort" => sort}) when sort in @sorts do
                render(conn, :index, products: Shop.Products.all(String.to_atom(sort)))
              end

              def show(conn, params) do
                if params["as"] in ["html", "json"], do: render(conn, String.to_atom(params["as"]))
              end

              def safe(conn, params), do: render(conn, String.to_existing_atom(params["as"]))

              def by_status(conn, %{"status" => "open" = status}), do: render(conn, String.to_atom(status))

              def titled(conn, _params), do: render(conn, title("name"))

              defp title(field), do: String.to_atom(field <> "_title")
            end
            """
        ),
        Example(
            """
            defmodule Shop.Fields do
              @names ~w(width height)

              for name <- @names do
                def unquote(:"get_#{name}")(product), do: Map.get(product, unquote(String.to_atom(name)))
              end

              defmacro field(name), do: String.to_atom("field_#{name}")

              def all, do: Enum.map(@names, &String.to_atom/1)
              def parameters, do: Enum.map(1..9, &:"$#{&1}")
              def pairs, do: for(name <- ~w(a b), do: {String.to_atom(name), 1})
              def axes, do: Enum.map(["x", "y"], fn axis -> String.to_atom(axis) end)
              def workers, do: for(n <- 1..4, do: :"worker_#{n}")
              def literal, do: :"Shop Name"
              def one, do: String.to_atom("one")
              def server, do: :"#{__MODULE__}_server"
              def start, do: Supervisor.start_link([], name: :"#{__MODULE__}.Supervisor")
              def supervisor(module), do: Module.concat(module, Supervisor)
            end
            """
        ),
        Example(
            """
            defmodule Shop.Cluster do
              def connect(name), do: Node.connect(String.to_atom("shop@#{name}"))

              def join(text) do
                node = String.to_atom(text)
                cookie = text |> String.reverse() |> String.to_atom()
                Node.set_cookie(node, cookie)
              end
            end

            defmodule Shop.Config do
              def level, do: String.to_atom(System.get_env("LOG_LEVEL", "info"))
            end
            """
        ),
        Example(
            """
            # file: lib/mix/tasks/shop.gen.ex
            defmodule Mix.Tasks.Shop.Gen do
              use Mix.Task
              def run([name]), do: String.to_atom(name)
            end
            # file: test/shop/atom_test.exs
            defmodule Shop.AtomTest do
              use ExUnit.Case
              test "names", do: assert(String.to_atom("a" <> inspect(self())))
            end
            # file: lib/shop/text.ex
            defmodule Shop.Text do
              alias Shop.String

              def atom(text), do: String.to_atom(text)
              def query(id), do: ~s(id:"#{id}")
              def doc, do: "String.to_atom(params)"
            end
            """
        ),
        Example(
            """
            defmodule Shop.Direction do
              def parse(text) do
                case text do
                  "asc" = direction -> String.to_atom(direction)
                  "desc" = direction -> String.to_atom(direction)
                  _other -> :asc
                end
              end

              def value(type, text) do
                if Shop.Filters.valid?(type, text), do: String.to_atom(text), else: nil
              end

              def known(text, names) do
                if Enum.member?(names, text), do: {:ok, String.to_atom(text)}, else: :error
              end
            end
            """
        ),
        Example(
            """
            defmodule ShopWeb.OrderChannel do
              use ShopWeb, :channel

              def join("orders:" <> id, _payload, socket), do: {:ok, assign(socket, :id, id)}

              def handle_in("ping", payload, socket) do
                Shop.Log.write(payload["text"])
                {:reply, {:ok, %{status: :"shop ready"}}, socket}
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in production_modules(file.facts, file.role):
            if not _AT_BOOT.isdisjoint(module.name.split(".")):
                continue
            graph = call_graph(module)
            for made in made_atoms(file.source, module):
                origin = origin_of(file.source, graph, made)
                if origin != "bounded" and (origin == "request" or not names_node(made)):
                    yield self._finding(file, graph, made, origin)

    def _finding(self, file: FileView, graph: CallGraph, made: MadeAtom, origin: From) -> Finding:
        severity, words = _judged(file.source, graph, made, origin)
        return self.report(
            file.facts.path,
            made.head,
            words,
            snippet=file.source.text(made.call.span if made.call is not None else made.head),
            scope=scope_of(made.module, made.function),
            severity=severity,
            confidence=Confidence.HEURISTIC if severity <= Severity.INFORMATION else Confidence.STRONG,
            fix=FixKind.UNSAFE if _may_exist(file.source, made, origin) else FixKind.LLM,
        )


def _judged(source: Source, graph: CallGraph, made: MadeAtom, origin: From) -> tuple[Severity, str]:
    what = f"`{made.call.target.rpartition('/')[0]}`" if made.call is not None else "an interpolation"
    if origin == "request" and not names_node(made):
        return Severity.WARNING, (
            f"{what} makes atoms {_ORIGINS[origin]}: they are never collected, so whoever sends enough "
            "texts ends the system. Convert to existing atoms only"
        )
    if is_checked_too_late(source, made, origin):
        return Severity.WARNING, (
            f"{what} makes the atom, which is tested only after it was made: each text leaves one behind. "
            "Test the text, or convert to existing atoms only"
        )
    if origin == "id" and names_process(source, made):
        return Severity.WARNING, (
            "the process gets an atom of its own as its name for each record, and atoms are never "
            "collected: name it with `{:via, Registry, {registry, id}}`"
        )
    if (
        origin == "unknown"
        and made.call is not None
        and _is_given(made.value)
        and names_process(source, made)
    ):
        return Severity.INFORMATION, (
            f"{what} makes a name of its own for each process out of the text that it is given, and atoms "
            "are never collected: name it with `{:via, Registry, {registry, text}}`"
        )
    if is_made_after_all(source, made):
        return Severity.INFORMATION, (
            f"{what} makes the atom after all that `to_existing_atom` has refused to make: whatever comes "
            "leaves one behind. Let it fail, or name the atoms that are meant"
        )
    words = f"{what} makes atoms {_ORIGINS[origin]}: atoms are never collected, the table of them is finite"
    known = origin not in ("unknown", "bounded")
    if origin == "choice" and not _COMMAND_LINES.isdisjoint(made.module.name.split(".")):
        known = False  # it ends with the command
    return (Severity.INFORMATION if known or _is_hot(graph, made) else Severity.HINT), words


def _is_given(value: Node) -> bool:
    """`id`, `opts.id`: the text as it came, and not one that the code puts together."""
    return value.type == "identifier" or (value.type == "call" and not syntax.has_arguments(value))


def _is_hot(graph: CallGraph, made: MadeAtom) -> bool:
    """Runs for each message or request, and converts a whole text."""
    if made.call is None:
        return False
    # What templates give a public helper is out of sight: mostly literals.
    is_part = made.module.name.partition(".")[0].endswith("Web") and not made.function.public
    return is_web(made.module) or is_part or _runs_for_messages(graph, made.function)


def _runs_for_messages(graph: CallGraph, function: Function) -> bool:
    """A callback leads here, by way of tasks as well."""
    often = {callback.id for callback in callbacks(graph.module) if callback.name not in _ONCE}
    behind = [function] if often else []
    for one in behind:
        if one.id in often:
            return True
        callers = (caller for caller, _, _ in graph.callers(one))
        behind += [caller for caller in callers if all(caller is not known for known in behind)]
    return False


def _may_exist(source: Source, made: MadeAtom, origin: From) -> bool:
    """The atom is one that the code names somewhere; one that is put together here hardly is."""
    by_apply = made.call is not None and made.call.form == "apply"
    if by_apply or names_process(source, made):
        return False
    put_together = made.value.type in ("string", "quoted_atom") or origin == "id"
    return not put_together or origin == "request"
