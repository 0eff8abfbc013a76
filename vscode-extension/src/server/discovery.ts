/** Where the language server comes from. No word of VS Code here: what is found is asked of a `Machine`. */

export interface Machine {
  /** The absolute path of a program on PATH. */
  find(program: string): Promise<string | undefined>;
  /** The version that `COMMAND --version` tells, or in a sentence why it tells none. */
  version(command: readonly string[]): Promise<{ version: string } | { failure: string }>;
}

export interface Wishes {
  /** The setting `otpGenesis.server.path`, its variables replaced. */
  configured: readonly string[];
  /** The workspace is trusted: what it says may be run. */
  trusted: boolean;
  /** The program in the environment that the extension made for itself, or would make. */
  own: string;
  /** The oldest server that this extension works with. */
  minimum: string;
}

export type Origin = "setting" | "PATH" | "own environment";

export interface Found {
  kind: "found";
  command: readonly string[];
  version: string;
  origin: Origin;
}

export interface Missing {
  kind: "missing";
  /** Why, in one sentence. */
  reason: string;
  /** The user's own setting is what is wrong, so nothing else was tried. */
  setting: boolean;
  /** What the extension could install the server with. */
  installer: Installer | undefined;
}

export interface Installer {
  with: "uv" | "python";
  program: string;
}

const PYTHONS = ["python3.14", "python3.13", "python3.12", "python3.11", "python3", "python"];

/** Looks in the documented order, and tells each step. A setting that does not work is not passed over. */
export async function discover(
  machine: Machine,
  wishes: Wishes,
  tell: (line: string) => void,
): Promise<Found | Missing> {
  if (wishes.configured.length > 0 && wishes.trusted) return configured(machine, wishes, tell);
  tell(
    wishes.configured.length > 0
      ? "1. setting otpGenesis.server.path: not read, since this workspace is not trusted"
      : "1. setting otpGenesis.server.path: not set",
  );
  const onPath = await machine.find("otp-genesis");
  if (onPath === undefined) tell("2. otp-genesis on PATH: none");
  const problems: string[] = [];
  for (const [number, origin, program] of [
    ["2", "PATH", onPath],
    ["3", "own environment", wishes.own],
  ] as const) {
    if (program === undefined) continue;
    const answer = await machine.version([program]);
    const problem = "failure" in answer ? answer.failure : tooOld(answer.version, wishes.minimum);
    if (problem === undefined && "version" in answer) {
      tell(`${number}. ${origin}: ${program}, version ${answer.version}`);
      return { kind: "found", command: [program], version: answer.version, origin };
    }
    tell(`${number}. ${origin}: ${program}: ${problem}`);
    if (origin === "PATH") problems.push(`${program} can't be used: ${problem}`);
  }
  const installer = await findInstaller(machine, tell);
  const reason = problems[0] ?? "there is no otp-genesis on PATH, and none was installed by this extension";
  return { kind: "missing", reason, setting: false, installer };
}

async function configured(
  machine: Machine,
  wishes: Wishes,
  tell: (line: string) => void,
): Promise<Found | Missing> {
  const shown = wishes.configured.join(" ");
  const answer = await machine.version(wishes.configured);
  const problem = "failure" in answer ? answer.failure : tooOld(answer.version, wishes.minimum);
  if (problem === undefined && "version" in answer) {
    tell(`1. setting otpGenesis.server.path: ${shown}, version ${answer.version}`);
    return { kind: "found", command: wishes.configured, version: answer.version, origin: "setting" };
  }
  tell(`1. setting otpGenesis.server.path: ${shown}: ${problem}`);
  const reason = `the setting otpGenesis.server.path says “${shown}”, but ${problem}`;
  return { kind: "missing", reason, setting: true, installer: undefined };
}

/** uv where there is one: it brings its own Python. Otherwise a Python that is new enough. */
async function findInstaller(machine: Machine, tell: (line: string) => void): Promise<Installer | undefined> {
  const uv = await machine.find("uv");
  if (uv !== undefined) {
    tell(`4. to install with: uv, ${uv}`);
    return { with: "uv", program: uv };
  }
  for (const name of PYTHONS) {
    const program = await machine.find(name);
    const answer = program === undefined ? undefined : await machine.version([program]);
    if (program === undefined || answer === undefined || "failure" in answer) continue;
    if (tooOld(answer.version, "3.11") === undefined) {
      tell(`4. to install with: Python ${answer.version}, ${program}`);
      return { with: "python", program };
    }
  }
  tell("4. to install with: neither uv nor Python 3.11 or newer on PATH");
  return undefined;
}

function tooOld(version: string, minimum: string): string | undefined {
  const [have, need] = [version, minimum].map((text) => text.split(".").map(Number));
  for (const [index, part] of (need ?? []).entries()) {
    const own = have?.[index] ?? 0;
    if (own !== part) {
      return own > part ? undefined : `it is version ${version}, and ${minimum} or newer is needed`;
    }
  }
  return undefined;
}
