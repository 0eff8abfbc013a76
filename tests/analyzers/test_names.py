"""Which function a call site means: aliases, imports, captures, pipes, apply, by lexical scope."""

from __future__ import annotations

import pytest

from tests.analyzers.reading import calls_in, calls_of, module_in, read

TARGETS = {
    "alias": (
        "alias Shop.{Cart, Mail.Box}\nCart.add(x)\nBox.open()",
        ["Shop.Cart.add/1", "Shop.Mail.Box.open/0"],
    ),
    "alias as": ("alias Shop.Task, as: T\nT.start(x)", ["Shop.Task.start/1"]),
    "require as": ("require Shop.Task, as: T\nT.start(x)", ["Shop.Task.start/1"]),
    "alias of an alias": ("alias Shop.Mail\nalias Mail.Box\nBox.open()", ["Shop.Mail.Box.open/0"]),
    "alias ends with its block": (
        "if x do\n  alias Shop.Task\n  Task.start(x)\nend\nTask.start(x)",
        ["Shop.Task.start/1", "Task.start/1"],
    ),
    "alias in a clause ends with it": (
        "case x do\n  1 ->\n    alias Shop.Task\n    Task.start(x)\n  2 -> Task.start(x)\nend",
        ["Shop.Task.start/1", "Task.start/1"],
    ),
    "Elixir prefix": ("alias Shop.Task\nElixir.Task.start(x)", ["Task.start/1"]),
    "own module": ("__MODULE__.go()\n__MODULE__.Inner.go()", ["A.go/0", "A.Inner.go/0"]),
    "pipe counts": ("x |> Task.start()\nx |> f(1) |> g", ["Task.start/1", "f/2", "g/1"]),
    "pipe into a module function without parentheses": ("x |> Task.start", ["Task.start/1"]),
    "capture": ("Enum.map(x, &spawn/1)\n&Task.start/1", ["Enum.map/2", "Kernel.spawn/1", "Task.start/1"]),
    "apply": ("apply(Task, :start, [x])", ["Kernel.apply/3", "Task.start/1"]),
    "erlang apply": (":erlang.apply(:erlang, :spawn, [x])", [":erlang.apply/3", ":erlang.spawn/1"]),
    "apply of unknown arguments": ("apply(Task, :start, x)", ["Kernel.apply/3"]),
    "Function.capture": ("Function.capture(Task, :start, 1)", ["Function.capture/3", "Task.start/1"]),
    "kernel prefix": ("Kernel.spawn(x)", ["Kernel.spawn/1"]),
    "arity decides": ("spawn(x, y)\nsend(x)", ["spawn/2", "send/1"]),
    "value called": ("x.callback.(1)\nx.name", []),
    "field of a value is no call, a function of a value is": ("x.name\nx.fetch(1)", ["?.fetch/1"]),
    "do block counts": ("transaction x do\n  go()\nend", ["transaction/2", "go/0"]),
    "strings are text": ('"spawn(fn -> 1 end)"\n~s(spawn(x))', []),
    "interpolation is code": ('"a #{spawn(x)}"', ["Kernel.spawn/1"]),
    "quoted code does not run": ("quote do\n  spawn(x)\nend\nquote do: spawn(x)", []),
    "import only": ("import Shop.Proc, only: [spawn: 1]\nspawn(x)", ["Shop.Proc.spawn/1"]),
    "import of Kernel without": (
        "import Kernel, except: [spawn: 1]\nspawn(x)\nspawn(x, :f, [])",
        ["spawn/1", "Kernel.spawn/3"],
    ),
    "attribute as module": ("@server.call(x)", ["?.call/1"]),
}


@pytest.mark.parametrize("name", TARGETS)
def test_targets(name: str) -> None:
    body, expected = TARGETS[name]
    assert [call.target for call in calls_of(body)] == expected


def test_a_module_attribute_with_one_literal_value_is_that_value() -> None:
    code = """
    defmodule A do
      @server Shop.Mailer
      @timeout 100
      def run(x), do: GenServer.call(@server, x, @timeout)
      def go, do: @server.go()
    end
    """
    call, go = calls_in(code)
    assert (call.args[0].value, call.args[2].value) == ("Shop.Mailer", "100")
    assert go.target == "Shop.Mailer.go/0"


