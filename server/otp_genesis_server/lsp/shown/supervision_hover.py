"""Who supervises the module under the cursor."""

from __future__ import annotations

from collections.abc import Iterator

from otp_genesis_analyzers.forest.model import Place
from otp_genesis_analyzers.forest.supervised import Supervision, Whereabouts, module_at, whereabouts
from otp_genesis_analyzers.forest.whole import whole_file
from otp_genesis_analyzers.source import Source, Span
from otp_genesis_refactorers.plan.inline import code
from otp_genesis_server.lsp.workspace.snapshot import Snapshot

_MOST_PLACES = 5
_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.")


def supervision_at(snapshot: Snapshot, source: Source, byte_offset: int) -> tuple[str, Span] | None:
    """Markdown about the process whose module is named at a place, and the span of that name."""
    span = _module_name_around(source.content, byte_offset)
    if span is None or source.path not in snapshot.project.files:
        return None
    project = whole_file(snapshot.project, source.path)
    entry = module_at(project, source.path, span, source.text(span))
    found = whereabouts(project, entry) if entry is not None else None
    if entry is None or found is None:
        return None
    kind = f" · {found.behaviour}" if found.behaviour else ""
    return "\n\n".join([f"**{entry.module.name}**{kind}", *_sentences(snapshot, found)]), span


def _module_name_around(content: bytes, byte_offset: int) -> Span | None:
    """`Shop.Cart` of `Shop.Cart.total(id)`: the run of capitalised words that holds the offset."""
    start = end = byte_offset
    while start > 0 and content[start - 1] in _WORD:
        start -= 1
    while end < len(content) and content[end] in _WORD:
        end += 1
    length = 0
    for word in content[start:end].split(b"."):
        if word != b"__MODULE__" and not word[:1].isupper():
            break
        length += len(word) + (1 if length else 0)
    return Span.between(start, start + length) if length and byte_offset <= start + length else None


def _sentences(snapshot: Snapshot, found: Whereabouts) -> Iterator[str]:
    if found.application:
        yield f"The application module of {code(found.application)}: the runtime starts it."
    yield from (_supervised(snapshot, one) for one in found.supervised[:_MOST_PLACES])
    for starter, place in found.outside[:_MOST_PLACES]:
        yield f"Started **outside any supervisor** by {code(starter)}, {_where(snapshot, place)}."
    if not (found.application or found.supervised or found.outside):
        if found.certain:
            yield "No supervisor of this project starts it."
        else:
            yield "No supervisor is seen to start it; part of the supervision tree is only known at run time."


def _supervised(snapshot: Snapshot, one: Supervision) -> str:
    supervisor = code(one.supervisor) if one.supervisor else "a supervisor that is known at run time only"
    words = [f"Supervised by {supervisor}"]
    if one.strategy:
        words[0] += f" ({code(one.strategy)})"
    if one.restart:
        words.append(f"restart {code(one.restart)}")
    if one.starter:
        words.append(f"started by {code(one.starter)}")
    if one.conditional:
        words.append("in some configurations")
    return f"{', '.join([*words, _where(snapshot, one.place)])}."


def _where(snapshot: Snapshot, place: Place) -> str:
    source = snapshot.source(place.path)
    line = source.lines.line_of(place.span.start) + 1 if source else 1
    return f"[{code(f'{place.path}:{line}')}](<{snapshot.uri(place.path)}#L{line}>)"
