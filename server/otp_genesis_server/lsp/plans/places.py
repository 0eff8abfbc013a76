"""Where an item of a plan document points to."""

from __future__ import annotations

import re

from otp_genesis_refactorers.plan.model import Place
from otp_genesis_server.lsp.plans.open_plans import Plan


def place_on_line(plan: Plan, line: int) -> Place | None:
    """The place that a line (from 0) of an item names; the item's first for its other lines."""
    item = plan.item_at(line)
    if item is None:
        return None
    lines = plan.source.lines
    text = plan.content[lines.starts[line] : lines.line_end(line)].decode("utf-8", "replace")
    places = (*item.step.places, *item.step.related)
    # With what ends the code span: line 1 is no line 12.
    named = (place for place in places if re.search(rf"{re.escape(place.path)}:{place.line}\b", text))
    return next(named, next(iter(places), None))
