import { Disposable, LanguageStatusSeverity, languages } from "vscode";
import { DOCUMENTS } from "./client";
import type { Session } from "./session";

/** The server in the language status, behind the braces in the status bar: whether it is well, and busy. */
export function showStatus(session: Session): Disposable {
  const item = languages.createLanguageStatusItem("otpGenesis.status", DOCUMENTS);
  item.name = "OTP-Genesis";
  const show = () => {
    const { state, busy } = session;
    item.busy = state.kind === "starting" || busy !== undefined;
    item.severity = LanguageStatusSeverity.Information;
    item.command = { command: "otpGenesis.ui.showLogs", title: "Show Logs" };
    switch (state.kind) {
      case "starting":
        item.text = "OTP-Genesis: starting";
        item.detail = state.found && `from ${state.found.origin}`;
        break;
      case "running":
        item.text = `OTP-Genesis ${state.version}`;
        item.detail =
          busy ?? `ready, from ${state.found.origin}${session.spent ? `; last run: ${session.spent}` : ""}`;
        break;
      case "missing":
        item.text = "OTP-Genesis: no server";
        item.detail = state.missing.reason;
        item.severity = LanguageStatusSeverity.Error;
        item.command = { command: "otpGenesis.ui.installServer", title: "Install" };
        break;
      case "failed":
        item.text = "OTP-Genesis: not running";
        item.detail = state.reason;
        item.severity = LanguageStatusSeverity.Error;
        item.command = { command: "otpGenesis.ui.restart", title: "Restart" };
        break;
      case "stopped":
        item.text = "OTP-Genesis: stopped";
        item.detail = undefined;
    }
  };
  show();
  return Disposable.from(session.onDidChange(show), item);
}
