import * as os from "node:os";
import { commands, env, version as vscodeVersion, window, workspace } from "vscode";
import { GROUPINGS } from "../findings/model";
import { SECTION } from "../settings";
import type { Around, Command } from "./command";

export const restart: Command = {
  name: "restart",
  run: ({ session }) => session.restart(),
};

export const showLogs: Command = {
  name: "showLogs",
  run: async ({ session }) => session.log.show(),
};

export const openServerSetting: Command = {
  name: "openServerSetting",
  run: async () => commands.executeCommand("workbench.action.openSettings", `${SECTION}.server.path`),
};

export const openWalkthrough: Command = {
  name: "openWalkthrough",
  run: async ({ session }) => {
    const walkthrough = `${session.context.extension.id}#start`;
    return commands.executeCommand("workbench.action.openWalkthrough", walkthrough, false);
  },
};

export const groupFindings: Command = {
  name: "groupFindings",
  async run({ findings }) {
    const items = GROUPINGS.map((grouping) => ({
      label: `By ${grouping}`,
      description: grouping === findings.grouping ? "now" : undefined,
      grouping,
    }));
    const chosen = await window.showQuickPick(items, { title: "Group Findings" });
    if (chosen) await findings.group(chosen.grouping);
  },
};

export const copyDebugInfo: Command = {
  name: "copyDebugInfo",
  async run(around) {
    const text = debugInfo(around);
    await env.clipboard.writeText(text);
    void window.showInformationMessage("OTP-Genesis: the debug info is in the clipboard.");
    return text;
  },
};

/** For a bug report: no key, no code. */
function debugInfo({ session, findings }: Around): string {
  const { state } = session;
  const server = state.kind === "running" ? state.found : undefined;
  const settings = workspace.getConfiguration(SECTION);
  return [
    `- OTP-Genesis extension ${session.version}, server ${state.kind === "running" ? state.version : state.kind}`,
    `- server from: ${server ? `${server.origin}, \`${server.command.join(" ")}\`` : "-"}`,
    `- ${env.appName} ${vscodeVersion} on ${os.type()} ${os.release()} ${process.arch}`,
    `- workspace: ${workspace.workspaceFolders?.length ?? 0} folders, ${workspace.isTrusted ? "trusted" : "not trusted"}`,
    `- settings: \`${JSON.stringify(settings)}\``,
    `- findings by ${findings.grouping}`,
    "",
    "```",
    ...session.log.recent().slice(-40),
    "```",
    "",
  ].join("\n");
}
