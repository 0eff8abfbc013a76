import { type Uri, window, workspace } from "vscode";

/** The URI of the folder that a command is about: the only one, or the user's choice. */
export async function chooseFolder(): Promise<Uri | undefined> {
  const folders = workspace.workspaceFolders ?? [];
  const active = window.activeTextEditor?.document.uri;
  if (folders.length === 0) {
    if (active?.scheme === "file") return active;
    void window.showInformationMessage("OTP-Genesis: open the folder of a Mix project first.");
    return undefined;
  }
  if (folders.length === 1) return folders[0]?.uri;
  const here = active && workspace.getWorkspaceFolder(active);
  const ordered = [...folders].sort((a, b) => Number(b === here) - Number(a === here));
  const items = ordered.map((folder) => ({
    label: folder.name,
    description: folder.uri.fsPath,
    uri: folder.uri,
  }));
  return (await window.showQuickPick(items, { placeHolder: "Which project?" }))?.uri;
}

export function isBelow(file: Uri, folder: Uri): boolean {
  return file.path === folder.path || file.path.startsWith(`${folder.path.replace(/\/$/, "")}/`);
}

/** The open Elixir file that a command is about; the user is told when there is none. */
export function elixirEditor() {
  const editor = window.activeTextEditor;
  if (editor?.document.languageId === "elixir" && editor.document.uri.scheme === "file") return editor;
  void window.showInformationMessage("OTP-Genesis: open an Elixir file first.");
  return undefined;
}
