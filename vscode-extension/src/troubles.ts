import { commands, type Disposable, window } from "vscode";
import type { Session } from "./session";

/** Says once that the server can't be had or ended for good, and what can be done about it. */
export function tellTroubles(session: Session): Disposable {
  let told = "";
  return session.onDidChange(async () => {
    const { state } = session;
    const reason =
      state.kind === "missing" ? state.missing.reason : state.kind === "failed" ? state.reason : "";
    if (state.kind === "running") told = "";
    if (!reason || reason === told) return;
    told = reason;
    const ways: Record<string, string> =
      state.kind === "failed"
        ? { Restart: "otpGenesis.ui.restart", "Show Logs": "otpGenesis.ui.showLogs" }
        : state.kind === "missing" && state.missing.setting
          ? { "Open Setting": "otpGenesis.ui.openServerSetting", "Show Logs": "otpGenesis.ui.showLogs" }
          : {
              "Install Server": "otpGenesis.ui.installServer",
              "Set Path…": "otpGenesis.ui.openServerSetting",
              "Get Started": "otpGenesis.ui.openWalkthrough",
            };
    const chosen = await window.showErrorMessage(`OTP-Genesis: ${reason}.`, ...Object.keys(ways));
    if (chosen !== undefined) await commands.executeCommand(ways[chosen] ?? "");
  });
}
