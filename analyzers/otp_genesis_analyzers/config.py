"""What a project wants checked: `.otp-genesis.toml` beside `mix.exs`.

    preset = "strict"
    select = ["OTP1", "unsupervised-spawn"]
    ignore = ["OTP106"]

    [per-file-ignores]
    "lib/legacy/**" = ["OTP101"]

    [servers]
    wrappers = ["MyApp.Server"]

A project file may only narrow what is checked. It comes with every cloned repository, so what
could cost money, open a network or run a command is refused here, and read elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, cast, get_args

from msgspec import Struct

from otp_genesis_analyzers.rules import selectors
from otp_genesis_analyzers.rules.cards import find_card

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

    from otp_genesis_analyzers.toml_lines import Place

CONFIG_NAME = ".otp-genesis.toml"

Preset: TypeAlias = Literal["default", "strict", "seed"]
PRESETS: tuple[Preset, ...] = get_args(Preset)


@dataclass(frozen=True)
class Config:
    """Which rules run where. Rules are named by code, by the start of codes, or by name."""

    preset: Preset = "default"
    """`default` runs the rules that are on by default, `strict` all, `seed` all and its bans (`bans.py`)."""
    select: tuple[str, ...] = ()
    """Only these; empty for all of the preset. A rule named in full runs in every preset."""
    ignore: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    """Rules that run besides; not a setting of the file."""
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Globs, as in `.gitignore`, relative to the configuration's folder, and what is ignored there."""
    rules: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    """Thresholds that differ from a rule's own, by code."""
    wrappers: tuple[str, ...] = ()
    """Modules whose `use` makes a GenServer."""
    nested: tuple[tuple[str, Config], ...] = ()
    """Configurations of mix projects below the root, by folder, the deepest first. The nearest one holds."""

    def at(self, path: str) -> tuple[Config, str]:
        """The configuration that holds for a file, and the file's path relative to it."""
        for folder, config in self.nested:
            if path.startswith(f"{folder}/"):
                return config, path[len(folder) + 1 :]
        return self, path

    @property
    def bans(self) -> bool:
        """Whether some preset reports what is banned as well."""
        return any(config.preset == "seed" for config in self._all)

    @property
    def is_selective(self) -> bool:
        """Whether it names the rules that run, in every folder."""
        return all(config.select for config in self._all)

    def runs(self, rule: selectors.AnyRule) -> bool:
        """Whether a rule's findings are wanted anywhere."""
        return any(config._runs(rule) for config in self._all)

    def selects(self, rule: selectors.AnyRule, path: str) -> bool:
        """Whether a rule's findings are wanted in the file at `path`, relative to the root."""
        config, path = self.at(path)
        return config._runs(rule) and not any(
            glob.match_file(path) and any(selectors.names(selector, rule) for selector in ignored)
            for glob, ignored in config._file_ignores
        )

    def shows(self, rule: selectors.AnyRule, severity: int, path: str) -> bool:
        """Whether a finding of this level is wanted, of a rule that is: some are for `strict` alone."""
        config, _ = self.at(path)
        if severity >= rule.default_from or config.preset != "default":
            return True
        return any(selectors.names_alone(selector, rule) for selector in (*config.select, *config.also))

    def merged(
        self,
        *,
        select: Iterable[str] = (),
        ignore: Iterable[str] = (),
        also: Iterable[str] = (),
        preset: Preset | None = None,
    ) -> Config:
        """This configuration under command-line options: `select` and `preset` replace, the others add."""
        selected, ignored, added = tuple(select), tuple(ignore), tuple(also)
        return replace(
            self,
            preset=preset or self.preset,
            select=selected or self.select,
            ignore=(*self.ignore, *ignored),
            also=(*self.also, *added),
            nested=tuple(
                (folder, config.merged(select=selected, ignore=ignored, also=added, preset=preset))
                for folder, config in self.nested
            ),
        )

    @property
    def _all(self) -> tuple[Config, ...]:
        return self, *(config for _, config in self.nested)

    def _runs(self, rule: selectors.AnyRule) -> bool:
        if any(selectors.names(selector, rule) for selector in self.ignore):
            return False
        if any(selectors.names_alone(selector, rule) for selector in (*self.select, *self.also)):
            return True
        in_preset = rule.default or self.preset != "default"
        return in_preset and (
            not self.select or any(selectors.names(selector, rule) for selector in self.select)
        )

    @cached_property
    def _file_ignores(self) -> tuple[tuple[GitIgnoreSpec, tuple[str, ...]], ...]:
        return tuple((_glob(pattern), ignored) for pattern, ignored in self.per_file_ignores)


