"""The page of a rule as Markdown: what `explain` prints, an editor shows, the documentation holds."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc

from otp_genesis_analyzers.rules.contract import Rule

_MOST_LINES = 100
_LINES_AT_ENDS = 12
"""An example of more lines than `_MOST_LINES` is shown without its middle."""


def page(rule: Rule) -> str:
    """Title, the rule's docstring, then its examples with their marks taken out."""
    return "\n\n".join(_parts(rule)) + "\n"


def section(rule: Rule, heading: str) -> str:
    """What a rule's docstring says under one of `HEADINGS`."""
    _, _, below = cleandoc(type(rule).__doc__ or "").partition(f"\n## {heading}\n")
    return below.partition("\n## ")[0].strip()


def presence(rule: Rule) -> str:
    """What preset `default` shows of a rule."""
    if not rule.default:
        return "off by default"
    return "on by default" + (f", from {rule.default_from.label} up" if rule.default_from else "")


def _parts(rule: Rule) -> Iterator[str]:
    summary, _, sections = cleandoc(type(rule).__doc__ or "").partition("\n")
    yield f"# {rule.code} {rule.name}"
    yield summary
    fixes = " or ".join(kind.value for kind in rule.fixes) or "none"
    phase = f"Phase {rule.phase()}" if rule.phase() else "About suppressions"
    yield f"{phase} · {rule.severity.label} · {presence(rule)} · fixes: {fixes}"
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
    if len(lines) > _MOST_LINES:
        left_out = len(lines) - 2 * _LINES_AT_ENDS
        lines[_LINES_AT_ENDS:-_LINES_AT_ENDS] = [f"  # … {left_out} more lines"]
    return "\n".join(["```elixir", *lines, "```"])


def _is_mark(line: str) -> bool:
    """`#   ^^^ warning: …`, which says where the line above is flagged."""
    line = line.lstrip()
    return line.startswith("#") and line[1:].lstrip().startswith("^")
