import { window, type SecretStorage } from "vscode";
import { PROVIDERS, hasKey } from "../keys";
import { chooseFolder } from "../projects";
import { ask } from "../requests";
import type { Command } from "./command";

const TITLE = "Generate Refactor Plan";

export const generatePlan: Command = {
  name: "generatePlan",
  async run({ session }) {
    const folder = await chooseFolder();
    if (folder === undefined) return;
    const goal = await window.showInputBox({
      title: TITLE,
      prompt:
        "What should the refactor reach? Empty for a general goal, or the goal of the plan that is there.",
      placeHolder: "Survive the crash of any process",
    });
    if (goal === undefined) return;
    const adviser = await chooseAdviser(session.context.secrets);
    if (adviser === undefined) return;
    const params = { goal, root: folder.toString(), model: adviser.model };
    return ask<string[]>(session, "generatePlan", TITLE, params);
  },
};

/** Whom to ask for advice on the plan; nobody is asked about it who has no key. Undefined when cancelled. */
async function chooseAdviser(secrets: SecretStorage): Promise<{ model: string | null } | undefined> {
  const keys = await Promise.all(PROVIDERS.map((provider) => hasKey(secrets, provider)));
  const advisers = PROVIDERS.filter((_, index) => keys[index]).map((provider) => ({
    label: provider.models,
    description: "advises on the order, the words, and how to split what is too large",
    model: provider.models.toLowerCase(),
  }));
  const nobody = { label: "Nobody", description: "the plan from the code alone", model: null };
  if (advisers.length === 0) return nobody;
  const placeHolder = "Who advises? You see what is sent before it is, and what it may cost";
  return window.showQuickPick<{ label: string; model: string | null }>([nobody, ...advisers], {
    title: TITLE,
    placeHolder,
  });
}
