import * as assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { after, afterEach, before, test } from "node:test";
import { discover, type Wishes } from "../../src/server/discovery";
import { thisMachine } from "../../src/server/machine";

// Programs are real ones: scripts that answer `--version`, on a PATH of their own.
let folder: string;
const PATH = process.env.PATH;

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "otp-genesis-discovery-"));
});

afterEach(() => {
  process.env.PATH = PATH;
});

after(() => rm(folder, { recursive: true, force: true }));

async function program(name: string, script: string, where = name): Promise<string> {
  const file = path.join(folder, where, name);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, `#!/bin/sh\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

async function found(wishes: Partial<Wishes>, ...onPath: string[]) {
  process.env.PATH = onPath.map((file) => path.dirname(file)).join(path.delimiter);
  const log: string[] = [];
  const all = { configured: [], trusted: true, own: path.join(folder, "none"), minimum: "0.1.0", ...wishes };
  return { outcome: await discover(thisMachine, all, (line) => log.push(line)), log };
}

test("the user's own command goes before the one on PATH", async () => {
  const own = await program("mine", "echo otp-genesis 0.2.0");
  const other = await program("otp-genesis", "echo otp-genesis 0.1.0");
  const { outcome, log } = await found({ configured: [own, "--quiet"] }, other);
  assert.deepEqual(outcome, {
    kind: "found",
    command: [own, "--quiet"],
    version: "0.2.0",
    origin: "setting",
  });
  assert.equal(log.length, 1);
});

test("it is not read in a workspace that is not trusted", async () => {
  const own = await program("mine", 'touch "$0.was_run"; echo otp-genesis 0.2.0');
  const other = await program("otp-genesis", "echo otp-genesis 0.1.0");
  const { outcome, log } = await found({ configured: [own], trusted: false }, other);
  assert.ok(outcome.kind === "found" && outcome.origin === "PATH");
  assert.match(log[0] ?? "", /not read, since this workspace is not trusted/);
});

test("the one on PATH goes before the extension's own", async () => {
  const own = await program("own", "echo otp-genesis 0.1.0");
  const other = await program("otp-genesis", "echo otp-genesis 0.10.1");
  const { outcome } = await found({ own, minimum: "0.9.3" }, other);
  assert.ok(outcome.kind === "found" && outcome.command[0] === other);
});

for (const [what, script, said] of [
  ["too old", "echo otp-genesis 0.0.9", /it is version 0\.0\.9, and 0\.1\.0 or newer is needed/],
  ["broken", "echo no module named yaml >&2; exit 3", /ended with status 3: no module named yaml/],
  ["something else", "echo hello", /it tells no version/],
] as const) {
  test(`one on PATH that is ${what} is passed over, and the log says why`, async () => {
    const own = await program("own", "echo otp-genesis 0.1.0");
    const other = await program("otp-genesis", script);
    const { outcome, log } = await found({ own }, other);
    assert.ok(outcome.kind === "found" && outcome.origin === "own environment");
    assert.match(log.join("\n"), said);
  });
}

test("a command of the user's that does not work is said to be wrong, and nothing else is tried", async () => {
  const other = await program("otp-genesis", "echo otp-genesis 0.1.0");
  const { outcome } = await found({ configured: ["/nowhere/server"] }, other);
  assert.ok(outcome.kind === "missing" && outcome.setting);
  assert.match(outcome.reason, /“\/nowhere\/server”, but there is no program \/nowhere\/server/);
});

test("where there is none, uv would install it, then a Python that is new enough", async () => {
  const uv = await program("uv", "echo uv 0.13.9");
  const old = await program("python3", "echo Python 3.9.2");
  const fresh = await program("python3.12", "echo Python 3.12.1");
  const installer = async (...onPath: string[]) => {
    const { outcome } = await found({}, ...onPath);
    assert.ok(outcome.kind === "missing" && !outcome.setting);
    return outcome.installer;
  };
  assert.deepEqual(await installer(old, fresh, uv), { with: "uv", program: uv });
  assert.deepEqual(await installer(old, fresh), { with: "python", program: fresh });
  assert.equal(await installer(old), undefined);
});

test("a relative part of PATH names nothing", async () => {
  await program("otp-genesis", "echo otp-genesis 0.1.0");
  process.env.PATH = path.relative(process.cwd(), path.join(folder, "otp-genesis"));
  assert.equal(await thisMachine.find("otp-genesis"), undefined);
});
