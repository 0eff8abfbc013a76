"""OTP106: the module becomes a child of the application's supervisor, in front of the first that uses it."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers.facts.calls.sites import sites
from otp_genesis_analyzers.facts.model import Call, FileFacts, Module
from otp_genesis_analyzers.facts.processes.childlike import has_child_spec, needs_no_argument
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused, file_change
from otp_genesis_refactorers.rewriting.edits import edits_between
from otp_genesis_refactorers.supervision.tree import add_child, owning_application
from otp_genesis_refactorers.whole_project import WholeProject

_STARTS_IN_TESTS = frozenset(
    {"start_supervised", "start_supervised!", "start_link_supervised!", "start_link"}
)


def fix(finding: Finding, project: Project) -> Change | Refused:
    whole = WholeProject(project)
    entry = whole.module(finding.scope)
    if entry is None:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    module, name = entry.module, entry.module.name
    refusal = _unfit(whole, module)
    if refusal is not None:
        return refusal
    app = owning_application(whole, finding.path)
    if isinstance(app, Refused):
        return app
    contents = add_child(whole, app, name, frozenset(_users(whole, name)))
    if isinstance(contents, Refused):
        return contents
    return Change(
        title=f"Start {name} with the application",
        kind=FixKind.UNSAFE,
        files=tuple(
            file_change(path, before := project.read(path), edits_between(before, after))
            for path, after in contents.items()
        ),
        notes=(f"{name} is started with `[]`; when its start fails, so does that of the application.",),
    )


def _unfit(whole: WholeProject, module: Module) -> Refused | None:
    name = module.name
    if not has_child_spec(module):
        return Refused(f"`{name}` has no `child_spec/1`: write one, then put `{name}` among the children")
    if not needs_no_argument(module):
        return Refused(
            f"`{name}` makes use of what it is started with: put `{{{name}, argument}}` among the children"
        )
    test = _test_that_starts(whole, name)
    if test:
        return Refused(
            f"{test} starts `{name}` itself, which would be running already: decide who starts it in tests"
        )
    if next(_users(whole, name), None) is None:
        return Refused(f"nothing in the application uses `{name}`: it may as well be deleted")
    return None


def _test_that_starts(whole: WholeProject, name: str) -> str:
    for facts in whole.project.naming(name):
        if not whole.project.role_of(facts.path).is_test:
            continue
        for call in _calls(facts):
            named = {term.value for argument in call.args for term in argument.walk()}
            if call.name in _STARTS_IN_TESTS and name in {call.module, *named}:
                return facts.path
    return ""


def _calls(facts: FileFacts) -> Iterator[Call]:
    for module in facts.modules:
        for function in module.functions:
            for clause in function.clauses:
                yield from clause.calls


def _users(whole: WholeProject, name: str) -> Iterator[str]:
    """The modules of the application that call its functions, or send it messages by its name."""
    for facts in whole.project.naming(name):
        if whole.project.role_of(facts.path).is_test:
            continue
        for module in whole.facts(facts.path).modules:
            if module.name != name and any(
                site.call.module == name or any(argument.value == name for argument in site.call.args)
                for site in sites(module)
            ):
                yield module.name
