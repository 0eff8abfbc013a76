"""`otpGenesis.explainRule`: the page of a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pygls.exceptions import JsonRpcInvalidParams

from otp_genesis_analyzers.rules import find_rule, selectors
from otp_genesis_analyzers.rules.page import page
from otp_genesis_server.lsp.server import Server
from otp_genesis_server.lsp.shown.rule_pages import page_file

COMMAND = "otpGenesis.explainRule"


@dataclass(frozen=True)
class ExplainRuleArguments:
    code: str
    """`OTP101`, or the rule's name."""


def handle(ls: Server, arguments: ExplainRuleArguments) -> dict[str, Any]:
    """Gives `{"markdown": …}`, and opens the page where the client can."""
    rule = find_rule(arguments.code)
    if rule is None:
        raise JsonRpcInvalidParams(selectors.unknown(arguments.code) or f"no rule {arguments.code!r}")
    file = page_file(rule)
    if file:
        ls.open(file.as_uri())
    return {"markdown": page(rule)}
