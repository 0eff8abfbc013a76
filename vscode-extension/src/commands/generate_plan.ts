import { window } from "vscode";
import { chooseFolder } from "../projects";
import { ask } from "../requests";
import type { Command } from "./command";

export const generatePlan: Command = {
  name: "generatePlan",
  async run({ session }) {
    const folder = await chooseFolder();
    if (folder === undefined) return;
    const goal = await window.showInputBox({
      title: "Generate Refactor Plan",
      prompt:
        "What should the refactor reach? Empty for a general goal, or the goal of the plan that is there.",
      placeHolder: "Survive the crash of any process",
    });
    if (goal === undefined) return;
    return ask<string[]>(session, "generatePlan", "Generate Refactor Plan", {
      goal,
      root: folder.toString(),
    });
  },
};
