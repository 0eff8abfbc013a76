import { homedir } from "node:os";
import * as path from "node:path";
import { workspace } from "vscode";

export const SECTION = "otpGenesis";

/** The user's own command of the server, with `${workspaceFolder}`, `${env:NAME}` and `~` replaced. */
export function configuredCommand(): readonly string[] {
  const words = workspace.getConfiguration(SECTION).get<unknown>("server.path");
  if (!Array.isArray(words)) return [];
  const folder = workspace.workspaceFolders?.[0]?.uri.fsPath ?? "";
  return words.map((word) =>
    String(word)
      .replaceAll("${workspaceFolder}", folder)
      .replace(/\$\{env:(\w+)\}/g, (_, name: string) => process.env[name] ?? "")
      .replace(/^~(?=$|[/\\])/, path.normalize(homedir())),
  );
}
