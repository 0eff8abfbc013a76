"""The editor says that the user trusts what is opened, or no longer does."""

from __future__ import annotations

from dataclasses import dataclass, replace

import attrs

from otp_genesis_server.lsp.server import Server

METHOD = "otpGenesis/workspaceTrust"


@dataclass(frozen=True)
class WorkspaceTrust:
    trusted: bool


@attrs.define
class WorkspaceTrustNotification:
    method: str
    jsonrpc: str
    params: WorkspaceTrust


MESSAGE = WorkspaceTrustNotification


def handle(ls: Server, params: WorkspaceTrust) -> None:
    ls.session.features = replace(ls.session.features, workspace_trust=params.trusted)
