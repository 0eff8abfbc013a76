from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from otp_genesis_analyzers.across_modules.child_specs import has_child_spec
from otp_genesis_analyzers.facts.testing.test_blocks import is_test_case, test_blocks, test_call_at
from otp_genesis_analyzers.facts.testing.test_starts import TestStart, test_starts
from otp_genesis_analyzers.findings import Finding, FixKind, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.roles import IN_TESTS
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule


class TestUnsupervisedStart(Rule):
    """A test starts a process with `start_link`, so ExUnit does not stop it before the next test.

    ## What it does
    Reports `Mod.start_link(argument)` in a `test`, `setup` or `setup_all` block, where `Mod` is a module of
    the project that has a `child_spec/1`, or one of Elixir's own: Agent, Registry, Task.Supervisor,
    DynamicSupervisor, PartitionSupervisor.

    ## Why it matters on the BEAM
    The process is linked to the test and ends some time after it. The next test may come first: it finds
    the name taken, or talks to the old process. `start_supervised!` puts the process under a supervisor of
    the test, which ExUnit stops, and waits for, before the next test begins.

    ## When it is legitimate
    In a test about starting: its name or its `describe` says so, or it expects `{:error, _}`. In a test that
    traps exits, since it wants the link. Where `on_exit` stops the process. For another arity than 1, and in
    helpers. None of these is reported.

    ## Use instead
    ```elixir
    pid = start_supervised!({Counter, name: nil})
    ```

    ## Fix safety
    Unsafe. The link to the test is lost, so a crash no longer fails the test at once and the process is
    restarted instead; `start_link_supervised!` (ExUnit 1.14) keeps the link. A second process of the same
    module gets an `id:`. A test that stops the process itself is left to its author.

    ## References
    - https://hexdocs.pm/ex_unit/ExUnit.Callbacks.html#start_supervised/2
    - Shown by `tests/beam/started_in_a_test.exs`
    """

    code = "OTP409"
    name = "test-unsupervised-start"
    severity = Severity.INFORMATION
    anchors = ("start_link",)
    roles = IN_TESTS
    fixes = (FixKind.UNSAFE, FixKind.LLM)

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/counter.ex
            defmodule Shop.Counter do
              use GenServer

              def start_link(opts), do: GenServer.start_link(__MODULE__, 0, opts)

              @impl true
              def init(value), do: {:ok, value}
            end
            # file: test/shop/counter_test.exs
            defmodule Shop.CounterTest do
              use ExUnit.Case

              alias Shop.Counter

              setup do
                {:ok, pid} = Counter.start_link(name: nil)
            #                ^^^^^^^^^^^^^^^^^^ information: the process may outlive it
                %{counter: pid}
              end

              test "counts", %{counter: counter} do
                assert {:ok, other} = Counter.start_link([])
            #                         ^^^^^^^^^^^^^^^^^^ information: `start_supervised!` stops it
                {:ok, _} = Counter.start_link(name: Shop.ThirdCounter)
            #              ^^^^^^^^^^^^^^^^^^ information: `Shop.Counter.start_link/1` in a test
                Counter.start_link([])
            #   ^^^^^^^^^^^^^^^^^^ information: `Shop.Counter.start_link/1` in a test
                assert other != counter
              end
            end
            """,
            fixed="""
            # file: test/shop/counter_test.exs
            defmodule Shop.CounterTest do
              use ExUnit.Case

              alias Shop.Counter

              setup do
                pid = start_supervised!({Counter, name: nil})
                %{counter: pid}
              end

              test "counts", %{counter: counter} do
                other = start_supervised!({Counter, []}, id: :counter_2)
                start_supervised!({Counter, name: Shop.ThirdCounter}, id: :counter_3)
                start_supervised!({Counter, []}, id: :counter_4)
                assert other != counter
              end
            end
            """,
        ),
        Example(
            """
            # file: lib/shop/server.ex
            defmodule Shop.Server do
              defmacro __using__(_opts) do
                quote do
                  use GenServer
                end
              end
            end
            # file: lib/shop/till.ex
            defmodule Shop.Till do
              use Shop.Server

              def start_link(opts), do: GenServer.start_link(__MODULE__, opts)

              def init(opts), do: {:ok, opts}
            end
            # file: test/shop/till_test.exs
            defmodule Shop.TillTest do
              use ExUnit.Case

              test "opens" do
                {:ok, till} = Shop.Till.start_link(%{float: 100})
            #                 ^^^^^^^^^^^^^^^^^^^^ information: the process may outlive it
                assert :sys.get_state(till).float == 100
              end

              test "keeps what an agent has" do
                {:ok, agent} = Agent.start_link(fn -> %{} end)
            #                  ^^^^^^^^^^^^^^^^ information: `Agent.start_link/1` in a test
                assert Agent.get(agent, & &1) == %{}
              end
            end
            """,
            fixed="""
            # file: test/shop/till_test.exs
            defmodule Shop.TillTest do
              use ExUnit.Case

              test "opens" do
                till = start_supervised!({Shop.Till, %{float: 100}})
                assert :sys.get_state(till).float == 100
              end

              test "keeps what an agent has" do
                agent = start_supervised!({Agent, fn -> %{} end})
                assert Agent.get(agent, & &1) == %{}
              end
            end
            """,
        ),
        Example(
            """
            # file: test/shop/stopped_test.exs
            defmodule Shop.StoppedTest do
              use ExUnit.Case

              defmodule Door do
                use GenServer

                def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
                def init(opts), do: {:ok, opts}
              end

              test "is stopped by the test" do
                {:ok, door} = Door.start_link([])
            #                 ^^^^^^^^^^^^^^^ information: the process may outlive it
                assert GenServer.stop(door) == :ok
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: test/shop/supervised_test.exs
            defmodule Shop.SupervisedTest do
              use ExUnit.Case

              defmodule Door do
                use GenServer

                def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
                def start_link(name, opts), do: GenServer.start_link(__MODULE__, opts, name: name)
                def init(opts), do: {:ok, opts}
              end

              test "is supervised" do
                door = start_supervised!({Door, []})
                assert Process.alive?(door)
              end

              test "takes two arguments" do
                {:ok, door} = Door.start_link(:front, [])
                assert Process.alive?(door)
              end

              test "is started by a helper" do
                assert Process.alive?(open_door())
              end

              defp open_door do
                {:ok, door} = Door.start_link([])
                door
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/start_test.exs
            defmodule Shop.StartTest do
              use ExUnit.Case

              defmodule Door do
                use GenServer

                def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
                def init(opts), do: if(opts[:locked], do: {:stop, :locked}, else: {:ok, opts})
              end

              describe "start_link/1" do
                test "gives a pid" do
                  assert {:ok, pid} = Door.start_link([])
                  assert is_pid(pid)
                end
              end

              test "starts closed" do
                {:ok, door} = Door.start_link([])
                assert :sys.get_state(door) == []
              end

              test "does not open twice" do
                {:ok, _door} = Door.start_link([])
                assert {:error, :locked} = Door.start_link(locked: true)
              end

              test "takes its owner along" do
                Process.flag(:trap_exit, true)
                {:ok, door} = Door.start_link([])
                GenServer.stop(door, :broken)
                assert_receive {:EXIT, ^door, :broken}
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/unknown_test.exs
            defmodule Shop.UnknownTest do
              use ExUnit.Case

              test "a module without a child spec, and one that is not of this project" do
                {:ok, gate} = Shop.Gate.start_link([])
                {:ok, redis} = Redix.start_link("redis://localhost")
                assert gate != redis
              end
            end
            # file: lib/shop/gate.ex
            defmodule Shop.Gate do
              def start_link(opts), do: Agent.start_link(fn -> opts end)
            end
            """
        ),
        Example(
            """
            # file: test/shop/on_exit_test.exs
            defmodule Shop.OnExitTest do
              use ExUnit.Case

              defmodule Door do
                use GenServer

                def start_link(opts), do: GenServer.start_link(__MODULE__, opts)
                def init(opts), do: {:ok, opts}
              end

              test "is stopped when the test is over" do
                {:ok, door} = Door.start_link([])
                on_exit(fn -> if Process.alive?(door), do: GenServer.stop(door) end)
                assert :sys.get_state(door) == []
              end
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in file.facts.modules:
            if module.complete and is_test_case(module):
                for block in test_blocks(module):
                    for start in test_starts(file.source, block):
                        yield self._finding(file, start)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        site = test_call_at(project.files[finding.path].facts, finding.span)
        return finding if site is not None and has_child_spec(project, site.call.module) else None

    def _finding(self, file: FileView, start: TestStart) -> Finding:
        call = start.site.call
        return self.report(
            file.facts.path,
            call.head,
            f"`{call.target}` in a test: the process may outlive it, where `start_supervised!` stops it "
            "before the next one",
            snippet=file.source.text(call.span),
            scope=start.site.scope,
            fix=FixKind.LLM if start.ended else FixKind.UNSAFE,
        )
