import { spawn } from "node:child_process";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import * as path from "node:path";
import type { CancellationToken } from "vscode";
import type { Installer } from "./discovery";

/** Where the extension keeps the server that it installed: an environment of its own for each version. */
export interface OwnEnvironment {
  folder: string;
  program: string;
}

export function ownEnvironment(storage: string, version: string): OwnEnvironment {
  const folder = path.join(storage, `server-${version}`);
  const windows = process.platform === "win32";
  const program = windows ? ["Scripts", "otp-genesis.exe"] : ["bin", "otp-genesis"];
  return { folder, program: path.join(folder, ...program) };
}

/**
 * Makes the environment from what the extension brought along: its own wheel, and the exact list of all
 * that the wheel needs. Throws an error that says what could not be done; then nothing is left of it.
 */
export async function install(
  bundled: string,
  installer: Installer,
  into: OwnEnvironment,
  tell: (line: string) => void,
  token: CancellationToken,
): Promise<void> {
  const wheel = (await files(bundled)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) {
    throw new Error("this build of the extension brings no server along: set otpGenesis.server.path");
  }
  const run = (program: string, ...words: string[]) => finished(program, words, tell, token);
  const windows = process.platform === "win32";
  const python = path.join(into.folder, ...(windows ? ["Scripts", "python.exe"] : ["bin", "python"]));
  const pip =
    installer.with === "uv"
      ? [installer.program, "pip", "install", "--python", python]
      : [python, "-m", "pip", "install", "--disable-pip-version-check"];
  await mkdir(path.dirname(into.folder), { recursive: true });
  await rm(into.folder, { recursive: true, force: true });
  try {
    if (installer.with === "uv") await run(installer.program, "venv", "--python", ">=3.11", into.folder);
    else await run(installer.program, "-m", "venv", into.folder);
    const [program = "", ...words] = pip;
    await run(program, ...words, "--require-hashes", "-r", path.join(bundled, "requirements.txt"));
    await run(program, ...words, "--no-deps", path.join(bundled, wheel));
  } catch (error) {
    const unfinished = `${into.folder}.unfinished`;
    await rename(into.folder, unfinished).catch(() => undefined);
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  }
}

async function files(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

function finished(
  program: string,
  words: string[],
  tell: (line: string) => void,
  token: CancellationToken,
): Promise<void> {
  tell([program, ...words].join(" "));
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"] });
    const last: string[] = [];
    const hear = (data: Buffer) => {
      for (const line of data.toString().split("\n").filter(Boolean)) {
        tell(line);
        last.push(line);
      }
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    const cancelled = token.onCancellationRequested(() => child.kill());
    child.on("error", reject);
    child.on("close", (status) => {
      cancelled.dispose();
      if (token.isCancellationRequested) reject(new Error("cancelled"));
      else if (status === 0) resolve();
      else reject(new Error(last.at(-1) ?? `${program} ended with status ${status}`));
    });
  });
}
