"""What is said of an item of a plan where the cursor is on it."""

from __future__ import annotations

from otp_genesis_analyzers.rules import find_rule
from otp_genesis_analyzers.rules.page import section
from otp_genesis_refactorers.plan.markdown import Item
from otp_genesis_refactorers.proof.evidence_text import headline
from otp_genesis_server.lsp.plans.standing import Standing

_SECTIONS = ("Why it matters on the BEAM", "Use instead")


def about_item(item: Item, stands: Standing) -> str:
    """The rule, what is found now, and what proves it, as Markdown."""
    parts = [_proof(item, stands)]
    found = stands.findings(item)
    stale = stands.stale(item)
    parts += [f"**Stale**: {stale}"] if stale else []
    parts += [f"**{finding.code}** {finding.message}" for finding in found]
    codes = dict.fromkeys(
        [finding.code for finding in found] + [place.about.partition(" ")[0] for place in item.step.places]
    )
    for rule in (find_rule(code) for code in codes):
        if rule is not None:
            parts.append(f"## {rule.code} {rule.name}")
            parts += [f"### {heading}\n{section(rule, heading)}" for heading in _SECTIONS]
    return "\n\n".join(part for part in parts if part)


def _proof(item: Item, stands: Standing) -> str:
    claim = stands.claim(item)
    if claim is None:
        return ""
    if claim.doubt or claim.evidence is None:
        return f"**Claimed, not proven**: {claim.doubt}"
    return f"**Proven**: {headline(claim.evidence)} ({claim.evidence.made_at.date().isoformat()})"
