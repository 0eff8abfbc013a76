from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, NamedTuple

from otp_genesis_analyzers.facts.calls.configuration import Setting, reads_application, setting_of
from otp_genesis_analyzers.facts.calls.sites import Site, production_modules, sites
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.findings import Confidence, Finding, FixKind, Related, Severity
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.rules.contract import Example, Rule
from otp_genesis_analyzers.terms import Term


class _Read(NamedTuple):
    path: str
    site: Site


class ScatteredFeatureFlag(Rule):
    """One feature flag is read in several modules, each of which branches on it by itself.

    ## What it does
    Reports, as a hint, a setting that three modules or more read with `Application.get_env` or `fetch_env!`
    to decide between two ways: it is the condition of a branch (`if`, `unless`, `cond`, `&&`) straight where
    it is read, or its default is `true` or `false`. The finding stands at the first read and names the
    others, and says where their defaults differ.

    ## Why it matters on the BEAM
    Each read asks the table of the environment anew. A request that comes through several modules can meet
    both values when the flag is changed meanwhile: half of it runs in the old way and half in the new.
    Nobody can test the flag in one place, nor see when its last branch is gone.

    ## When it is legitimate
    One accessor function that the others call; a setting whose value is used and not branched on; a flag
    that lives in one or two modules. Tests, Mix tasks, scripts and configuration. None of these is reported.

    ## Use instead
    ```elixir
    defmodule Shop.Flags do
      def v2?, do: Application.get_env(:shop, :v2, false)
    end
    ```

    ## Fix safety
    There is no deterministic fix: the accessor needs a home, and the flag a day on which it goes.

    ## References
    - https://hexdocs.pm/elixir/Application.html#get_env/3
    - Shown by `tests/beam/application_environment.exs`
    """

    code = "OTP509"
    name = "scattered-feature-flag"
    severity = Severity.HINT
    default = False
    project_wide = True
    anchors = ("Application get_env", "Application fetch_env", "Application compile_env")
    fixes = (FixKind.LLM,)
    thresholds: ClassVar = {"modules": 3}

    INVALID: ClassVar = [
        Example(
            """
            # file: lib/shop/basket.ex
            defmodule Shop.Basket do
              def total(items) do
                if Application.get_env(:shop, :v2, nil), do: Enum.sum(items), else: length(items)
            #      ^^^^^^^^^^^^^^^^^^^ hint: `:shop, :v2` decides in 3 modules
              end
            end
            # file: lib/shop/checkout.ex
            defmodule Shop.Checkout do
              def pay(order), do: if(Application.get_env(:shop, :v2, nil), do: {:v2, order}, else: order)
            end
            # file: lib/shop/receipt.ex
            defmodule Shop.Receipt do
              def show(order) do
                cond do
                  Application.get_env(:shop, :v2, nil) -> inspect(order)
                  true -> "receipt"
                end
              end
            end
            """
        ),
        Example(
            """
            # file: lib/shop/a.ex
            defmodule Shop.A do
              def run, do: Application.get_env(:shop, :fast, true) && :fast
            #              ^^^^^^^^^^^^^^^^^^^ hint: with different defaults (true, false, none)
            end
            # file: lib/shop/b.ex
            defmodule Shop.B do
              alias Application, as: App
              def run, do: unless(App.get_env(:shop, :fast, false), do: :slow)
            end
            # file: lib/shop/c.ex
            defmodule Shop.C do
              defmodule D do
                def run, do: if(!Application.get_env(:shop, :fast), do: :slow)
              end

              def run, do: if(Application.fetch_env!(:shop, :fast), do: :fast)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/one.ex
            defmodule Shop.One do
              if Application.compile_env(:shop, :audit, false) do
                def audit, do: :ok
              end

              def run, do: if(Application.get_env(:shop, Shop.Audit), do: :audited)
            #                 ^^^^^^^^^^^^^^^^^^^ hint: `:shop, Shop.Audit` decides in 3 modules
            end
            # file: lib/shop/two.ex
            defmodule Shop.Two do
              def run(ok?), do: if(ok? and Application.get_env(:shop, Shop.Audit), do: :audited)
            end
            # file: lib/shop/three.ex
            defmodule Shop.Three do
              def run, do: if(:shop |> Application.get_env(Shop.Audit), do: :audited)
            end
            """
        ),
        Example(
            """
            # file: apps/shop/mix.exs
            defmodule Shop.MixProject do
              use Mix.Project
              def project, do: [app: :shop, version: "0.1.0"]
            end
            # file: apps/shop/lib/shop.ex
            defmodule Shop do
              def run, do: if(Application.get_env(:shop, :v2), do: 2)
            #                 ^^^^^^^^^^^^^^^^^^^ hint
            end
            # file: apps/web/mix.exs
            defmodule Web.MixProject do
              use Mix.Project
              def project, do: [app: :web, version: "0.1.0"]
            end
            # file: apps/web/lib/web.ex
            defmodule Web do
              def run, do: if(Application.get_env(:shop, :v2), do: 2)
            end
            # file: apps/web/lib/web/page.ex
            defmodule Web.Page do
              def run, do: if(Application.get_env(:shop, :v2), do: 2)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/a.ex
            defmodule Shop.A do
              def run(order) do
                case Application.get_env(:shop, :v2, false) do
            #        ^^^^^^^^^^^^^^^^^^^ hint: `:shop, :v2` decides in 3 modules
                  true -> {:v2, order}
                  false -> order
                end
              end
            end
            # file: lib/shop/b.ex
            defmodule Shop.B do
              def v2?, do: Application.get_env(:shop, :v2, false) == true
            end
            # file: lib/shop/c.ex
            defmodule Shop.C do
              def run(order), do: unless(Application.fetch_env!(:shop, :v2), do: order)
            end
            """
        ),
    ]
    VALID: ClassVar = [
        Example(
            """
            # file: lib/shop/flags.ex
            defmodule Shop.Flags do
              def v2?, do: Application.get_env(:shop, :v2, false)
            end
            # file: lib/shop/a.ex
            defmodule Shop.A do
              def run, do: if(Shop.Flags.v2?(), do: 2)
            end
            # file: lib/shop/b.ex
            defmodule Shop.B do
              def run, do: if(Shop.Flags.v2?(), do: 2)
            end
            # file: lib/shop/c.ex
            defmodule Shop.C do
              def run, do: if(Shop.Flags.v2?(), do: 2)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/a.ex
            defmodule Shop.A do
              def run, do: if(Application.get_env(:shop, :v2), do: 2)
              def stop, do: if(Application.get_env(:shop, :v2), do: 2)
              def halt, do: unless(Application.get_env(:shop, :v2), do: 2)
            end
            # file: lib/shop/b.ex
            defmodule Shop.B do
              def run, do: if(Application.get_env(:shop, :v2), do: 2)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/a.ex
            defmodule Shop.A do
              def get(path), do: Req.get!(Application.get_env(:shop, :url) <> path)
            end
            # file: lib/shop/b.ex
            defmodule Shop.B do
              def get(path), do: {Application.get_env(:shop, :url), path}
            end
            # file: lib/shop/c.ex
            defmodule Shop.C do
              def url, do: Application.get_env(:shop, :url)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/a.ex
            defmodule Shop.A do
              def run, do: if(Application.get_env(:shop, :v2), do: 2)
            end
            # file: lib/mix/tasks/shop.run.ex
            defmodule Mix.Tasks.Shop.Run do
              use Mix.Task
              def run(_args), do: if(Application.get_env(:shop, :v2), do: 2)
            end
            # file: test/support/v2.ex
            defmodule Shop.V2 do
              def run, do: if(Application.get_env(:shop, :v2), do: 2)
            end
            # file: test/shop_test.exs
            defmodule ShopTest do
              use ExUnit.Case
              test "runs", do: if(Application.get_env(:shop, :v2), do: 2)
            end
            """
        ),
        Example(
            """
            # file: lib/shop/a.ex
            defmodule Shop.A do
              def run(key), do: if(Application.get_env(:shop, key), do: 2)
            end
            # file: lib/shop/b.ex
            defmodule Shop.B do
              def run(key), do: if(Application.get_env(:shop, key), do: 2)
            end
            # file: lib/shop/c.ex
            defmodule Shop.C do
              def run(key), do: if(Application.get_env(:shop, key), do: 2)
              def other(app), do: if(Application.get_env(app, :v2), do: 2)
            end
            """
        ),
    ]

    def check_project(self, project: Project) -> Iterable[Finding]:
        by_flag: dict[Setting, list[_Read]] = {}
        for read in _reads(project):
            by_flag.setdefault(setting_of(read.site.call), []).append(read)
        for flag, reads in by_flag.items():
            modules = {read.site.module.name for read in reads}
            config, _ = project.config.at(reads[0].path)
            least = config.rules.get(self.code, {}).get("modules", self.thresholds["modules"])
            if len(modules) >= least:
                yield self._finding(flag, reads, len(modules))

    def _finding(self, flag: Setting, reads: list[_Read], modules: int) -> Finding:
        first = reads[0]
        defaults = list(dict.fromkeys(_default(read.site) for read in reads if _may_be_absent(read.site)))
        differ = f", with different defaults ({', '.join(defaults)})" if len(defaults) > 1 else ""
        return self.report(
            first.path,
            first.site.call.head,
            f"`{flag.shown}` decides in {modules} modules{differ}: give it one function that they call, so"
            " that it can be tested, changed and taken out in one place",
            snippet=f"{first.site.call.target} {flag.shown}",
            scope=first.site.scope,
            confidence=Confidence.STRONG,
            fix=FixKind.LLM,
            related=tuple(
                Related(read.path, read.site.call.head, f"it decides in `{read.site.scope}` too")
                for read in reads[1:]
            ),
        )


def _reads(project: Project) -> Iterator[_Read]:
    """Every read of a named setting that decides between two ways, by path and place."""
    for path in sorted(project.files):
        for module in production_modules(project.files[path].facts, project.role_of(path)):
            for site in sites(module):
                call = site.call
                if reads_application(call) and _is_flag(call) and all(setting_of(call)):
                    yield _Read(path, site)


def _is_flag(call: Call) -> bool:
    """It is itself the condition of a branch, or is true or false when nothing is configured."""
    defaults_to_boolean = len(call.args) > 2 and call.args[2].is_atom("true", "false")
    return call.result == "tested" or defaults_to_boolean


def _may_be_absent(site: Site) -> bool:
    return site.call.name == "get_env"


def _default(site: Site) -> str:
    given: Term | None = site.call.args[2] if len(site.call.args) > 2 else None
    if given is None or given.is_atom("nil"):
        return "none"
    return given.value or "computed"
