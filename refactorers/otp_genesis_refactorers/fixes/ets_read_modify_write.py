"""OTP113: two steps on a table become the one step that ETS has for them.

Three shapes are known, each in the module `rewriting/ets_steps.py`: a counter, a claim, and a counter
that is lowered again. What is written in any other way is for a person to judge.
"""

from __future__ import annotations

from otp_genesis_analyzers.across_modules.one_process import client_side
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.tables.ets_races import Race, races
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_refactorers.change import Change, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site, place
from otp_genesis_refactorers.rewriting.ets_steps import (
    OneStep,
    bound_counter,
    case_counter,
    claim,
    counter,
    limited_counter,
    lost_comment,
)

_SET = (
    "The table must be a set whose key is the first element, as `:ets.new/2` makes it unless told otherwise."
)


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_call_site(finding, project)
    if isinstance(site, Refused):
        return site
    module = site.site.module
    found = races(site.source, module, client_side(call_graph(module)))
    race = next((race for race in found if race.read.call == site.call), None)
    if race is None:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    step = _one_step(site, race)
    if step is None:
        return _refused(site, race)
    if isinstance(step, Refused):
        return step
    comment = lost_comment(site.source, step)
    if comment is not None:
        return Refused(
            f"the comment at {place(site.source, comment)} stands among the lines that become one: "
            "move it above them, then run the fix again"
        )
    return Change(
        title=step.title,
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, site.source.content, list(step.edits)),),
        notes=(*step.notes, _SET),
    )


def _one_step(site: CallSite, race: Race) -> OneStep | Refused | None:
    match race.step:
        case "update":
            shapes = (counter, bound_counter, case_counter)
            return next((step for shape in shapes if (step := shape(site.source, race))), None)
        case "claim":
            return claim(site.source, race)
        case "rollback":
            return limited_counter(site.source, site.site.module, race)
        case _:
            return None


def _refused(site: CallSite, race: Race) -> Refused:
    written = place(site.source, race.write.call.head.start)
    if race.step == "update":
        return Refused(
            f"what is written at {written} is more than a number added to what was read: let the server that "
            "owns the table do both, or compare and swap with `:ets.select_replace/2`"
        )
    if race.step == "claim":
        return Refused(
            f"the branches around {written} do more than `:ets.insert_new/2` can stand for: ask it first, "
            "and read the row where it says false"
        )
    return Refused(f"the two steps at {site.place} and {written} have a form that can't be rewritten safely")
