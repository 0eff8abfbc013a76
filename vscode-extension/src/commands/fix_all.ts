import { type CodeAction, commands, window, workspace } from "vscode";
import { elixirEditor } from "../projects";
import type { Command } from "./command";

const KIND = "source.fixAll.otpGenesis";

export const fixAll: Command = {
  name: "fixAll",
  async run() {
    const editor = elixirEditor();
    if (editor === undefined) return;
    const { uri, lineCount } = editor.document;
    const all = editor.document.validateRange(editor.document.lineAt(lineCount - 1).rangeIncludingLineBreak);
    const range = all.with(all.start.with(0, 0));
    // The last argument is how many of the actions get their edit computed.
    const actions = await commands.executeCommand<CodeAction[]>(
      "vscode.executeCodeActionProvider",
      uri,
      range,
      KIND,
      1,
    );
    const edit = actions.find((action) => action.edit !== undefined)?.edit;
    if (edit === undefined || edit.size === 0) {
      void window.showInformationMessage("OTP-Genesis: no problem in this file has a fix that is safe.");
      return;
    }
    return workspace.applyEdit(edit);
  },
};
