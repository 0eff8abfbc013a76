from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.model import Call, Clause, Module, Use
from otp_genesis_analyzers.facts.testing.global_state import changes_global_state, module_key, own_key
from otp_genesis_analyzers.facts.testing.test_blocks import (
    async_use,
    blocks_and_functions,
    is_test_case,
    one_line_tests,
    test_call_at,
)
from otp_genesis_analyzers.findings import Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.roles import IN_TESTS
from otp_genesis_analyzers.rules.contract import Example, FileView, Rule
from otp_genesis_analyzers.source import Source

_LEAST_FILES = 10
"""Fewer may be an excerpt: where the key is read is then out of sight."""


class TestGlobalStateAsync(Rule):
    """Tests with `async: true` change state that all tests share.

    ## What it does
    Reports, once for each test, setup or helper of a module with `async: true`, the first call that changes
    the application environment, the system environment, `:persistent_term`, the working directory, the
    Logger's configuration or the global mode of Mox, or that stops a process known by its name.

    ## Why it matters on the BEAM
    An `async` module runs beside other `async` modules, in the same virtual machine. They see the changed
    value, and this module sees theirs. Such a test fails now and then, and never alone. Putting the old
    value back in `on_exit` makes the time shorter in which that happens, no more.

    ## When it is legitimate
    With a key that is the test module itself or a module inside it, or that is made at run time; with a key
    of the application's own, or an application, that only the test knows. Code directly in the module's body,
    and what only `on_exit` does. None of these is reported.

    ## Use instead
    ```elixir
    use ExUnit.Case, async: false
    ```

    ## Fix safety
    Safe. The module's tests run alone, and take the time that they saved before.

    ## References
    - https://hexdocs.pm/ex_unit/ExUnit.Case.html
    - https://hexdocs.pm/elixir/Application.html#put_env/4
    - Shown by `tests/beam/application_environment.exs`
    """

    code = "OTP410"
    name = "test-global-state-async"
    severity = Severity.WARNING
    anchors = (
        "async:~true put_env",
        "async:~true delete_env",
        "async:~true put_all_env",
        "async:~true stop",
        "async:~true persistent_term erase",
        "async:~true configure",
        "async:~true put_module_level",
        "async:~true put_application_level",
        "async:~true set_primary_config",
        "async:~true set_env",
        "async:~true unset_env",
        "async:~true terminate_child",
        "async:~true delete_child",
        "async:~true set_cwd",
        "async:~true cd",
        "async:~true cd!",
        "async:~true set_mox_global",
        "async:~true set_mox_from_context",
        "async:~true Process exit",
        "async:~true persistent_term put",
    )
    roles = IN_TESTS
    fixes = (FixKind.SAFE,)

    INVALID: ClassVar = [
        Example(
            """
            # file: test/shop/mode_test.exs
            defmodule Shop.ModeTest do
              use ExUnit.Case, async: true

              test "on", do: Application.put_env(:shop, :mode, :on)
            #                ^^^^^^^^^^^^^^^^^^^ warning: changes what all tests see

              test "off" do
                Application.put_env(:shop, :mode, :off)
            #   ^^^^^^^^^^^^^^^^^^^ warning: while this module runs beside others
                on_exit(fn -> Application.delete_env(:shop, :mode) end)
                assert Shop.mode() == :off
              end
            end
            """,
            fixed="""
            # file: test/shop/mode_test.exs
            defmodule Shop.ModeTest do
              use ExUnit.Case, async: false

              test "on", do: Application.put_env(:shop, :mode, :on)

              test "off" do
                Application.put_env(:shop, :mode, :off)
                on_exit(fn -> Application.delete_env(:shop, :mode) end)
                assert Shop.mode() == :off
              end
            end
            """,
        ),
        Example(
            """
            # file: test/shop_web/locale_test.exs
            defmodule ShopWeb.LocaleTest do
              use ShopWeb.ConnCase, async: true, parameterize: [%{locale: "de"}]

              setup do
                System.put_env("LANG", "C")
            #   ^^^^^^^^^^^^^^ warning: `System.put_env/2` changes
                :ok
              end

              test "in a folder" do
                with_flag(fn -> File.cd!("test/fixtures") end)
            #                   ^^^^^^^^ warning: `File.cd!/1` changes
              end

              defp with_flag(action) do
                :persistent_term.put({Shop.Flags, :beta}, true)
            #   ^^^^^^^^^^^^^^^^^^^^ warning: changes what all tests see
                action.()
              end
            end
            """,
            fixed="""
            # file: test/shop_web/locale_test.exs
            defmodule ShopWeb.LocaleTest do
              use ShopWeb.ConnCase, async: false, parameterize: [%{locale: "de"}]

              setup do
                System.put_env("LANG", "C")
                :ok
              end

              test "in a folder" do
                with_flag(fn -> File.cd!("test/fixtures") end)
              end

              defp with_flag(action) do
                :persistent_term.put({Shop.Flags, :beta}, true)
                action.()
              end
            end
            """,
        ),
        Example(
            """
            # file: test/shop/noise_test.exs
            defmodule Shop.NoiseTest do
              use ExUnit.Case, async: true
              import Mox

              setup :set_mox_global
            # ^^^^^ warning: `set_mox_global` changes what all tests see

              test "is quiet" do
                Logger.configure(level: :error)
            #   ^^^^^^^^^^^^^^^^ warning: `Logger.configure/1` changes
                assert Shop.Noise.level() == :error
              end

              test "comes back" do
                GenServer.stop(Shop.Noise)
            #   ^^^^^^^^^^^^^^ warning: `GenServer.stop/1` changes
                Process.exit(Process.whereis(Shop.Radio), :kill)
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/till_test.exs
            defmodule Shop.TillTest do
              use ExUnit.Case, async: true

              test "without a till" do
                Supervisor.terminate_child(Shop.Supervisor, Shop.Till)
            #   ^^^^^^^^^^^^^^^^^^^^^^^^^^ warning: changes what all tests see
              end

              test "after a crash" do
                Shop.Till |> Process.whereis() |> Process.exit(:kill)
            #                                     ^^^^^^^^^^^^ warning: changes what all tests see
              end

              test "at another level" do
                :application.set_env(:shop, :level, :debug)
            #   ^^^^^^^^^^^^^^^^^^^^ warning: changes what all tests see
              end
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: test/shop/alone_test.exs
            defmodule Shop.AloneTest do
              use ExUnit.Case, async: false

              test "runs alone" do
                Application.put_env(:shop, :mode, :off)
                assert Shop.mode() == :off
              end
            end
            # file: test/shop/last_word_test.exs
            defmodule Shop.LastWordTest do
              use Shop.DataCase, async: true
              use ExUnit.Case, async: false

              test "runs alone: the last one says how" do
                Application.put_env(:shop, :mode, :off)
                assert Shop.mode() == :off
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop_web/endpoint_test.exs
            defmodule ShopTest.Endpoint do
              use Phoenix.Endpoint, otp_app: :shop
            end

            defmodule ShopWeb.EndpointTest do
              use ExUnit.Case, async: true

              defmodule Endpoint do
                use Phoenix.Endpoint, otp_app: :shop
              end

              Application.put_env(:shop, Endpoint, server: false)

              test "a key of the test's own", %{test: name} do
                Application.put_env(:shop, __MODULE__.Endpoint, server: true)
                Application.put_env(:shop, ShopTest.Endpoint, server: true)
                Application.put_env(:shop, :"flag_#{name}", true)
                System.put_env("SHOP_#{name}", "1")
                System.put_env(TEST_SHOP_PORT: "4000")
                :persistent_term.put({__MODULE__, name}, true)
                assert Shop.Flags.read(name)
              end

              test "an application that only the test knows" do
                Application.put_env(:fake_shop, :mode, :on)
                assert Shop.mode(:fake_shop) == :on
              end
            end
            """
        ),
        Example(
            """
            # file: test/shop/own_process_test.exs
            defmodule Shop.OwnProcessTest do
              use ExUnit.Case, async: true

              setup do
                start_supervised!({Shop.Till, name: Shop.OwnTill})
                :ok
              end

              test "stops what it started" do
                GenServer.stop(Shop.OwnTill)
                on_exit(fn -> System.delete_env("SHOP_TILL") end)
                assert Application.get_env(:shop, :till) == nil
                assert File.cwd!()
              end

              test "stops what it was given", %{till: till} do
                GenServer.stop(till)
                assert Process.whereis(Shop.Till) == nil
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/mode.ex
            defmodule Shop.Mode do
              use Shop.Setting, async: true

              def switch(mode), do: Application.put_env(:shop, :mode, mode)
            end
            """
        ),
        Example(
            """
            # file: test/shop/mirror_test.exs
            defmodule Shop.MirrorTest do
              use ExUnit.Case, async: true

              defmodule Mirror do
                def show(thing), do: send(Application.fetch_env!(:shop, :mirror_pid), {:shown, thing})
              end

              test "shows what is put in front of it" do
                Application.put_env(:shop, :mirror_pid, self())
                Shop.PartA.show(Mirror)
                assert_receive {:shown, _}
              end

              test "asks for its password" do
                System.put_env("SHOP_MIRROR_PASSWORD", "secret")
                assert Shop.PartB.open({System, :get_env, ["SHOP_MIRROR_PASSWORD"]}) == :ok
              end
            end
            # file: lib/shop/part_a.ex
            defmodule Shop.PartA do
              def name, do: "a"
            end
            # file: lib/shop/part_b.ex
            defmodule Shop.PartB do
              def name, do: "b"
            end
            # file: lib/shop/part_c.ex
            defmodule Shop.PartC do
              def name, do: "c"
            end
            # file: lib/shop/part_d.ex
            defmodule Shop.PartD do
              def name, do: "d"
            end
            # file: lib/shop/part_e.ex
            defmodule Shop.PartE do
              def name, do: "e"
            end
            # file: lib/shop/part_f.ex
            defmodule Shop.PartF do
              def name, do: "f"
            end
            # file: lib/shop/part_g.ex
            defmodule Shop.PartG do
              def name, do: "g"
            end
            # file: lib/shop/part_h.ex
            defmodule Shop.PartH do
              def name, do: "h"
            end
            # file: lib/shop/part_i.ex
            defmodule Shop.PartI do
              def name, do: "i"
            end
            # file: lib/shop/part_j.ex
            defmodule Shop.PartJ do
              def name, do: "j"
            end
            """
        ),
    ]

    def check(self, file: FileView) -> Iterable[Finding]:
        for module in file.facts.modules:
            use = async_use(module)
            if use is not None and is_test_case(module):
                for site in _first_changes(file.source, module):
                    yield self._finding(file, site, use)

    def refine(self, finding: Finding, project: Project) -> Finding | None:
        """A key of the application's own that no other file names can be seen by no other test.

        Nor can the settings of a module that the file defines, an endpoint for instance.
        """
        facts = project.files[finding.path].facts
        site = test_call_at(facts, finding.span)
        if site is not None and module_key(site.call) in {module.name for module in facts.modules}:
            return None
        key = own_key(site.call, [app.name for app in project.apps]) if site is not None else ""
        if not key:
            return finding
        others = [path for path in project.files if path != finding.path]
        is_whole = len(others) >= _LEAST_FILES
        is_known = any(key.encode() in project.read(path) for path in others)
        return None if is_whole and not is_known else finding

    def _finding(self, file: FileView, site: Site, use: Use) -> Finding:
        path = file.facts.path
        changing = "set_mox_global" if site.call.name == "setup" else site.call.target
        return self.report(
            path,
            site.call.head,
            f"`{changing}` changes what all tests see, while this module runs beside others",
            snippet=file.source.text(site.call.span),
            scope=site.scope,
            fix=FixKind.SAFE,
            related=(Related(path, use.span, "`async: true` lets the module run beside others"),),
        )


def _first_changes(source: Source, module: Module) -> Iterator[Site]:
    for block in (*blocks_and_functions(module), *one_line_tests(module)):
        for call in block.clause.calls:
            if changes_global_state(module, call) and not _puts_back(block.clause, call):
                yield block.site(call)
                break
    for function in module.functions:
        for call in function.clauses[0].calls if function.kind == "body" else ():
            if call.name == "setup" and call.arity == 1 and _names_mox_global(source, call):
                yield Site(module, function, function.clauses[0], call)


def _names_mox_global(source: Source, setup: Call) -> bool:
    """`setup :set_mox_global`, alone or in a list."""
    named = syntax.arguments(source.node_at(setup.span))
    if named and named[0].type == "list":
        named = syntax.children(named[0])
    return any(node.type == "atom" and syntax.text(node) == ":set_mox_global" for node in named)


def _puts_back(clause: Clause, call: Call) -> bool:
    """Stands in a closure that runs when the test is over."""
    index = call.closure
    while index >= 0:
        if clause.closures[index].receiver.startswith("on_exit/"):
            return True
        index = clause.closures[index].parent
    return False
