"""What is shown in a document, for a client that asks for it."""

from __future__ import annotations

from lsprotocol import types as lsp

from otp_genesis_server.lsp.server import Server

METHOD = lsp.TEXT_DOCUMENT_DIAGNOSTIC
OPTIONS = lsp.DiagnosticOptions(
    identifier="otp-genesis", inter_file_dependencies=True, workspace_diagnostics=True
)


async def handle(ls: Server, params: lsp.DocumentDiagnosticParams) -> lsp.DocumentDiagnosticReport:
    """For the newest text. What only the whole project shows may follow: the client is told to ask again."""
    uri = params.text_document.uri
    folder = ls.session.folder_of(uri)
    if folder is not None:
        await folder.current()
    report = ls.diagnostics.pull(uri)
    if report is None:
        return lsp.RelatedFullDocumentDiagnosticReport(items=[])
    if report.result_id == params.previous_result_id:
        return lsp.RelatedUnchangedDocumentDiagnosticReport(result_id=report.result_id)
    return lsp.RelatedFullDocumentDiagnosticReport(items=report.items, result_id=report.result_id)
