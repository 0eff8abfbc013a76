"""What is shown in all files. Answered when that differs from what the client has, not before."""

from __future__ import annotations

import asyncio

from lsprotocol import types as lsp

from otp_genesis_server.lsp.diagnostics import Report
from otp_genesis_server.lsp.server import Server

METHOD = lsp.WORKSPACE_DIAGNOSTIC

GATHER_SECONDS = 0.05
"""What changes together is told together."""
FILES_AT_ONCE = 200


async def handle(ls: Server, params: lsp.WorkspaceDiagnosticParams) -> lsp.WorkspaceDiagnosticReport:
    """Files that nothing is said of are unchanged: most clients hold thousands."""
    previous = {one.uri: one.value for one in params.previous_result_ids}
    await ls.diagnostics.pull_all(previous)
    await asyncio.sleep(GATHER_SECONDS)
    news = await ls.diagnostics.pull_all(previous)
    items = [_item(report) for report in news]
    token = params.partial_result_token
    if token is None:
        return lsp.WorkspaceDiagnosticReport(items)
    for start in range(0, len(items), FILES_AT_ONCE):
        part = lsp.WorkspaceDiagnosticReportPartialResult(items[start : start + FILES_AT_ONCE])
        ls.progress(lsp.ProgressParams(token, part))
    return lsp.WorkspaceDiagnosticReport([])


def _item(report: Report) -> lsp.WorkspaceFullDocumentDiagnosticReport:
    return lsp.WorkspaceFullDocumentDiagnosticReport(
        uri=report.uri, version=report.version, items=report.items, result_id=report.result_id or None
    )
