"""OTP410: `async: true` becomes `async: false`."""

from __future__ import annotations

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.facts.testing.test_blocks import async_use
from otp_genesis_analyzers.findings import Finding, FixKind
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.change import Change, Edit, Refused, file_change
from otp_genesis_refactorers.rewriting.test_site import read_source


def fix(finding: Finding, project: Project) -> Change | Refused:
    source = read_source(finding, project)
    if isinstance(source, Refused):
        return source
    modules = [module for module in read_facts(source).modules if module.span.contains(finding.span)]
    use = async_use(modules[-1]) if modules else None
    if use is None:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    value = syntax.keyword(syntax.arguments(source.node_at(use.span))[-1], "async")
    if value is None:
        return Refused(f"`use {use.module}` in {finding.path} does not say `async: true`: change it by hand")
    return Change(
        title="Run the tests of this module alone",
        kind=FixKind.SAFE,
        files=(file_change(finding.path, source.content, [Edit(Span.of(value), "false")]),),
    )
