"""The role of a file, and what `mix.exs` says of it."""

from __future__ import annotations

from inspect import cleandoc

import pytest

from otp_genesis_analyzers.mix_project import read_mix_project
from otp_genesis_analyzers.project import MixApp
from otp_genesis_analyzers.roles import Role, role_inside, role_of
from otp_genesis_analyzers.source import Source

ROLES = {
    "lib/shop/cart.ex": Role.LIB,
    "test/shop/cart_test.exs": Role.TEST,
    "test/support/factory.ex": Role.TEST_SUPPORT,
    "lib/shop/testing.ex": Role.TEST_SUPPORT,
    "lib/shop/test/fake.ex": Role.TEST_SUPPORT,
    "lib/mix/tasks/shop.seed.ex": Role.MIX_TASK,
    "lib/shop/release.ex": Role.MIX_TASK,
    "priv/repo/migrations/1_add.exs": Role.MIGRATION,
    "config/config.exs": Role.CONFIG,
    "mix.exs": Role.CONFIG,
    "priv/repo/seeds.exs": Role.SCRIPT,
    "bench/run.ex": Role.SCRIPT,
    "lib/shop/examples/till.ex": Role.SCRIPT,
    "lib/example/till.ex": Role.LIB,
    "lib/shop/debug.ex": Role.DEV_TOOL,
    "lib_old/shop/cart.ex": Role.SCRIPT,
    "web/router.ex": Role.LIB,
}


@pytest.mark.parametrize("path", ROLES)
def test_roles(path: str) -> None:
    assert role_of(path, ("lib", "web")) is ROLES[path]


def test_projects_inside_another_one() -> None:
    assert role_inside("examples/shop", Role.LIB) is Role.SCRIPT
    assert role_inside("integration_test/shop", Role.LIB) is Role.TEST_SUPPORT
    assert role_inside("apps/testing", Role.LIB) is Role.TEST_SUPPORT
    assert role_inside("examples/shop", Role.TEST) is Role.TEST
    assert role_inside("apps/shop", Role.LIB) is Role.LIB


def test_what_is_compiled_is_not_guessed() -> None:
    assert role_of("src/a.ex") is Role.LIB


def mix_project(body: str) -> MixApp:
    text = "defmodule Shop.MixProject do\n  use Mix.Project\n" + cleandoc(body) + "\nend\n"
    return read_mix_project(Source("mix.exs", text.encode()), "")


PLAIN = "def project, do: [app: :shop]"
PROJECTS = {
    "application": (
        f"{PLAIN}\ndef application do\n[mod: {{Shop.App, []}}]\nend",
        ("shop", "Shop.App", True, False),
    ),
    "library": (f"{PLAIN}\ndef application, do: [extra_applications: [:logger]]", ("shop", "", True, True)),
    "no application function": (PLAIN, ("shop", "", True, True)),
    "computed": (
        f"{PLAIN}\ndef application, do: base() ++ [mod: {{Shop.App, []}}]",
        ("shop", "", False, False),
    ),
    "computed module": (f"{PLAIN}\ndef application, do: [mod: mod(Mix.env())]", ("shop", "", False, False)),
}


@pytest.mark.parametrize("name", PROJECTS)
def test_projects(name: str) -> None:
    body, expected = PROJECTS[name]
    app = mix_project(body)
    assert (app.name, app.application, app.application_known, app.is_library) == expected


def test_compiled_folders() -> None:
    app = mix_project(
        """
        def project, do: [app: :shop, elixirc_paths: elixirc_paths(Mix.env())]
        defp elixirc_paths(:test), do: ["lib", "test/support"]
        defp elixirc_paths(_), do: ["./lib", "./web/"]
        """
    )
    assert app.compiled == ("lib", "test/support", "web")


def test_an_umbrella() -> None:
    assert mix_project('def project, do: [apps_path: "apps"]').umbrella
