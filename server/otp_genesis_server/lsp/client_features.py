"""What the client can do, read once when it connects."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast

from lsprotocol import types as lsp
from pygls.capabilities import get_capability

from otp_genesis_analyzers.source import Encoding


@dataclass(frozen=True, slots=True)
class ClientFeatures:
    """Flat answers, so that no handler digs in nested options. What the client doesn't say, it can't do."""

    encoding: Encoding = "utf-16"
    """The unit that columns are counted in, the same in both directions."""
    rule_pages: str = ""
    """Where the rules' pages are published, see `link_to`; empty for the pages that come with the server."""
    apply_edit: bool = False
    document_changes: bool = False
    change_annotations: bool = False
    create_files: bool = False
    code_action_literals: bool = False
    resolve_edit: bool = False
    """Edits may be left to `codeAction/resolve`, which gives back the action's `data`."""
    disabled_actions: bool = False
    preferred_actions: bool = False
    hover_markdown: bool = False
    related_information: bool = False
    code_description: bool = False
    diagnostic_data: bool = False
    work_done_progress: bool = False
    show_document: bool = False
    virtual_documents: bool = False
    """Documents that are no files can be shown: the client asks for their text."""
    watch_files: bool = False
    """The client watches files for us when asked to by a dynamic registration."""
    pull_diagnostics: bool = False
    """The client asks for diagnostics, and can be told to ask again. One that can't be told would go on
    showing what another file has changed, so it is sent them instead."""
    configuration: bool = False
    """The client can be asked for the user's settings."""
    register_configuration: bool = False
    """It tells of changed settings when asked to by a dynamic registration."""
    workspace_trust: bool | None = None
    """Whether the user trusts the authors of what is opened, where the editor asks for that itself."""

    @classmethod
    def from_lsp(cls, capabilities: lsp.ClientCapabilities, options: Any = None) -> ClientFeatures:
        """`options` are the client's `initializationOptions`.

        `{"rulePages": "https://…", "workspaceTrust": true}`: the trust is not read where other settings
        are, since what is opened may hold some of those.
        """

        def can(path: str) -> bool:
            return bool(get_capability(capabilities, path))

        def offers(path: str, value: str) -> bool:
            return value in (get_capability(capabilities, path) or ())

        def shows(part: str) -> bool:
            """Of a diagnostic. Some clients say it of those that are pushed only."""
            return can(f"text_document.publish_diagnostics.{part}") or can(f"text_document.diagnostic.{part}")

        action, edit = "text_document.code_action", "workspace.workspace_edit"
        settings = cast("Mapping[str, Any]", options if isinstance(options, Mapping) else {})
        rule_pages, trust = settings.get("rulePages"), settings.get("workspaceTrust")
        return cls(
            encoding=_encoding(get_capability(capabilities, "general.position_encodings") or ()),
            rule_pages=rule_pages if isinstance(rule_pages, str) else "",
            apply_edit=can("workspace.apply_edit"),
            document_changes=can(f"{edit}.document_changes"),
            change_annotations=can(f"{edit}.document_changes") and can(f"{edit}.change_annotation_support"),
            create_files=can(f"{edit}.document_changes")
            and offers(f"{edit}.resource_operations", lsp.ResourceOperationKind.Create),
            code_action_literals=can(f"{action}.code_action_literal_support"),
            resolve_edit=can(f"{action}.data_support")
            and offers(f"{action}.resolve_support.properties", "edit"),
            disabled_actions=can(f"{action}.disabled_support"),
            preferred_actions=can(f"{action}.is_preferred_support"),
            hover_markdown=offers("text_document.hover.content_format", lsp.MarkupKind.Markdown),
            related_information=shows("related_information"),
            code_description=shows("code_description_support"),
            diagnostic_data=shows("data_support"),
            work_done_progress=can("window.work_done_progress"),
            show_document=can("window.show_document.support"),
            virtual_documents=can("workspace.text_document_content"),
            watch_files=can("workspace.did_change_watched_files.dynamic_registration"),
            pull_diagnostics=can("text_document.diagnostic") and can("workspace.diagnostics.refresh_support"),
            configuration=can("workspace.configuration"),
            register_configuration=can("workspace.did_change_configuration.dynamic_registration"),
            workspace_trust=trust if isinstance(trust, bool) else None,
        )


def _encoding(offered: Collection[str]) -> Encoding:
    """Bytes where they are offered: they need no conversion. UTF-16 is what every client knows."""
    preferred: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")
    for encoding in preferred:
        if encoding in offered:
            return encoding
    return "utf-16"
