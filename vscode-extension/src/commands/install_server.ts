import { commands, env, ProgressLocation, Uri, window } from "vscode";
import { worded } from "../failures";
import { install } from "../server/install";

import type { Command } from "./command";

const UV_PAGE = "https://docs.astral.sh/uv/getting-started/installation/";

export const installServer: Command = {
  name: "installServer",
  async run({ session }) {
    await session.restart(); // what has come onto the machine since?
    const { state } = session;
    if (state.kind === "running") {
      void window.showInformationMessage(`OTP-Genesis: server ${state.version} runs, nothing to install.`);
      return;
    }
    const installer = state.kind === "missing" ? state.missing.installer : undefined;
    if (installer === undefined) {
      const what = "Neither uv nor Python 3.11 or newer is on PATH";
      const chosen = await window.showErrorMessage(`OTP-Genesis: ${what}.`, "Open uv’s Website", "Set Path…");
      if (chosen === "Set Path…") await commands.executeCommand("otpGenesis.ui.openServerSetting");
      else if (chosen) await env.openExternal(Uri.parse(UV_PAGE));
      return;
    }
    const how = installer.with === "uv" ? "uv" : "Python";
    const tell = (line: string) => session.log.info(`installing: ${line}`);
    try {
      await window.withProgress(
        {
          location: ProgressLocation.Notification,
          title: `OTP-Genesis: installing its server with ${how}`,
          cancellable: true,
        },
        (_, token) => install(session.bundled, installer, session.own, tell, token),
      );
    } catch (error) {
      session.log.error(`not installed: ${worded(error)}`);
      const message = `OTP-Genesis: the server was not installed: ${worded(error)}`;
      void window
        .showErrorMessage(message, "Show Logs")
        .then((chosen) => chosen && commands.executeCommand("otpGenesis.ui.showLogs"));
      return;
    }
    await session.restart();
  },
};
