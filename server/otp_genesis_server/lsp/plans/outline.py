"""The outline of a plan document."""

from __future__ import annotations

from typing import NamedTuple

from otp_genesis_analyzers.source import Span
from otp_genesis_refactorers.plan.markdown import GOAL, SUMMARY, Item
from otp_genesis_server.lsp.plans.open_plans import Plan


class Entry(NamedTuple):
    """A title, section or item, with what is in it. Spans are bytes of the document."""

    title: str
    detail: str
    is_item: bool
    span: Span
    title_span: Span
    children: tuple[Entry, ...] = ()


def outline(plan: Plan) -> tuple[Entry, ...]:
    """One entry for the document's title, around all others; the others alone where it has none."""
    document = plan.parsed
    items = [_item(plan, item) for item in document.items if item.top_level]
    sections = [
        _line(plan, part.start, part.end)
        for name, part in document.parts.items()
        if name not in (GOAL, SUMMARY)
    ]
    children = tuple(sorted([*items, *sections], key=lambda entry: entry.span.start))
    heading = _line(plan, 0, len(document.text))
    return (
        (heading._replace(children=children),) if document.text.lstrip("\ufeff").startswith("#") else children
    )


def _item(plan: Plan, item: Item) -> Entry:
    step = item.step
    title = " ".join(part for part in (step.number, step.title) if part) or "(untitled)"
    return Entry(title, step.state.value, True, plan.span(item.start, item.end), plan.first_line(item))


def _line(plan: Plan, start: int, end: int) -> Entry:
    """What begins with a heading."""
    text = plan.parsed.text
    break_at = text.find("\n", start, end)
    first_end = break_at if break_at >= 0 else end
    title = text[start:first_end].strip("\ufeff# \r") or "(untitled)"
    return Entry(title, "", False, plan.span(start, end), plan.span(start, first_end))
