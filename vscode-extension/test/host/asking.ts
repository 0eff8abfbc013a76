/** Short questions about the editor, for tests that run where extensions run. */

import * as assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import * as vscode from "vscode";
import type { Api } from "../../src/extension";

export async function until<T>(what: string, question: () => T | Promise<T>): Promise<NonNullable<T>> {
  const deadline = Date.now() + 45_000;
  for (;;) {
    const answer = await question();
    if (answer) return answer as NonNullable<T>;
    assert.ok(Date.now() < deadline, `not within 45 seconds: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

export async function api(): Promise<Api> {
  const extension = vscode.extensions.getExtension<Api>("otp-genesis.otp-genesis");
  assert.ok(extension, "the extension is not installed");
  return extension.activate();
}

/** The extension, when its server runs. */
export async function running(): Promise<Api> {
  const ours = await api();
  await until("the server runs", () => {
    assert.ok(!["missing", "failed"].includes(ours.state.kind), ours.log.join("\n"));
    return ours.state.kind === "running";
  });
  return ours;
}

export function file(path: string, folder = 0): vscode.Uri {
  const root = vscode.workspace.workspaceFolders?.[folder];
  assert.ok(root);
  return vscode.Uri.joinPath(root.uri, path);
}

export async function edit(uri: vscode.Uri): Promise<vscode.TextDocument> {
  const document = await vscode.workspace.openTextDocument(uri);
  await vscode.window.showTextDocument(document);
  return document;
}

/** Also the files that an edit changed and no tab shows. */
export async function saveAll(): Promise<void> {
  for (const document of vscode.workspace.textDocuments) if (document.isDirty) await document.save();
}

export function squiggles(uri: vscode.Uri, code?: string): vscode.Diagnostic[] {
  return vscode.languages
    .getDiagnostics(uri)
    .filter((one) => one.source === "otp-genesis" && (code === undefined || codeOf(one) === code));
}

/** The only one of a rule in a file, as soon as it is shown. */
export async function squiggle(uri: vscode.Uri, code: string): Promise<vscode.Diagnostic> {
  const [one] = await until(`one ${code} in ${uri.path}`, () => {
    const found = squiggles(uri, code);
    return found.length === 1 ? found : undefined;
  });
  assert.ok(one);
  return one;
}

export function codeOf(one: vscode.Diagnostic): string {
  return String(typeof one.code === "object" ? one.code.value : one.code);
}

/** The actions at a place, with their edits made. */
export function actions(uri: vscode.Uri, range: vscode.Range, kind = vscode.CodeActionKind.QuickFix) {
  return vscode.commands.executeCommand<vscode.CodeAction[]>(
    "vscode.executeCodeActionProvider",
    uri,
    range,
    kind.value,
    20,
  );
}

/** The process ids of the servers that this extension host has started. */
export function servers(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((id) => {
      try {
        const parent = readFileSync(`/proc/${id}/stat`, "utf8").split(") ")[1]?.split(" ")[1];
        const command = readFileSync(`/proc/${id}/cmdline`, "utf8");
        return Number(parent) === process.pid && command.includes("otp-genesis\0lsp");
      } catch {
        return false; // it has ended meanwhile
      }
    })
    .map(Number);
}
