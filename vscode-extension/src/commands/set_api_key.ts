import { window } from "vscode";
import { PROVIDERS, secretName } from "../keys";
import type { Command } from "./command";

export const setApiKey: Command = {
  name: "setApiKey",
  async run({ session }) {
    const { secrets } = session.context;
    const items = await Promise.all(
      PROVIDERS.map(async (provider) => ({
        label: `${provider.label} (${provider.models})`,
        description: (await secrets.get(secretName(provider))) ? "a key is set" : undefined,
        provider,
      })),
    );
    const placeHolder = "Whose key? Without any, OTP-Genesis finds, fixes, verifies and plans all the same";
    const chosen = await window.showQuickPick(items, { title: "Set API Key", placeHolder });
    if (chosen === undefined) return;
    const { provider } = chosen;
    const key = await window.showInputBox({
      title: `API key for ${provider.label}`,
      prompt: `Kept in this machine's secret store, and given to the server as ${provider.variables[0]}. Empty removes it.`,
      password: true,
      ignoreFocusOut: true,
    });
    if (key === undefined) return;
    if (key.trim()) await secrets.store(secretName(provider), key.trim());
    else await secrets.delete(secretName(provider));
    session.log.info(`the key for ${provider.label} was ${key.trim() ? "set" : "removed"}`);
  },
};
