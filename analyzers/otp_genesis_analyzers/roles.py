"""The role of a file, by its path below its mix project."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    LIB = "lib"
    TEST = "test"
    TEST_SUPPORT = "test support"
    MIX_TASK = "mix task"
    MIGRATION = "migration"
    CONFIG = "config"
    SCRIPT = "script"
    DEV_TOOL = "development tool"

    @property
    def is_test(self) -> bool:
        return self in IN_TESTS

    @property
    def is_application_code(self) -> bool:
        """Runs in production, as part of the application."""
        return self in IN_PRODUCTION


IN_PRODUCTION = frozenset({Role.LIB})
IN_TESTS = frozenset({Role.TEST, Role.TEST_SUPPORT})
OUTSIDE_TESTS = frozenset(Role) - IN_TESTS
EVERYWHERE = frozenset(Role)

_TEST_FOLDERS = {"test", "tests", "integration_test", "integration_tests", "test_integrations"}
_TEST_PROJECTS = {"testing", "test_support", "test_helpers"}
"""Applications of an umbrella that hold what the tests of the others share."""
_BENCHMARK_FOLDERS = {"bench", "benches", "benchmark", "benchmarks"}
_EXAMPLE_FOLDERS = {"example", "examples", "demo", "demos"}
_SHOWING_FOLDERS = {"examples", "demos"}
"""Not `example`, which may be the name of an application."""
_SCRIPT_FOLDERS = {"dev", "rel", "installer", "scripts"}


def role_of(path: str, compiled: tuple[str, ...] = ()) -> Role:
    """The role of `path`, given relative to the mix project that owns the file.

    `compiled` are the folders that mix compiles (`elixirc_paths`); empty when that is not known.
    An `.ex` file outside them is a draft or a leftover: it runs when somebody runs it, as a script does.
    """
    *folders, name = path.split("/")
    is_script = name.endswith(".exs")
    if name.endswith("_test.exs"):
        return Role.TEST
    if not _TEST_FOLDERS.isdisjoint(folders):
        return Role.TEST if is_script else Role.TEST_SUPPORT
    if name == "testing.ex":
        return Role.TEST_SUPPORT
    if folders[:1] == ["config"] or name in ("mix.exs", ".formatter.exs"):
        return Role.CONFIG
    if "migrations" in folders and "priv" in folders:
        return Role.MIGRATION
    if folders[:2] == ["lib", "mix"] or "release_tasks" in name or name == "release.ex":
        return Role.MIX_TASK
    if is_script or not _SCRIPT_FOLDERS.isdisjoint(folders[:1]):
        return Role.SCRIPT
    if not (_BENCHMARK_FOLDERS | _SHOWING_FOLDERS).isdisjoint(folders):
        return Role.SCRIPT
    if name == "debug.ex" or name.endswith("_cli.ex"):
        return Role.DEV_TOOL
    if compiled and not any(path.startswith(f"{folder}/") for folder in compiled):
        return Role.SCRIPT
    return Role.LIB


def role_inside(folder: str, role: Role) -> Role:
    """The role of a file of a mix project that lies in `folder` of another one, which it shows or tests."""
    parts = set(folder.split("/"))
    if role is Role.LIB and parts & (_TEST_FOLDERS | _TEST_PROJECTS):
        return Role.TEST_SUPPORT
    if role is Role.LIB and parts & (_EXAMPLE_FOLDERS | _BENCHMARK_FOLDERS):
        return Role.SCRIPT
    return role
