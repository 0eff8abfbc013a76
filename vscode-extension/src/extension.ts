import { commands, type ExtensionContext, workspace } from "vscode";
import { allCommands } from "./commands/all";
import { FindingsView } from "./findings/view";
import { PROVIDERS, secretName } from "./keys";
import { Log } from "./log";
import { type ServerState, Session } from "./session";
import { SECTION } from "./settings";
import { showStatus } from "./status";
import { tellTroubles } from "./troubles";

/** For other extensions, and for tests. */
export interface Api {
  readonly state: ServerState;
  readonly log: readonly string[];
}

let session: Session | undefined;

export function activate(context: ExtensionContext): Api {
  const log = new Log();
  const running = new Session(context, log);
  session = running;
  const findings = new FindingsView(context);
  const around = { session: running, findings };
  context.subscriptions.push(
    log,
    running,
    findings,
    showStatus(running),
    tellTroubles(running),
    ...allCommands.map((one) => commands.registerCommand(`otpGenesis.ui.${one.name}`, () => one.run(around))),
    workspace.onDidChangeConfiguration((change) => {
      const others = ["server", "rulePages"]; // the server asks for the rest itself
      if (others.some((name) => change.affectsConfiguration(`${SECTION}.${name}`))) void running.restart();
    }),
    workspace.onDidGrantWorkspaceTrust(() => running.restart()),
    context.secrets.onDidChange(({ key }) => {
      if (PROVIDERS.some((provider) => secretName(provider) === key)) void running.restart();
    }),
  );
  void commands.executeCommand("setContext", `${SECTION}.active`, true);
  void running.restart();
  return {
    get state() {
      return running.state;
    },
    get log() {
      return log.recent();
    },
  };
}

export async function deactivate(): Promise<void> {
  await session?.stop();
}
