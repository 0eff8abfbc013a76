"""What an application does before its supervision tree is up."""

from __future__ import annotations

from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.model import Call, Function, Module
from otp_genesis_analyzers.project import MixApp
from otp_genesis_refactorers.rewriting.call_site import CallSite
from otp_genesis_refactorers.whole_project import WholeProject


def runs_before_the_tree(whole: WholeProject, app: MixApp, site: CallSite) -> bool:
    """The call is made while `start/2` of the application has not come to its supervisor yet."""
    entry = whole.module(app.application)
    start = entry.module.function("start", 2) if entry is not None else None
    if entry is None or start is None or site.call.runs != "here":
        return False
    for clause in start.clauses:
        tree = next((call for call in clause.calls if call.is_to("Supervisor", "start_link")), None)
        earlier = [call for call in clause.calls if tree is None or call.span.start < tree.span.start]
        if site.call in earlier and site.site.module.name == entry.module.name:
            return True
        if _reached(whole, entry.module, earlier, site):
            return True
    return False


def _reached(whole: WholeProject, module: Module, calls: list[Call], site: CallSite) -> bool:
    """Whether calls made by a function of `module` lead to the function of `site`, in the same process."""
    wanted = (site.site.module.name, site.site.function.id)
    waiting = [(module, call) for call in calls]
    seen: set[tuple[str, str]] = set()
    while waiting:
        caller, call = waiting.pop()
        target = _target(whole, caller, call)
        if target is None or (key := (target[0].name, target[1].id)) in seen:
            continue
        if key == wanted:
            return True
        seen.add(key)
        waiting += [(target[0], inner) for clause in target[1].clauses for inner in clause.calls]
    return False


def _target(whole: WholeProject, caller: Module, call: Call) -> tuple[Module, Function] | None:
    if call.runs != "here" or call.form != "call":
        return None
    if call.module in ("", caller.name):
        local = call_graph(caller).target(call)
        return (caller, local) if local is not None else None
    entry = whole.module(call.module)
    function = entry.module.function(call.name, call.arity) if entry is not None else None
    return (entry.module, function) if entry is not None and function is not None else None
