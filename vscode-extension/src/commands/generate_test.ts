import { elixirEditor } from "../projects";
import { ask } from "../requests";
import type { Command } from "./command";

export const generateTest: Command = {
  name: "generateTest",
  async run({ session }) {
    const editor = elixirEditor();
    if (editor === undefined) return;
    const { line, character } = editor.selection.active;
    const params = { uri: editor.document.uri.toString(), position: { line, character } };
    return ask(session, "generateTest", "Generate Test", params);
  },
};