class ConfigProblem(Struct, frozen=True):
    """One mistake in a configuration file; only the setting it stands in is disabled."""

    path: str
    line: int
    """1-based."""
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


def load_config(
    root: Path, folders: Iterable[str] = (), read: Callable[[str], bytes] | None = None
) -> tuple[Config, tuple[ConfigProblem, ...]]:
    """The configuration of a workspace and what is wrong with it; the defaults where there is none.

    `folders` are those of the mix projects below `root`, relative to it: each may hold its own file.
    `read` gives a file's content by its path relative to `root`, in place of the disk.
    """
    read = read or (lambda path: (root / path).read_bytes())
    config, problems = _read(read, "") or (Config(), ())
    nested: list[tuple[str, Config]] = []
    for folder in sorted({*folders} - {""}, key=lambda folder: (-folder.count("/"), folder)):
        found = _read(read, folder)
        if found is not None:
            nested.append((folder, found[0]))
            problems += found[1]
    return replace(config, nested=tuple(nested)), problems


def parse_config(content: bytes, path: str = CONFIG_NAME) -> tuple[Config, tuple[ConfigProblem, ...]]:
    """The configuration written in `content`; problems are reported under `path`. Never raises."""
    import tomllib

    try:
        table = tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Config(), (ConfigProblem(path, line, "not UTF-8 text; the file is ignored"),)
    except ValueError as error:
        what, _, where = str(error).partition(" (at ")
        number = where.removeprefix("line ").partition(",")[0]
        line = int(number) if number.isdecimal() else content.count(b"\n") + 1
        return Config(), (ConfigProblem(path, line, f"not TOML: {what}; the file is ignored"),)
    except RecursionError:
        return Config(), (ConfigProblem(path, 1, "nested too deeply; the file is ignored"),)
    mistakes: list[tuple[Place, str]] = []

    def complain(message: str, *place: str | int) -> None:
        mistakes.append((place, message))

    return _config(table, complain), _located(mistakes, content, path)


