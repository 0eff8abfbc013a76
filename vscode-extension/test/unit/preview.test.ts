import * as assert from "node:assert/strict";
import { test } from "node:test";
import type { WorkspaceEdit } from "vscode-languageserver-protocol";
import { confirmed, ticked } from "../../src/preview";

const range = { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } };

function edit(needsConfirmation: boolean): WorkspaceEdit {
  return {
    documentChanges: [
      {
        textDocument: { uri: "file:///a.ex", version: 1 },
        edits: [{ range, newText: "x", annotationId: "unsafe" }],
      },
    ],
    changeAnnotations: { unsafe: { label: "Start the task", needsConfirmation } },
  };
}

test("what needs confirmation is shown ticked, and asked for by a rename to the same name", () => {
  const shown = ticked(edit(true));
  assert.equal(shown.changeAnnotations?.unsafe?.needsConfirmation, false);
  assert.deepEqual(shown.documentChanges?.slice(0, 1), edit(true).documentChanges);
  const rename = shown.documentChanges?.[1];
  assert.ok(rename && "oldUri" in rename && rename.annotationId !== undefined);
  assert.equal(rename.oldUri, rename.newUri);
  assert.deepEqual(rename.options, { ignoreIfExists: true });
  assert.equal(shown.changeAnnotations?.[rename.annotationId]?.needsConfirmation, true);
});

test("what needs none is left as it is", () => {
  const plain = { changes: { "file:///a.ex": [{ range, newText: "x" }] } };
  for (const one of [edit(false), plain, {}]) assert.equal(ticked(one), one);
});

test("what was agreed to needs none any more", () => {
  assert.deepEqual(confirmed(edit(true)), edit(false));
});