def test_a_function_of_the_module_hides_the_one_of_kernel() -> None:
    code = """
    defmodule A do
      import Kernel, except: [send: 2]
      def send(a, b), do: {a, b}
      def run(x), do: send(x, 1)
    end
    """
    assert [call.target for call in calls_in(code)] == ["send/2"]


def test_nested_modules_have_their_own_functions_and_an_alias_in_the_outer_one() -> None:
    facts = read(
        """
        defmodule Shop do
          defmodule Task do
            def start(x), do: x
          end

          def run(x), do: Task.start(x)
        end

        defmodule Other do
          def run(x), do: Task.start(x)
        end
        """
    )
    assert [module.name for module in facts.modules] == ["Shop", "Shop.Task", "Other"]
    targets = {
        module.name: [c.target for f in module.functions for clause in f.clauses for c in clause.calls]
        for module in facts.modules
    }
    assert targets == {"Shop": ["Shop.Task.start/1"], "Shop.Task": [], "Other": ["Task.start/1"]}


def test_implementations_are_modules_named_by_protocol_and_type() -> None:
    module = module_in("defimpl Shop.Priced, for: Shop.Cart do\n  def price(c), do: c.total\nend")
    assert (module.kind, module.name) == ("defimpl", "Shop.Priced.Shop.Cart")


def test_use_options_and_what_a_module_injects() -> None:
    module = module_in(
        """
        defmodule Shop.Server do
          @behaviour Shop.Clock
          use GenServer, restart: :temporary

          defmacro __using__(opts) do
            quote do
              use GenServer, unquote(opts)
              def go, do: spawn(fn -> 1 end)
            end
          end
        end
        """
    )
    (use,) = module.uses
    assert use.options is not None
    restart = use.options.get("restart")
    assert (use.module, restart and restart.value) == ("GenServer", "temporary")
    assert [(name, use.module) for name, use in module.injects] == [("__using__", "GenServer")]
    assert module.behaviours == ("Shop.Clock",)
    assert [function.id for function in module.functions] == ["__using__/1"]


@pytest.mark.parametrize(
    ("quoted", "brings"),
    [
        ("use GenServer", ()),
        ("use GenServer\n@behaviour Shop.Clock\n@impl true", ()),
        ("def init(opts), do: {:ok, opts}\ndefp name, do: 1\ndefoverridable init: 1", ("init/1", "name/0")),
        ("def unquote(name)(x), do: x", ("?",)),
        ("Shop.Clauses.add()", ("?",)),
        ("@before_compile Shop.Clauses", ("?",)),
        ("if opts, do: (def go, do: 1)", ("?",)),
    ],
)
def test_what_use_of_a_module_defines(quoted: str, brings: tuple[str, ...]) -> None:
    module = module_in(f"defmodule A do\ndefmacro __using__(opts) do\nquote do\n{quoted}\nend\nend\nend")
    assert module.quoted == brings


def test_modules_named_as_values_are_told_from_receivers() -> None:
    facts = read(
        """
        defmodule A do
          def run(x), do: [Shop.Cache, {Shop.Clock, x}, %Shop.Item{}, Shop.Mailer.go()]
        end
        """
    )
    assert facts.mentions == ("A", "Shop.Cache", "Shop.Clock") or facts.mentions == (
        "Shop.Cache",
        "Shop.Clock",
    )
    assert {"Shop.Mailer", "Shop.Item"} <= set(facts.references)


def test_clauses_defaults_heads_and_impl() -> None:
    module = module_in(
        """
        defmodule A do
          def run(x, opts \\\\ [])
          def run(:stop, _), do: :ok
          def run({:add, item}, opts) when is_list(opts), do: {item, opts}

          @impl true
          def init(state), do: {:ok, state}
        end
        """
    )
    run = module.function("run", 1)
    assert run is not None and run == module.function("run", 2)
    assert [clause.head[0].tag for clause in run.clauses] == [None, "stop", "add"]
    assert [clause.guard is not None for clause in run.clauses] == [False, False, True]
    init = module.function("init", 1)
    assert init is not None and init.clauses[0].impl and not run.clauses[0].impl
