"""Evidence for people: a document for the editor, a table for the terminal, a line for the commit."""

from __future__ import annotations

from otp_genesis_refactorers.proof.evidence import Evidence, GateRecord

_SIGNS = {"pass": "passed", "fail": "FAILED", "not_run": "not run"}
_VERDICTS = {"verified": "Verified", "rejected": "Rejected", "not_verified": "Not verified"}
_SHORTEST_FENCE = 3


def as_table(evidence: Evidence) -> str:
    """A line a gate, and the verdict."""
    width = max((len(gate.name) for gate in evidence.gates), default=0)
    lines = [
        f"{gate.name:{width}}  {_SIGNS[gate.status]:7}  {gate.seconds:6.2f} s  {reason}".rstrip()
        for gate, reason in zip(evidence.gates, _reasons(evidence), strict=True)
    ]
    return "\n".join([*lines, headline(evidence)])


def headline(evidence: Evidence) -> str:
    """The verdict in one line."""
    why = f": {evidence.reason}" if evidence.reason else f" in {evidence.seconds:.1f} s"
    return f"{_VERDICTS[evidence.verdict]}{why}"


def as_markdown(evidence: Evidence) -> str:
    """The whole record as a document."""
    finding = evidence.finding
    about = f"{finding.code} in `{finding.path}:{finding.line}`" if finding else "the patch"
    rows = [_row(*each) for each in zip(evidence.gates, _reasons(evidence), strict=True)]
    tools = ", ".join(f"{name} {version}" for name, version in evidence.tools.items())
    isolation = evidence.isolation or "mix was not run"
    parts = [
        f"# {_VERDICTS[evidence.verdict]}: {about}",
        *([_plain(evidence.reason)] if evidence.reason else []),
        "\n".join(["| gate | result | seconds | reason |", "|---|---|--:|---|", *rows]),
        *(_details(gate) for gate in evidence.gates if gate.details),
        f"## Change\n\n{_fenced(evidence.patch, 'diff')}",
        *(
            [f"## Test: `{evidence.test.path}`\n\n{_fenced(evidence.test.source, 'elixir')}"]
            if evidence.test
            else []
        ),
        f"Made {evidence.made_at:%Y-%m-%d %H:%M} UTC with {tools}; isolation: {isolation}; evidence"
        f" {evidence.id}.",
    ]
    return "\n\n".join(parts) + "\n"


def as_trailer(evidence: Evidence) -> str:
    """For the end of a commit's message."""
    passed = sum(gate.status == "pass" for gate in evidence.gates)
    return f"OTP-Genesis-Evidence: {evidence.id} {evidence.verdict} ({passed} gates passed)"


def _reasons(evidence: Evidence) -> list[str]:
    """Those of the gates, one that many have in a row written once."""
    reasons = [gate.reason for gate in evidence.gates]
    return [
        "the same" if reason and reason == before else reason
        for before, reason in zip(["", *reasons], reasons, strict=False)
    ]


def _row(gate: GateRecord, reason: str) -> str:
    return f"| {gate.name} | {_SIGNS[gate.status]} | {gate.seconds:.2f} | {_plain(reason)} |"


def _details(gate: GateRecord) -> str:
    return f"## {gate.name}\n\n{_fenced(gate.details)}"


def _plain(text: str) -> str:
    """Text of a program or a model in a table, where it can't become markup."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#!&" else sign for sign in " ".join(text.split()))


def _fenced(text: str, language: str = "") -> str:
    longest = run = 0
    for sign in text:
        run = run + 1 if sign == "`" else 0
        longest = max(longest, run)
    fence = "`" * max(_SHORTEST_FENCE, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