def _read(read: Callable[[str], bytes], folder: str) -> tuple[Config, tuple[ConfigProblem, ...]] | None:
    path = f"{folder}/{CONFIG_NAME}" if folder else CONFIG_NAME
    try:
        content = read(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return Config(), (ConfigProblem(path, 1, f"can't be read: {error.strerror}; the file is ignored"),)
    return parse_config(content, path)


def _located(mistakes: list[tuple[Place, str]], content: bytes, path: str) -> tuple[ConfigProblem, ...]:
    if not mistakes:
        return ()
    from otp_genesis_analyzers.toml_lines import line_of

    problems = [ConfigProblem(path, line_of(content, place), message) for place, message in mistakes]
    return tuple(sorted(problems, key=lambda problem: (problem.line, problem.message)))


# --- the settings -------------------------------------------------------------------------------------


class _Complain(Protocol):
    def __call__(self, message: str, *place: str | int) -> None: ...


_SETTINGS = ("preset", "select", "ignore", "per-file-ignores", "rules", "servers")

# fmt: off
_ONLY_THE_USER_SETS = {
    "provider", "model", "models", "llm", "api", "key", "token", "url", "budget", "budgets",
    "network", "isolation", "sandbox", "trust", "command", "commands", "env", "environment",
}
# fmt: on


def is_for_the_user_alone(key: str) -> bool:
    """Whether no project may set a key like this: it could cost money, open a network, run a command."""
    return not _ONLY_THE_USER_SETS.isdisjoint(key.lower().replace("_", "-").split("-"))


def _config(table: Mapping[str, Any], complain: _Complain) -> Config:
    _complain_of_unknown_keys(table, _SETTINGS, complain)
    return Config(
        preset=_preset(table, complain),
        select=_selectors(table.get("select", []), complain, "select"),
        ignore=_selectors(table.get("ignore", []), complain, "ignore"),
        per_file_ignores=_per_file_ignores(table, complain),
        rules=_thresholds(table, complain),
        wrappers=_wrappers(table, complain),
    )


def _complain_of_unknown_keys(
    table: Mapping[str, Any], known: Iterable[str], complain: _Complain, *place: str
) -> None:
    for key in table.keys() - set(known):
        if is_for_the_user_alone(key):
            complain(
                f"{key!r} can't be set by a project: it belongs in your own configuration, the environment"
                " or your editor's settings; ignored",
                *place,
                key,
            )
            continue
        hint = selectors.did_you_mean(key, known) or f"; known are {', '.join(known)}"
        complain(f"unknown key {key!r}{hint}", *place, key)


def _preset(table: Mapping[str, Any], complain: _Complain) -> Preset:
    value = table.get("preset", "default")
    if value in PRESETS:
        return value
    complain(f"preset must be one of {', '.join(PRESETS)}; using default", "preset")
    return "default"


def _selectors(value: Any, complain: _Complain, *place: str) -> tuple[str, ...]:
    entries = _strings(value)
    if entries is None:
        complain(f'{place[-1]} must be a list such as ["OTP101", "OTP2"]; ignored', *place)
        return ()
    known: list[str] = []
    for index, selector in enumerate(entries):
        complaint = selectors.unknown(selector)
        if complaint:
            complain(complaint, *place, index)
        else:
            known.append(selector)
    return tuple(known)


def _per_file_ignores(
    table: Mapping[str, Any], complain: _Complain
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    section = _table(table, "per-file-ignores", complain)
    result: list[tuple[str, tuple[str, ...]]] = []
    for pattern, value in section.items():
        try:
            _glob(pattern)
        except ValueError:
            complain(
                f"{pattern!r} is not a glob as .gitignore has them; ignored", "per-file-ignores", pattern
            )
            continue
        ignored = _selectors(value, complain, "per-file-ignores", pattern)
        if ignored:
            result.append((pattern, ignored))
    return tuple(result)


def _thresholds(table: Mapping[str, Any], complain: _Complain) -> Mapping[str, Mapping[str, int]]:
    result: dict[str, Mapping[str, int]] = {}
    for name, values in _table(table, "rules", complain).items():
        rule = find_card(name)
        if rule is None:
            complain(selectors.unknown(name) or f"{name!r} names several rules; ignored", "rules", name)
        elif not isinstance(values, dict):
            complain(f"write its thresholds as a table, [rules.{name}]; ignored", "rules", name)
        else:
            result[rule.code] = _rule_thresholds(rule, name, cast("dict[str, Any]", values), complain)
    return result


def _rule_thresholds(
    rule: selectors.AnyRule, name: str, values: Mapping[str, Any], complain: _Complain
) -> Mapping[str, int]:
    if not rule.thresholds and values:
        complain(f"{rule.code} has no thresholds to set; ignored", "rules", name)
        return {}
    _complain_of_unknown_keys(values, rule.thresholds, complain, "rules", name)
    result: dict[str, int] = {}
    for key in values.keys() & rule.thresholds.keys():
        if type(values[key]) is int and values[key] >= 0:
            result[key] = values[key]
        else:
            complain(f"{key} must be a whole number; using {rule.thresholds[key]}", "rules", name, key)
    return result


def _wrappers(table: Mapping[str, Any], complain: _Complain) -> tuple[str, ...]:
    section = _table(table, "servers", complain)
    _complain_of_unknown_keys(section, ("wrappers",), complain, "servers")
    modules = _strings(section.get("wrappers", []))
    if modules is None or not all(part[:1].isupper() for module in modules for part in module.split(".")):
        complain(
            'wrappers must be a list of modules such as ["MyApp.Server"]; ignored', "servers", "wrappers"
        )
        return ()
    return modules


def _table(table: Mapping[str, Any], key: str, complain: _Complain) -> Mapping[str, Any]:
    value = table.get(key, {})
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    complain(f"{key} must be a table, [{key}]; ignored", key)
    return {}


def _strings(value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list):
        return None
    items = cast("list[Any]", value)
    return tuple(items) if all(isinstance(item, str) for item in items) else None


def _glob(pattern: str) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines([pattern])
