"""The page of a rule as Markdown: what `explain` prints, an editor shows, the documentation holds."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc

from otp_genesis_analyzers.rules.contract import Rule


def page(rule: Rule) -> str:
    """Title, the rule's docstring, then its examples with their marks taken out."""
    return "\n\n".join(_parts(rule)) + "\n"


def section(rule: Rule, heading: str) -> str:
    """What a rule's docstring says under one of `HEADINGS`."""
    _, _, below = cleandoc(type(rule).__doc__ or "").partition(f"\n## {heading}\n")
    return below.partition("\n## ")[0].strip()


def _parts(rule: Rule) -> Iterator[str]:
    summary, _, sections = cleandoc(type(rule).__doc__ or "").partition("\n")
    yield f"# {rule.code} {rule.name}"
    yield summary
    fixes = " or ".join(kind.value for kind in rule.fixes) or "none"
    state = "on" if rule.default else "off"
    phase = f"Phase {rule.phase()}" if rule.phase() else "About suppressions"
    yield f"{phase} · {rule.severity.label} · {state} by default · fixes: {fixes}"
    yield sections.strip()
    yield "## Examples"
    for example in rule.INVALID:
        yield f"Flagged:\n\n{_elixir(example.code)}"
        if example.fixed is not None:
            yield f"Fixed:\n\n{_elixir(example.fixed)}"
    for example in rule.VALID:
        yield f"Not flagged:\n\n{_elixir(example.code)}"


def _elixir(code: str) -> str:
    lines = [line for line in code.strip().splitlines() if not _is_mark(line)]
    return "\n".join(["```elixir", *lines, "```"])


def _is_mark(line: str) -> bool:
    """`#   ^^^ warning: …`, which says where the line above is flagged."""
    line = line.lstrip()
    return line.startswith("#") and line[1:].lstrip().startswith("^")
