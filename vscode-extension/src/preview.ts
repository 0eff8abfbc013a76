/** How VS Code shows an edit before it is applied. No word of VS Code here: edits as the protocol has them. */

import type { WorkspaceEdit } from "vscode-languageserver-protocol";

const PREVIEW = "otp-genesis.preview";

/**
 * The edit with all its changes ticked in the Refactor Preview.
 *
 * VS Code leaves unticked there what needs confirmation, so that “Apply” alone would change nothing, and ticking
 * a part would break a change that is one unit. So the changes themselves need none; what does is renaming the
 * first file to its own name, which VS Code neither lists nor does.
 */
export function ticked(edit: WorkspaceEdit): WorkspaceEdit {
  const asked = Object.values(edit.changeAnnotations ?? {}).find((one) => one.needsConfirmation);
  const first = edit.documentChanges
    ?.map((one) => ("edits" in one ? one.textDocument.uri : undefined))
    .find(Boolean);
  if (asked === undefined || first === undefined || edit.documentChanges === undefined) return edit;
  const nothing = {
    kind: "rename",
    oldUri: first,
    newUri: first,
    options: { ignoreIfExists: true },
    annotationId: PREVIEW,
  } as const;
  return {
    ...edit,
    documentChanges: [...edit.documentChanges, nothing],
    changeAnnotations: { ...confirmed(edit).changeAnnotations, [PREVIEW]: asked },
  };
}

/** The edit as one that the user has agreed to already. */
export function confirmed(edit: WorkspaceEdit): WorkspaceEdit {
  const annotations = Object.entries(edit.changeAnnotations ?? {});
  return {
    ...edit,
    changeAnnotations: Object.fromEntries(
      annotations.map(([id, one]) => [id, { ...one, needsConfirmation: false }]),
    ),
  };
}
