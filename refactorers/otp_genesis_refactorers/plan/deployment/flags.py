"""The feature flags that a project has: a library's, or a module of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from otp_genesis_analyzers.facts.calls.configuration import reads_application
from otp_genesis_analyzers.facts.calls.sites import production_modules, sites
from otp_genesis_analyzers.facts.model import Call, Function, Module
from otp_genesis_analyzers.project import Project

_LIBRARIES: Mapping[tuple[str, str], str] = {
    ("FunWithFlags", "enabled?"): "FunWithFlags.enabled?(:%{flag})",
    ("Unleash", "enabled?"): "Unleash.enabled?(:%{flag})",
    ("Flippant", "enabled?"): 'Flippant.enabled?("%{flag}", actor)',
    ("ConfigCat", "get_value"): 'ConfigCat.get_value("%{flag}", false)',
    (":ldclient", "variation"): ':ldclient.variation("%{flag}", context, false)',
}
"""By the function that asks whether a flag is on: how it is called."""

_NAMES_OF_FLAGS = ("flag", "feature", "name", "key")
"""How an argument is named that is the name of a flag: a question could be asked of a user, too."""


class Flags(Struct, frozen=True):
    """Where the project asks whether something is switched on. `asks` is a call, with `%{flag}` in it."""

    module: str
    asks: str
    path: str = ""
    """Of a module of the project's own; empty for a library's."""


def flags_of(project: Project) -> Flags | None:
    """The project's own module of flags, else the library that its application calls; None without either.

    Reads the files that name such a module.
    """
    return next(_own(project), None) or next(_library(project), None)


def _own(project: Project) -> Iterator[Flags]:
    asked = ("Application", *(library for library, _ in _LIBRARIES))
    paths = {path for module in asked for path in project.paths_naming(module)}
    for path in sorted(paths):
        for module in production_modules(project.all_facts(path), project.role_of(path)):
            questions = _questions(module)
            if questions:
                yield Flags(module.name, _asked(module.name, questions), path)


def _questions(module: Module) -> list[Function]:
    """Its public functions, where all of them ask whether something is on, and none does anything else."""
    public = [function for function in module.functions if function.public]
    decides = {site.function.id for site in sites(module) if _asks(site.call)}
    are_questions = all(each.name.endswith("?") and _arguments(each) is not None for each in public)
    return public if public and are_questions and any(each.id in decides for each in public) else []


def _asked(module: str, questions: list[Function]) -> str:
    """A question that takes the flag's name, else a new one like those that there are."""
    for each in questions:
        arguments = _arguments(each)
        if arguments:
            return f"{module}.{each.name}({', '.join(arguments)})"
    return f"{module}.%{{flag}}?()"


def _arguments(question: Function) -> list[str] | None:
    """What a question is given, the flag's name among it; None where none of it can be that name."""
    places = [
        [clause.head[position] for clause in question.clauses if position < len(clause.head)]
        for position in range(question.arity)
    ]
    names = [[term.value.lstrip("_") for term in terms if term.kind == "variable"] for terms in places]
    flags = [place for place, own in enumerate(names) if any(map(_may_name_a_flag, own))]
    if not flags:
        return None if question.arity else []
    shown = [next(iter(own), "…") for own in names]
    shown[flags[-1]] = ":%{flag}"
    return shown


def _may_name_a_flag(argument: str) -> bool:
    return argument.startswith(_NAMES_OF_FLAGS)


def _asks(call: Call) -> bool:
    return reads_application(call) or (call.module, call.name) in _LIBRARIES


def _library(project: Project) -> Iterator[Flags]:
    for (library, name), asks in _LIBRARIES.items():
        for facts in project.naming(library, in_application=True):
            if any(site.call.is_to(library, name) for module in facts.modules for site in sites(module)):
                yield Flags(library, asks)
