import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import * as path from "node:path";
import type { Machine } from "./discovery";

const VERSION_WITHIN_MILLISECONDS = 60_000;

/** This machine. Relative parts of PATH are left out: they would name whatever a project puts there. */
export const thisMachine: Machine = {
  async find(program) {
    const folders = (process.env.PATH ?? "")
      .split(path.delimiter)
      .filter((folder) => path.isAbsolute(folder));
    const names = process.platform === "win32" ? [`${program}.exe`, `${program}.cmd`] : [program];
    for (const folder of folders) {
      for (const name of names) {
        const file = path.join(folder, name);
        if (await isProgram(file)) return file;
      }
    }
    return undefined;
  },

  version(command) {
    const [program = "", ...before] = command;
    const options = { timeout: VERSION_WITHIN_MILLISECONDS };
    return new Promise((resolve) => {
      execFile(program, [...before, "--version"], options, (error, stdout, stderr) => {
        const version = /\d+\.\d+(\.\d+)?/.exec(stdout || stderr)?.[0];
        if (error) resolve({ failure: why(error, program, stderr) });
        else if (version === undefined) resolve({ failure: "it tells no version" });
        else resolve({ version });
      });
    });
  },
};

async function isProgram(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
}

function why(error: Error & { code?: unknown; killed?: boolean }, program: string, stderr: string): string {
  if (error.code === "ENOENT") return `there is no program ${program}`;
  if (error.code === "EACCES") return `${program} may not be run`;
  if (error.killed) return `${program} did not answer within ${VERSION_WITHIN_MILLISECONDS / 1000} seconds`;
  const said = stderr.trim().split("\n").at(-1);
  return `${program} ended with status ${error.code}${said ? `: ${said}` : ""}`;
}
