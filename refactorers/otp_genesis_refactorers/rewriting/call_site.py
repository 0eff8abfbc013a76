"""The call that a finding is about, as facts and as syntax."""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Node

from otp_genesis_analyzers import syntax
from otp_genesis_analyzers.facts.calls.sites import Site, sites
from otp_genesis_analyzers.facts.model import Call
from otp_genesis_analyzers.facts.reading.walk import read_facts
from otp_genesis_analyzers.findings import Finding
from otp_genesis_analyzers.project import Project
from otp_genesis_analyzers.source import Source
from otp_genesis_refactorers.change import Refused


@dataclass(frozen=True)
class CallSite:
    """A call in the text that the project has now. `node` is its syntax, without what is piped in."""

    source: Source
    site: Site
    node: Node

    @property
    def call(self) -> Call:
        return self.site.call

    @property
    def place(self) -> str:
        """`lib/shop/cart.ex:12`."""
        return place(self.source, self.call.head.start)

    @property
    def whole(self) -> Node:
        """The call with what is piped into it."""
        parent = self.node.parent
        return parent if self.call.piped and parent is not None else self.node

    @property
    def match(self) -> Node | None:
        """The `pattern = call` that the call is the right side of."""
        parent = self.whole.parent
        if parent is None or parent.type != "binary_operator" or syntax.operator(parent) != "=":
            return None
        return parent if syntax.right(parent) == self.whole else None


def find_call_site(finding: Finding, project: Project) -> CallSite | Refused:
    """The call at a finding, read anew from the project's text."""
    try:
        source = Source(finding.path, project.read(finding.path))
    except OSError as error:
        return Refused(f"{finding.path} can't be read: {error.strerror}")
    facts = read_facts(source)
    here = [site for module in facts.modules for site in sites(module) if site.call.head == finding.span]
    if not here:
        return Refused(f"{finding.path} has changed since it was checked: check it again")
    site = here[-1]  # `apply(Kernel, :spawn, [f])` is a call of `apply/3` first, then one of `spawn/1`
    return CallSite(source, site, source.node_at(site.call.span))


def place(source: Source, byte_offset: int) -> str:
    return f"{source.path}:{source.lines.line_of(byte_offset) + 1}"
