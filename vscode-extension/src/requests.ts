import { commands, window } from "vscode";
import { failure } from "./failures";
import type { Session } from "./session";

/**
 * Asks the server for long work: `otpGenesis/<name>`. The server shows its own progress, which the user can
 * cancel. Gives undefined where nothing came of it; the user has been told why then.
 */
export async function ask<T>(
  session: Session,
  name: string,
  title: string,
  params: object,
): Promise<T | undefined> {
  await session.settled();
  const { client, state } = session;
  if (client === undefined || state.kind !== "running") {
    say(`${title} needs the server, which does not run`, { Restart: "otpGenesis.ui.restart" });
    return undefined;
  }
  try {
    const answer = await client.sendRequest<T>(`otpGenesis/${name}`, params);
    const { spent } = { ...answer } as { spent?: string };
    if (spent) session.spent = spent;
    return answer;
  } catch (error) {
    const reason = failure(error, title, state.version);
    session.log.info(reason ?? `${title}: cancelled`);
    if (reason !== undefined) say(reason, {});
    return undefined;
  }
}

function say(message: string, ways: Record<string, string>): void {
  const all: Record<string, string> = { ...ways, "Show Logs": "otpGenesis.ui.showLogs" };
  void window
    .showErrorMessage(`OTP-Genesis: ${message}.`, ...Object.keys(all))
    .then((chosen) => chosen && commands.executeCommand(all[chosen] ?? ""));
}
