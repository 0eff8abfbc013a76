import { chooseFolder } from "../projects";
import { TreePanel } from "../tree/panel";
import type { Command } from "./command";

export const showSupervisionTree: Command = {
  name: "showSupervisionTree",
  async run({ session }) {
    const folder = await chooseFolder();
    if (folder === undefined) return;
    await TreePanel.show(session, folder);
  },
};
