import { chooseFolder } from "../projects";
import { ask } from "../requests";
import type { Command } from "./command";

export const verify: Command = {
  name: "verify",
  async run({ session }) {
    const folder = await chooseFolder();
    if (folder === undefined) return;
    return ask(session, "verify", "Verify", { uri: folder.toString() });
  },
};
