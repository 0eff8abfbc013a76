"""States of an item between its brackets, and codes of rules, in plan documents."""

from __future__ import annotations

from lsprotocol import types as lsp

from otp_genesis_server.lsp import from_lsp
from otp_genesis_server.lsp.server import Server

METHOD = lsp.TEXT_DOCUMENT_COMPLETION
OPTIONS = lsp.CompletionOptions(trigger_characters=["["])

_STATES = ((" ", "open"), ("x", "done"), ("-", "skipped, with a reason behind the title"), ("!", "failed"))


def handle(ls: Server, params: lsp.CompletionParams) -> list[lsp.CompletionItem] | None:
    plan = ls.plans.at(params.text_document.uri)
    if plan is None:
        return None
    lines = plan.source.lines
    offset = from_lsp.byte_offset(plan.source, params.position, ls.session.features.encoding)
    start = lines.starts[lines.line_of(offset)]
    before = plan.content[start:offset].decode("utf-8", "replace")
    if before.lstrip(" ") in ("- [", "* [", "+ ["):
        return [_state(mark, meaning) for mark, meaning in _STATES]
    word = before[len(before.rstrip("OTP0123456789")) :]
    return _codes(word) if word.startswith("O") else None


def _state(mark: str, meaning: str) -> lsp.CompletionItem:
    return lsp.CompletionItem(
        label=f"[{mark}] {meaning}",
        kind=lsp.CompletionItemKind.EnumMember,
        insert_text=mark,
        filter_text=mark,
    )


def _codes(word: str) -> list[lsp.CompletionItem]:
    from otp_genesis_analyzers.rules.cards import all_cards

    return [
        lsp.CompletionItem(
            label=f"{card.code} {card.name}", kind=lsp.CompletionItemKind.Constant, filter_text=card.code
        )
        for card in all_cards()
        if card.code.startswith(word)
    ]
