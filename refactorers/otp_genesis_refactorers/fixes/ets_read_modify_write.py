"""OTP113: two steps on a table become the one step that ETS has for them.

Three shapes are known, each in the module `rewriting/ets_steps.py`: a counter, a claim, and a counter
that is lowered again. What is written in any other way is for a person to judge.
"""

from __future__ import annotations

from otp_genesis_analyzers.across_modules.one_process import client_side
from otp_genesis_analyzers.facts.calls.call_graph import call_graph
from otp_genesis_analyzers.facts.calls.sites import sites
from otp_genesis_analyzers.facts.model import Module
from otp_genesis_analyzers.facts.tables.ets_races import Race, races
from otp_genesis_analyzers.facts.tables.ets_tables import table_uses
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source
from otp_genesis_analyzers.terms import Term
from otp_genesis_refactorers.change import Change, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import CallSite, find_call_site, place
from otp_genesis_refactorers.rewriting.ets_steps import (
    OneStep,
    bound_counter,
    case_counter,
    claim,
    claim_by_test,
    counter,
    limited_counter,
    lost_comment,
)
from otp_genesis_refactorers.rewriting.returned_value import use_of_value
from otp_genesis_refactorers.whole_project import WholeProject

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
    refusal = _unfit(project, site, race)
    if refusal is not None:
        return refusal
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
            return claim(site.source, race) or claim_by_test(site.source, race)
        case "rollback":
            return limited_counter(site.source, site.site.module, race)
        case _:
            return None


def _unfit(project: Project, site: CallSite, race: Race) -> Refused | None:
    whole = WholeProject(project)
    if race.step == "update" and race.write.call.result == "returned":
        used = use_of_value(whole, site.site.module, site.site.function)
        if used is not None:
            where = used.place(project)
            return Refused(
                f"`{site.site.scope}` gives `true`, which {where} uses, and `:ets.update_counter/4` gives "
                f"the new count: let {where} take that first"
            )
    table = race.read.table
    if table.kind != "atom":
        return None
    for path in project.paths_naming(f":{table.value}"):
        facts = whole.facts(path)
        for module in facts.modules:
            refusal = _of_another(site, race, path, module) or _of_another_form(project, path, module, table)
            if refusal is not None:
                return refusal
    return None


def _of_another(site: CallSite, race: Race, path: str, module: Module) -> Refused | None:
    """Another module that changes a counter which is to stop at its limit."""
    if race.step != "rollback" or module.name == site.site.module.name:
        return None
    for use in table_uses(module):
        if use.call.name == "update_counter" and use.table == race.read.table:
            return Refused(
                f"`{module.name}` in {path} changes the counter too, and one that stops at its limit is "
                "wrong then: keep both steps, or count in the server that owns the table"
            )
    return None


def _of_another_form(project: Project, path: str, module: Module, table: Term) -> Refused | None:
    """The table is made with a key that is not the first element."""
    for each in sites(module):
        call = each.call
        if call.is_to(":ets", "new") and call.args[:1] == (table,) and call.args[1].get("keypos") is not None:
            where = place(Source(path, project.read(path)), call.head.start)
            return Refused(
                f"the table is made at {where} with a `keypos:` of its own, so that the number is no second "
                "element: do both steps in the server that owns the table"
            )
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
    if race.step == "rollback":
        return Refused(
            f"the steps at {site.place} and {written} are no count of one and an `if n > limit` around the "
            "step back: give `:ets.update_counter/4` the limit by hand, `{2, 1, limit, limit + 1}`"
        )
    return Refused(
        f"what is read at {site.place} decides what is written at {written}, in a way that no single step of "
        "ETS stands for: let the server that owns the table do both"
    )
