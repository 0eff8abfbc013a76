"""OTP409: `{:ok, pid} = Mod.start_link(argument)` becomes `pid = start_supervised!({Mod, argument})`."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.testing.test_blocks import test_blocks
from otp_genesis_analyzers.facts.testing.test_starts import TestStart, test_starts
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.statements import comment_in
from otp_genesis_refactorers.rewriting.test_site import TestSite, find_test_site

_LINK_LOST = "The link is lost: a crash no longer fails the test at once. `start_link_supervised!` keeps it."
_RESTARTED = "A process that ends is started again: add `restart: :temporary` where it ends by itself."


def fix(finding: Finding, project: Project) -> Change | Refused:
    site = find_test_site(finding, project)
    if isinstance(site, Refused):
        return site
    where = place(site.source, finding.span.start)
    starts = test_starts(site.source, site.block)
    start = next((start for start in starts if start.site.call.head == finding.span), None)
    if start is None:
        return Refused(f"the test at {where} is about starting, or needs the link: leave it as it is")
    if start.ended:
        return Refused(
            f"the test ends the process of {where} itself, and a supervisor would start it again: use "
            "`start_supervised!(..., restart: :temporary)` and `stop_supervised/1`"
        )
    if site.site.call.piped:
        return Refused(f"the argument of `start_link` is piped in at {where}: write the call out first")
    refusal = _unfit(site, where)
    if refusal is not None:
        return refusal
    return Change(
        title="Start the process under the test's supervisor",
        kind=FixKind.UNSAFE,
        files=(file_change(finding.path, site.source.content, [_edit(site, start)]),),
        notes=(_LINK_LOST, _RESTARTED, *_own_child_spec(site, project)),
    )


def _unfit(site: TestSite, where: str) -> Refused | None:
    comment = comment_in(site.statement)
    if comment is not None:
        return Refused(
            f"a comment stands in the start at {place(site.source, comment.start_byte)}: move it above first"
        )
    bound_to = site.site.call.bound_to
    if bound_to is not None and any(term.kind == "pin" for term in bound_to.walk()):
        return Refused(
            f"the start at {where} is compared with a pid that is known: that the process is the same is "
            "what is tested, so leave it as it is"
        )
    looked = (call for call in site.site.clause.calls if call.is_to("Process", "info", "unlink", "link"))
    link = next((call for call in looked if call.name != "info" or call.args[-1].is_atom("links")), None)
    if link is not None:
        return Refused(
            f"the test looks at links at {place(site.source, link.head.start)}, and `start_supervised!` "
            "makes none: use `start_link_supervised!` there, or leave it as it is"
        )
    return None


def _edit(site: TestSite, start: TestStart) -> Edit:
    argument = syntax.text(syntax.arguments(site.node)[0])
    target = syntax.call_target(site.node)
    receiver = syntax.left(target) if target is not None else None
    module = syntax.text(receiver) if receiver is not None else start.site.call.module
    child_id = _child_id(site, start)
    bound = f"{start.pid} = " if start.pid else ""
    return Edit(Span.of(site.statement), f"{bound}start_supervised!({{{module}, {argument}}}{child_id})")


def _child_id(site: TestSite, start: TestStart) -> str:
    """`, id: :counter_2` for the second process of a module that one test has, its setups included."""
    call = start.site.call
    before = [other for other in _started_with(site, call.module) if other.head.start < call.head.start]
    if not before:
        return ""
    name = "".join(f"_{c.lower()}" if c.isupper() else c for c in call.module.rpartition(".")[2]).lstrip("_")
    return f", id: :{name}_{len(before) + 1}"


def _started_with(site: TestSite, module: str) -> Iterator[Call]:
    """The starts of a module's processes that share the supervisor of this test."""
    for block in test_blocks(site.site.module):
        if block.is_setup or block.clause == site.site.clause:
            for call in block.clause.calls:
                supervised = call.name in ("start_supervised", "start_supervised!", "start_link_supervised!")
                if (call.module == module and call.name == "start_link") or (
                    supervised
                    and any(term.value == module for argument in call.args[:1] for term in argument.walk())
                ):
                    yield call


def _own_child_spec(site: TestSite, project: Project) -> tuple[str, ...]:
    module = site.site.call.module
    entry = project.modules.get(module)
    if entry is None or entry.module.function("child_spec", 1) is None:
        return ()
    return (f"`{module}.child_spec/1` decides what is started, and with which argument.",)
