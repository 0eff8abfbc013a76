"""Whether a call may give another value than before: nobody looks at it, or only where it can be adapted."""

from __future__ import annotations

from msgspec import structs

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.results import thrown_away
from otp_genesis_analyzers.facts.model import Call, Result
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.rewriting.call_site import CallSite
from otp_genesis_refactorers.rewriting.places import place_of
from otp_genesis_refactorers.rewriting.returned_value import use_of_value
from otp_genesis_refactorers.whole_project import WholeProject

_USES: dict[Result, str] = {
    "yielded": "is what the function around it gives to {receiver}",
    "bound": "is bound through a conditional",
    "piped": "is piped on",
    "argument": "is the argument of another call",
    "subject": "is what a `case` or `with` looks at",
    "tested": "is a condition",
    "stored": "is kept in a list, tuple or map",
}


def value_refusal(site: CallSite, project: Project, what: str) -> Refused | None:
    """Why the value of a call can't change, None when it can. `what` is the value in words: "the pid".

    A variable that the value is bound to is the caller's business: it can be bound anew.
    """
    bound_to = site.call.bound_to
    if bound_to is not None and bound_to.kind != "variable":
        return Refused(f"{what} is matched with a pattern at {site.place}: bind it to a variable first")
    if _is_matched_again(site):
        return Refused(f"{what} is bound to several names at {site.place}: bind it to one of them first")
    call = _as_statement(site)
    if thrown_away(site.site.clause, call):
        return None
    if call.result != "returned":
        use = _USES.get(call.result, "is used").format(receiver=_receiver(site))
        return Refused(
            f"{what} {use} at {site.place}, and `start_child` gives `{{:ok, pid}}` instead: "
            "take the value apart there, or start the task in a statement of its own"
        )
    if _is_callback(site, project):
        return Refused(
            f"`{site.site.scope}` is a callback that returns {what}, and who calls it is out of sight: "
            "change what the behaviour asks for first"
        )
    used = use_of_value(WholeProject(project), site.site.module, site.site.function)
    if used is None:
        return None
    where = used.place(project)
    return Refused(
        f"`{site.site.scope}` returns {what}, which {where} uses, and `start_child` gives `{{:ok, pid}}` "
        f"instead: let {where} take that first"
    )


def _is_matched_again(site: CallSite) -> bool:
    """`a = b = spawn(f)`."""
    around = site.match.parent if site.match is not None else None
    return around is not None and around.type == "binary_operator" and syntax.operator(around) == "="


def _is_callback(site: CallSite, project: Project) -> bool:
    """Marked as one, or asked for by a behaviour of the project."""
    module, name = site.site.module, site.site.function.name
    if any(clause.impl for clause in site.site.function.clauses):
        return True
    asking = (entry for one in module.behaviours if (entry := project.module(one)) is not None)
    return any(f"@callback {name}(".encode() in project.read(entry.path) for entry in asking)


def is_returned(site: CallSite) -> bool:
    """The value, or the match that it stands in, is what the function returns."""
    return _as_statement(site).result == "returned"


def _as_statement(site: CallSite) -> Call:
    """The call with the fate of the whole match where it is the right side of one."""
    if site.match is None:
        return site.call
    fate = place_of(site.source, Span.of(site.match)).result
    return structs.replace(site.call, result=fate, bound_to=None)


def _receiver(site: CallSite) -> str:
    closures = site.site.clause.closures
    receiver = closures[site.call.closure].receiver if site.call.closure >= 0 else ""
    return f"`{receiver}`" if receiver else "its caller"
