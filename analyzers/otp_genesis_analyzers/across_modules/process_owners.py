"""Who starts a process, seen over the whole project: a supervisor, a child specification, another node."""

from __future__ import annotations

from typing import Literal

from otp_genesis_analyzers.facts.calls.sites import sites
from otp_genesis_analyzers.facts.model import Call, Function, Module
from otp_genesis_analyzers.project import MixApp, Project
from otp_genesis_analyzers.supervision import Forest

_REMOTE_CALLS = (":rpc", ":erpc")


def is_in_tree(
    project: Project, trees: Forest, app: MixApp | None, module: str
) -> Literal["yes", "no", "unknown"]:
    """Whether a supervisor starts `module`; unknown when a file or a child list is not known to its end."""
    if module in trees.started:
        return "yes"
    if (
        app is None
        or not trees.complete(app)
        or not project.complete(app)
        or not _has_whole_start(project, app)
    ):
        return "unknown"
    return "no"


def _has_whole_start(project: Project, app: MixApp) -> bool:
    """The application module was read, and its file is not torn: one that is may hold no word of a tree."""
    if not app.application:
        return True
    entry = project.module(app.application)
    return entry is not None and entry.module.complete


def is_named_by_child(trees: Forest, module: Module, function: Function) -> bool:
    """Some child specification says `start: {module, function, arguments}`."""
    arities = range(function.arity - function.defaults, function.arity + 1)
    names = {f"{module.name}.{function.name}/{arity}" for arity in arities}
    return any(child.start in names for node in trees.nodes for child in node.children.children)


def runs_on_other_nodes(project: Project, module: str) -> bool:
    """Some `:rpc` or `:erpc` call starts in the module: it runs where this project has no tree."""
    return any(
        site.call.module in _REMOTE_CALLS and _names_function_of(site.call, module)
        for facts in project.naming(module, holding=_REMOTE_CALLS)
        for other in facts.modules
        for site in sites(other)
    )


def _names_function_of(call: Call, module: str) -> bool:
    return any(
        first.kind == "module" and first.value == module and second.kind == "atom"
        for first, second in zip(call.args, call.args[1:], strict=False)
    )
