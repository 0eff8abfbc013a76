"""A call in a test, a setup or a function beside them, with the statement that it is."""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from otp_genesis_analyzers.facts.calls.sites import Site
from otp_genesis_analyzers.facts.model import FileFacts
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.facts.testing.test_blocks import TestBlock, statement_of, test_call_at
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.change import Refused
from otp_genesis_refactorers.rewriting.call_site import place
from otp_genesis_refactorers.rewriting.statements import begins_its_line


@dataclass(frozen=True)
class TestSite:
    """`statement` is the call itself, or the match or assertion that it is the right side of."""

    source: Source
    facts: FileFacts
    site: Site
    statement: Node

    @property
    def block(self) -> TestBlock:
        return TestBlock(self.site.module, self.site.function, self.site.clause)

    @property
    def node(self) -> Node:
        return self.source.node_at(self.site.call.span)


def find_test_site(finding: Finding, project: Project) -> TestSite | Refused:
    """The call at a finding, read anew from the project's text. Refused where it is no statement."""
    source = read_source(finding, project)
    if isinstance(source, Refused):
        return source
    facts = read_facts(source)
    site = test_call_at(facts, finding.span)
    if site is None:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    statement = statement_of(source, site.clause, site.call)
    if statement is None or not begins_its_line(source, statement):
        where = place(source, site.call.head.start)
        if site.call.closure >= 0:
            receiver = site.clause.closures[site.call.closure].receiver
            to = f"`{receiver}`" if receiver else "another function"
            return Refused(
                f"`{site.call.target}` at {where} stands in a function that is handed to {to}: take it out "
                "of there first"
            )
        return Refused(f"`{site.call.target}` at {where} is part of an expression: give it a line of its own")
    return TestSite(source, facts, site, statement)


def read_source(finding: Finding, project: Project) -> Source | Refused:
    try:
        return Source(finding.path, project.read(finding.path))
    except OSError as error:
        return Refused(f"{finding.path} can't be read: {error.strerror}")
