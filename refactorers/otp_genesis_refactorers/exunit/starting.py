"""How a test starts a process: with what argument, under which supervisor, and what makes room for it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from otp_genesis_analyzers.across_modules.child_specs import has_child_spec
from otp_genesis_analyzers.facts.messages.client_api import looked_up
from otp_genesis_analyzers.facts.model import Child
from otp_genesis_analyzers.facts.processes.starts import is_start_function, start_of
from otp_genesis_analyzers.forest.names import own_name
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.supervision import SupervisorNode, forest
from otp_genesis_analyzers.terms import Term
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.exunit.reach import reach_of_clauses
from otp_genesis_refactorers.exunit.subject import Subject
from otp_genesis_refactorers.exunit.written import is_constant, written

_SETTINGS = frozenset({"Application.get_env", "Application.fetch_env!", "Application.compile_env"})
_SPANS = frozenset({":timer.minutes", ":timer.seconds", ":timer.hours"})


@dataclass(frozen=True)
class Starting:
    """`child` is what `start_supervised!` is given; empty when only its own supervisor can start it."""

    child: str
    name: str = ""
    """Under which it is registered."""
    supervisor: str = ""
    """The application's, where it runs one of these already; `of_name` when it has no name itself."""
    child_id: str = ""
    restart: str = "permanent"
    guess: str = ""
    """The argument for which nothing but its name speaks."""

    @property
    def comes_back(self) -> bool:
        return self.restart != "temporary"


OF_NAME = "supervisor_of"


def starting(subject: Subject) -> Starting | Refused:
    """How the process of a subject is started in a test; why nobody can tell."""
    module, project = subject.module, subject.project
    name = own_name(module) or _default_name(subject)
    runs = next(_run_by_application(project, module.name), None)
    if runs is not None and (name or runs[1].name):
        return _beside_application(subject, name, *runs)
    init = module.function("init", 1)
    reach = reach_of_clauses(subject.graph, init.clauses) if init is not None and runs is None else ""
    if reach:  # where the application runs it, every test does that already
        return Refused(f"{module.name} calls {reach} when it starts, which a test should not do for real")
    argument = _argument(subject)
    if isinstance(argument, Refused):
        return argument
    child = _child(subject, argument.text)
    return Starting(child, name, restart=_restart_of(subject), guess=argument.guess)


def _beside_application(subject: Subject, name: str, node: SupervisorNode, child: Child) -> Starting:
    """The application runs one under its name, which has to make room."""
    module = subject.module.name
    supervisor = node.children.supervisor or own_name(node.module) or OF_NAME
    given = _given(child)
    can_be_started = given is not None and not child.start and has_child_spec(subject.project, module)
    return Starting(
        _child(subject, given) if given is not None and can_be_started else "",
        name or child.name,
        supervisor,
        child.id or module,
        child.restart or _restart_of(subject),
    )


def _default_name(subject: Subject) -> str:
    """Under which it goes unless its options say otherwise: `name: opts[:name] || Shop.Cart`."""
    for function in subject.module.functions:
        for clause in function.clauses if is_start_function(function) else ():
            for call in clause.calls:
                start = start_of(call)
                name = start.name if start is not None else None
                if name is not None and name.items and name.items[-1].kind == "module":
                    return name.items[-1].value if name.kind in ("call", "operator") else ""
    return ""


def _run_by_application(project: Project, module: str) -> Iterator[tuple[SupervisorNode, Child]]:
    for node, child in forest(project).started.get(module, ()):
        if child.module == module and node.children.kind == "static" and node.children.supervisor != "?":
            yield node, child


class _Argument(NamedTuple):
    """Elixir text, empty for nothing in particular. `guess` is as in `Starting`."""

    text: str
    guess: str = ""


def _argument(subject: Subject) -> _Argument | Refused:
    """What its start function is given."""
    module = subject.module
    for child in _children(subject):
        given = _given(child)
        if given is not None:
            return _Argument(given)
    function = module.function("start_link", 1) or module.function("child_spec", 1)
    if function is None and module.function("start_link", 0) is not None:
        return _Argument("")
    function = function or module.function("init", 1)
    if function is None:
        return Refused(f"{module.name} has neither start_link nor init/1: how it is started can't be told")
    text = subject.samples.argument(function, 0)
    if text is None:
        return Refused(f"what {module.name}.{function.id} is given can't be told from its clauses")
    return _Argument("" if text in ("[]", "nil") else text, subject.samples.guesses.get(function.id, ""))


def _children(subject: Subject) -> Iterator[Child]:
    """The entries of lists of children that start it, those of tests first."""
    name = subject.module.name
    for facts in subject.project.naming(name):
        for module in facts.modules:
            for children in module.child_lists:
                if children.kind == "test":
                    yield from (child for child in children.children if child.module == name)
    yield from (child for _, child in forest(subject.project).started.get(name, ()) if child.module == name)


def _given(child: Child) -> str | None:
    """The argument in a list of children, if it means the same in a test."""
    if child.argument is None:
        return ""
    if is_constant(child.argument):
        return written(child.argument)
    return _call_of_settings(child.argument)


def _call_of_settings(term: Term) -> str | None:
    if term.kind != "call" or term.value not in _SETTINGS | _SPANS or not all(map(is_constant, term.items)):
        return None
    arguments = [written(item) for item in term.items]
    return f"{term.value}({', '.join(text or '' for text in arguments)})" if all(arguments) else None


def _child(subject: Subject, argument: str) -> str:
    """What `start_supervised!` is given."""
    name, starts = subject.module.name, subject.module.function("start_link", 1)
    plain = subject.module.function("start_link", 0)
    if starts is not None and has_child_spec(subject.project, name):
        return f"{{{name}, {argument}}}" if argument else name
    if starts is not None:
        start = f"{{{name}, :start_link, [{argument or '[]'}]}}"
    elif plain is not None:
        start = f"{{{name}, :start_link, []}}"
    else:
        named = f", [name: {name}]" if _goes_by_its_name(subject) else ""
        start = f"{{GenServer, :start_link, [{name}, {argument or '[]'}{named}]}}"
    return f"%{{id: {name}, start: {start}}}"


def _goes_by_its_name(subject: Subject) -> bool:
    """Whether client functions expect it under the name of its module."""
    name = Term("module", subject.module.name)
    requests = (request for client in subject.clients for request in client.requests)
    return any(looked_up(request.call.args[0]) == name for request in requests)


def _restart_of(subject: Subject) -> str:
    for use in subject.module.uses:
        has_options = use.options is not None and use.options.kind == "list"
        restart = use.options.get("restart") if use.options is not None and has_options else None
        if restart is not None and restart.kind == "atom":
            return restart.value
    return "permanent"
