"""Mix projects and the index of all facts.

A workspace folder holds one mix project, an umbrella with one project an app, or several
projects side by side. Each file belongs to the innermost `mix.exs` above it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

from msgspec import Struct

from otp_genesis_analyzers.calls_in_text import holds, may_call
from otp_genesis_analyzers.config import Config
from otp_genesis_analyzers.facts.model import Call, FileFacts, Function, Module
from otp_genesis_analyzers.facts.processes.kinds import Wrappers, with_wrapped, wrappers_among
from otp_genesis_analyzers.facts.sharing import sharing
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.name_index import NameIndex, is_name, name_index
from otp_genesis_analyzers.roles import Role, role_inside, role_of
from otp_genesis_analyzers.source import Source

_Derived = TypeVar("_Derived")


class MixApp(Struct, frozen=True, array_like=True):
    """One `mix.exs`. Folders are relative to the workspace root, "" for the root itself."""

    folder: str
    name: str
    """`app:`; empty when it is not a literal."""
    application: str
    """The module of `mod:` in `application/0`; empty without one."""
    application_known: bool
    """False when `application/0` is not a literal list, so that a `mod:` may be out of sight."""
    umbrella: bool = False
    compiled: tuple[str, ...] = ("lib",)
    """Folders that mix compiles in some environment, by the literals of `elixirc_paths`."""
    packaged: bool = False
    """Published as a library: `package:` in `project/0`."""
    releases_mix: bool = False
    """Lists Mix among its applications, so that its releases have it."""

    @property
    def is_library(self) -> bool:
        """Surely starts no supervision tree of its own."""
        return self.application_known and not self.application

    def path(self, path: str) -> str:
        """A path of the workspace as this project names it."""
        return path[len(self.folder) + 1 :] if self.folder else path

    def holds(self, other: MixApp) -> bool:
        """The other project lies in a folder of this one."""
        return other.folder != self.folder and other.folder.startswith(
            f"{self.folder}/" if self.folder else ""
        )


class FileAnalysis(Struct, frozen=True, array_like=True):
    """What one file gave: its facts, and the findings of the rules that look at one file."""

    facts: FileFacts
    findings: tuple[Finding, ...] = ()
    carried_over: bool = False
    """From the last healthy text, less the findings that were typed in."""
    names: bytes = b""
    """`names_in` of its text: whether a file names a module is told without it."""


class FileSettings(Struct, frozen=True):
    """What the configuration and the rest of the project say about the analysis of one file."""

    thresholds: Mapping[str, Mapping[str, int]] = {}
    """Those that differ from the rules' own, by code."""
    wrappers: Wrappers = {}
    rules: frozenset[str] | None = None
    """The codes of the rules that it is read for; None for all."""


@dataclass(frozen=True)
class ModuleEntry:
    """A module and the file that defines it."""

    path: str
    module: Module


