"""Core data as protocol types. With `from_lsp`, the only place where the two meet.

Every position is counted in the unit that was agreed on with the client, and everything a
client can't take is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lsprotocol import types as lsp

from otp_genesis_analyzers.findings import Finding, FixKind, Related, Severity
from otp_genesis_analyzers.source import Encoding, Source, Span
from otp_genesis_refactorers.change import Change, FileChange, Refused, content_hash
from otp_genesis_server.lsp.client_features import ClientFeatures
from otp_genesis_server.lsp.shown.rule_pages import link_to
from otp_genesis_server.lsp.workspace.snapshot import Snapshot

SOURCE_NAME = "otp-genesis"
_UNSAFE = "otp-genesis.unsafe"

_SEVERITIES = {
    Severity.ERROR: lsp.DiagnosticSeverity.Error,
    Severity.WARNING: lsp.DiagnosticSeverity.Warning,
    Severity.INFORMATION: lsp.DiagnosticSeverity.Information,
    Severity.HINT: lsp.DiagnosticSeverity.Hint,
}


def range_of(source: Source, span: Span, encoding: Encoding) -> lsp.Range:
    start = source.lines.position(span.start, encoding)
    end = source.lines.position(span.end, encoding)
    return lsp.Range(lsp.Position(*start), lsp.Position(*end))


def diagnostics(
    findings: Iterable[Finding], path: str, snapshot: Snapshot, client: ClientFeatures
) -> list[lsp.Diagnostic]:
    """Findings of one file; none when it can't be read any more."""
    findings = tuple(findings)
    source = snapshot.source(path) if findings else None
    return [_diagnostic(finding, source, snapshot, client) for finding in findings] if source else []


def fix_reference(finding: Finding, snapshot: Snapshot) -> dict[str, Any]:
    """What the server needs to know again when the fix of a finding is chosen."""
    return {
        "uri": snapshot.uri(finding.path),
        "version": snapshot.version(finding.path),
        "fingerprint": finding.fingerprint,
    }


def action_data(action: str, finding: Finding, snapshot: Snapshot) -> dict[str, Any]:
    """The same for an action whose edit is made when it is chosen, whatever has been typed by then."""
    reference = fix_reference(finding, snapshot)
    return {"action": action, **reference, "code": finding.code, "scope": finding.scope}


def workspace_edit(change: Change, snapshot: Snapshot, client: ClientFeatures) -> lsp.WorkspaceEdit | Refused:
    """The change against the texts of `snapshot`, in the richest form that the client can take."""
    annotation = _UNSAFE if client.change_annotations and change.kind is not FixKind.SAFE else None
    changes: list[lsp.TextDocumentEdit | lsp.CreateFile] = []
    for file in change.files:
        creates = not file.original_hash
        if creates and not client.create_files:
            return Refused(f"the fix makes {file.path}, and this editor can't be asked to make files")
        source = Source(file.path, b"") if creates else snapshot.source(file.path)
        if source is None or (not creates and content_hash(source.content) != file.original_hash):
            return Refused(f"{file.path} has changed since the fix was computed; try again")
        uri = snapshot.uri(file.path)
        if creates:
            changes.append(lsp.CreateFile(uri=uri, annotation_id=annotation))
        document = lsp.OptionalVersionedTextDocumentIdentifier(uri=uri, version=snapshot.version(file.path))
        changes.append(lsp.TextDocumentEdit(document, _text_edits(file, source, client.encoding, annotation)))
    if not client.document_changes:
        return lsp.WorkspaceEdit(changes=_as_plain_changes(changes))
    return lsp.WorkspaceEdit(
        document_changes=changes,
        change_annotations={annotation: _unsafe(change)} if annotation else None,
    )


def document_edit(
    uri: str, version: int, source: Source, edits: Iterable[tuple[Span, str]], client: ClientFeatures
) -> lsp.WorkspaceEdit:
    """Edits of one open document, `source` being its text."""
    made = [lsp.TextEdit(range_of(source, span, client.encoding), text) for span, text in edits]
    if not client.document_changes:
        return lsp.WorkspaceEdit(changes={uri: made})
    document = lsp.OptionalVersionedTextDocumentIdentifier(uri=uri, version=version)
    return lsp.WorkspaceEdit(document_changes=[lsp.TextDocumentEdit(document, [*made])])


def hover(markdown: str, source: Source, span: Span, client: ClientFeatures) -> lsp.Hover:
    kind = lsp.MarkupKind.Markdown if client.hover_markdown else lsp.MarkupKind.PlainText
    return lsp.Hover(lsp.MarkupContent(kind, markdown), range_of(source, span, client.encoding))


def _diagnostic(
    finding: Finding, source: Source, snapshot: Snapshot, client: ClientFeatures
) -> lsp.Diagnostic:
    href = link_to(finding.code, client.rule_pages) if client.code_description else None
    related = [_related(r, snapshot, client) for r in finding.related] if client.related_information else []
    return lsp.Diagnostic(
        range=range_of(source, finding.span, client.encoding),
        message=finding.message,
        severity=_SEVERITIES[finding.severity],
        code=finding.code,
        code_description=lsp.CodeDescription(href) if href else None,
        source=SOURCE_NAME,
        related_information=[place for place in related if place] or None,
        data=_data(finding) if client.diagnostic_data else None,
    )


def _data(finding: Finding) -> dict[str, str]:
    """What an editor needs to ask for the finding's fix, and to show findings in groups."""
    in_function = "/" in finding.scope  # Module.function/arity
    module = finding.scope.rpartition(".")[0] if in_function else finding.scope
    return {"fingerprint": finding.fingerprint, "name": finding.name, "module": module}


def _related(
    related: Related, snapshot: Snapshot, client: ClientFeatures
) -> lsp.DiagnosticRelatedInformation | None:
    source = snapshot.source(related.path)
    if source is None:
        return None
    place = lsp.Location(snapshot.uri(related.path), range_of(source, related.span, client.encoding))
    return lsp.DiagnosticRelatedInformation(place, related.message)


def _text_edits(
    file: FileChange, source: Source, encoding: Encoding, annotation: str | None
) -> list[lsp.TextEdit | lsp.AnnotatedTextEdit | lsp.SnippetTextEdit]:
    ranged = [(range_of(source, edit.span, encoding), edit.text) for edit in file.edits]
    if annotation is None:
        return [lsp.TextEdit(place, text) for place, text in ranged]
    return [lsp.AnnotatedTextEdit(annotation, place, text) for place, text in ranged]


def _as_plain_changes(
    changes: list[lsp.TextDocumentEdit | lsp.CreateFile],
) -> dict[str, list[lsp.TextEdit]]:
    """For clients from before versions: the same edits, by file."""
    return {
        change.text_document.uri: [edit for edit in change.edits if isinstance(edit, lsp.TextEdit)]
        for change in changes
        if isinstance(change, lsp.TextDocumentEdit)
    }


def _unsafe(change: Change) -> lsp.ChangeAnnotation:
    return lsp.ChangeAnnotation(
        label=change.title,
        needs_confirmation=True,
        description=" ".join(change.notes) or "Changes what the program does: look at it before accepting.",
    )