@dataclass(frozen=True)
class Project:
    """All that is known of a workspace folder. Paths are relative to its root, with `/`."""

    apps: tuple[MixApp, ...]
    files: Mapping[str, FileAnalysis]
    read: Callable[[str], bytes] = field(repr=False)
    """The content of a file: the editor's buffer where there is one, else the disk. Raises OSError."""
    config: Config = field(default_factory=Config)
    """What its files are analysed with. Which findings are wanted is for `engine.check` to be told."""
    rules: frozenset[str] | None = None
    """The codes of the rules that its files are read for; None for all."""
    answers: dict[Hashable, dict[str, tuple[FileAnalysis, Any]]] = field(
        default_factory=dict[Hashable, dict[str, tuple[FileAnalysis, Any]]], repr=False, compare=False
    )
    """What was asked of single files, by question and path, with the analysis for which it holds. It is
    handed on from each version of a project to the next, in which few files are other ones."""

    def reading(self, read: Callable[[str], bytes]) -> Project:
        """The same project, the content of its files read in another way."""
        return self._handing_on(replace(self, read=read), "_owners", "_roles", "_wrappers")

    def with_files(self, files: Mapping[str, FileAnalysis]) -> Project:
        """The same project with other files."""
        return self._handing_on(replace(self, files=files), "_owners", "_roles")

    def with_file(self, path: str, analysis: FileAnalysis | None) -> Project:
        """The project with another analysis of one file; without the file when that is None."""
        before = self.files.get(path)
        files = {**self.files, path: analysis} if analysis else {**self.files}
        if analysis is None:
            files.pop(path, None)
        same = _wrappers_in(before) == _wrappers_in(analysis)
        return self._handing_on(self.with_files(files), *(["_wrappers"] if same else []))

    def _handing_on(self, project: Project, *known: str) -> Project:
        """A later version of this project, with what was worked out here and holds there too."""
        vars(project).update({name: vars(self)[name] for name in known if name in vars(self)})
        return project

    def app_of(self, path: str) -> MixApp | None:
        """The mix project that owns a file: the one with the deepest folder above it."""
        folder = path.rpartition("/")[0]
        if folder not in self._owners:
            above = folder
            while above and above not in self._apps_by_folder:
                above = above.rpartition("/")[0]
            self._owners[folder] = self._apps_by_folder.get(above)
        return self._owners[folder]

    def is_part_of_umbrella(self, app: MixApp) -> bool:
        """One of the applications of an umbrella, and not published on its own."""
        return not app.packaged and any(other.umbrella and other.holds(app) for other in self.apps)

    def role_of(self, path: str) -> Role:
        if path not in self._roles:
            app = self.app_of(path)
            role = role_of(app.path(path), app.compiled) if app else role_of(path)
            inside = app is not None and app.folder in self._folders_inside
            self._roles[path] = role_inside(app.folder, role) if app and inside else role
        return self._roles[path]

    def derived(self, make: Callable[[Project], _Derived]) -> _Derived:
        """What `make` gives for this project, worked out once."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]

    def files_of(self, app: MixApp) -> Iterable[FileFacts]:
        for path, analysis in self.files.items():
            if self.app_of(path) == app:
                yield analysis.facts

    def complete(self, app: MixApp, *, holding: Collection[str] = ("",)) -> bool:
        """No file of the app that holds one of these words is broken: what its facts lack of them is absent,
        not out of sight."""
        broken = (facts.path for facts in self.files_of(app) if facts.broken)
        return not any(self._holds(path, holding) for path in broken)

    def settings_of(self, path: str) -> FileSettings:
        config, _ = self.config.at(path)
        configured = dict.fromkeys(config.wrappers, ("GenServer",))
        wrappers = {**configured, **self._wrappers} if configured else self._wrappers
        return FileSettings(config.rules, wrappers, self.rules)

    @cached_property
    def _wrappers(self) -> Wrappers:
        of_each = self._of_each("wrappers", lambda _, analysis: _wrappers_in(analysis))
        return {module: used for _, wrappers in of_each for module, used in wrappers.items()}

    @cached_property
    def modules(self) -> Mapping[str, ModuleEntry]:
        """Every module that was read, by its full name. `module` knows the others too, and all of each."""
        return {
            module.name: ModuleEntry(path, module)
            for path, analysis in self.files.items()
            for module in analysis.facts.modules
        }

    @cached_property
    def application_modules(self) -> Mapping[str, ModuleEntry]:
        """Those that run in production. Of other files it depends on the gate what was read."""
        return {
            module.name: ModuleEntry(path, module)
            for path, analysis in self.files.items()
            if self.role_of(path).is_application_code
            for module in analysis.facts.modules
        }

    def outline(self, name: str) -> ModuleEntry | None:
        """The module of this name, wherever it is: what it uses, and the heads of its functions."""
        return self.modules.get(name) or self.module(name)

    def module(self, name: str, *, holding: Collection[str] = ()) -> ModuleEntry | None:
        """The module of this name with every definition read, wherever in the workspace it is.

        None where the text of its file holds none of the words `holding`: then it is not read.
        """
        for path in self.paths_defining(name):
            if holding and not self._holds(path, holding):
                continue
            for module in self.all_facts(path).modules:
                if module.name == name:
                    return ModuleEntry(path, module)
        return None

    def function(self, module: str, name: str, arity: int) -> Function | None:
        entry = self.module(module)
        return entry.module.function(name, arity) if entry else None

    def callee(self, call: Call, *, holding: Collection[str] = ()) -> tuple[ModuleEntry, Function] | None:
        """The function of another module that is called, and its module: as `module` gives it."""
        entry = self.module(call.module, holding=holding) if call.module else None
        function = entry.module.function(call.name, call.arity) if entry else None
        return (entry, function) if entry and function else None

    def naming(
        self,
        name: str,
        *,
        holding: Collection[str] = (),
        calling: Collection[str] = (),
        in_application: bool = False,
    ) -> Iterator[FileFacts]:
        """All facts of every file whose text holds the last part of a module's name, by path.

        `holding`: and one of these words. `calling`: and perhaps a call of one of these functions of the
        module. `in_application`: of those that run in production. The others are not even read.
        """
        for path in self.paths_naming(name):
            if in_application and not self.role_of(path).is_application_code:
                continue
            if (holding or calling) and not self.files[path].carried_over:
                text = self._text(path)
                if not (holds(text, holding) and may_call(text, name, calling)):
                    continue
            yield self.all_facts(path)

    def _holds(self, path: str, words: Collection[str]) -> bool:
        """Whether one of the words stands in a text; assumed of one that is being typed in."""
        return self.files[path].carried_over or holds(self._text(path), words)

    def is_named_in_torn_code(self, name: str) -> bool:
        """Whether a file of which only a part can be read may say more of a module. Reads no file anew."""
        torn = {path for path, analysis in self.files.items() if analysis.facts.broken}
        return bool(torn) and not torn.isdisjoint(self.paths_naming(name))

    def paths_defining(self, name: str) -> Sequence[str]:
        """The files that may define a module: one where it was read."""
        known = self.modules.get(name)
        return [known.path] if known is not None else self._unread.get(name.rpartition(".")[2], ())

    def paths_naming(self, name: str) -> Sequence[str]:
        """Every file whose text holds the last part of a module's name, in order."""
        last = name.rpartition(".")[2]
        if last not in self._paths_by_name:
            sought = last.encode()
            if is_name(sought):
                named = self._names.paths_with(sought)
            else:
                named = (path for path in self.files if sought in self._text(path))
            self._paths_by_name[last] = sorted({*named, *self._typed_in})
        return self._paths_by_name[last]

    def paths_naming_any(self, names: Collection[str]) -> frozenset[str]:
        """Every file whose text holds the last part of one of these names of modules."""
        return frozenset(path for name in names for path in self.paths_naming(name))

    def all_facts(self, path: str) -> FileFacts:
        """The facts of a file with every definition read; those of `files` may leave some out.

        Of a broken file that is being typed in they are the last good ones.
        """
        analysis = self.files[path]
        if analysis.carried_over or analysis.facts.broken or analysis.facts.whole:
            return analysis.facts
        known = self.answers.setdefault("all facts", {})
        answer = known.get(path)
        if answer is None or answer[0] is not analysis:
            from otp_genesis_analyzers.facts.reading.walk import read_facts

            facts = sharing(read_facts(Source(path, self._text(path))), analysis.facts)
            answer = known[path] = analysis, with_wrapped(facts, self.settings_of(path).wrappers)
        return answer[1]

    def _of_each(
        self, question: Hashable, make: Callable[[str, FileAnalysis], _Derived]
    ) -> Iterator[tuple[str, _Derived]]:
        """What `make` gives for each file, by path, worked out once for each of its analyses."""
        known = self.answers.setdefault(question, {})
        for path, analysis in self.files.items():
            answer = known.get(path)
            if answer is None or answer[0] is not analysis:
                answer = known[path] = analysis, make(path, analysis)
            yield path, answer[1]

    def _text(self, path: str) -> bytes:
        try:
            return self.read(path)
        except OSError:  # removed meanwhile: it says nothing any more
            return b""

    @cached_property
    def _owners(self) -> dict[str, MixApp | None]:
        """By folder."""
        return {}

    @cached_property
    def _apps_by_folder(self) -> Mapping[str, MixApp]:
        return {app.folder: app for app in self.apps}

    @cached_property
    def _folders_inside(self) -> frozenset[str]:
        """The folders of the mix projects that lie in another one."""
        return frozenset(app.folder for app in self.apps if any(other.holds(app) for other in self.apps))

    @cached_property
    def _roles(self) -> dict[str, Role]:
        return {}

    @cached_property
    def _made(self) -> dict[Callable[[Project], Any], Any]:
        return {}

    @cached_property
    def _names(self) -> NameIndex:
        return name_index({path: analysis.names for path, analysis in self.files.items()})

    @cached_property
    def _paths_by_name(self) -> dict[str, Sequence[str]]:
        """What was asked of `_names`."""
        return {}

    @cached_property
    def _typed_in(self) -> frozenset[str]:
        """The files whose text is not the one that their facts are of."""
        return frozenset(path for path, analysis in self.files.items() if analysis.carried_over)

    @cached_property
    def _unread(self) -> Mapping[str, list[str]]:
        """Paths of unread files by the last part of the names of their modules."""
        paths: dict[str, list[str]] = {}
        for path, analysis in self.files.items():
            for name in analysis.facts.unread:
                paths.setdefault(name.rpartition(".")[2], []).append(path)
        return paths


def _wrappers_in(analysis: FileAnalysis | None) -> Wrappers:
    return wrappers_among(analysis.facts.modules) if analysis else {}
