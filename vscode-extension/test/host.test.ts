/** The suites that run where extensions run, in the real editor, against the installed `.vsix`. */

import * as assert from "node:assert/strict";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import * as path from "node:path";
import { after, before, test } from "node:test";
import { assertInstalled, OWN_SERVER, ROOT, scratch, shop, type Wanted, Workbench } from "./workbench";

let folder: string;

before(async () => {
  assertInstalled();
  folder = await scratch();
});

after(() => rm(folder, { recursive: true, force: true }));

async function passes(suite: string, wanted: Wanted): Promise<void> {
  const workbench = await Workbench.start({ ...wanted, inside: true });
  try {
    const { status, said } = await workbench.runInside(suite);
    console.log(`${suite}:\n${said}`);
    if (status !== 0) await workbench.picture(`failed-${suite}`);
    assert.equal(status, 0);
  } finally {
    await workbench.stop();
  }
}

test("a folder with the server on PATH", async () => {
  await passes("single", { opened: await shop(path.join(folder, "single")) });
});

test("several folders", async () => {
  const inside = path.join(folder, "multi");
  for (const name of ["first", "second", "third"]) await shop(inside, name);
  const opened = path.join(inside, "shops.code-workspace");
  await writeFile(opened, JSON.stringify({ folders: [{ path: "first" }, { path: "second" }] }));
  await passes("multi", { opened });
});

test("a folder that is not trusted", async () => {
  const opened = await shop(path.join(folder, "untrusted"));
  const program = path.join(opened, "otp-genesis");
  await writeFile(program, '#!/bin/sh\ntouch "$(dirname "$0")/i_was_run"\n');
  await chmod(program, 0o755);
  await mkdir(path.join(opened, ".vscode"));
  const settings = { "otpGenesis.server.path": [program] };
  await writeFile(path.join(opened, ".vscode", "settings.json"), JSON.stringify(settings));
  const environment = { ANTHROPIC_API_KEY: "a-key-for-tests" };
  await passes("untrusted", { opened, trusted: false, environment });
});

test("a machine without the server", async () => {
  const opened = await shop(path.join(folder, "missing"));
  const programs = path.join(folder, "programs");
  await mkdir(programs);
  const uv = path.join(programs, "uv");
  await writeFile(uv, `#!/bin/sh\nexec ${OWN_SERVER}/uv "$@"\n`);
  await chmod(uv, 0o755);
  const environment = {
    PATH: [programs, "/usr/local/bin", "/usr/bin", "/bin"].join(path.delimiter),
    UV_CACHE_DIR: process.env.UV_CACHE_DIR ?? path.join(ROOT, "build", "uv-cache"),
  };
  await passes("missing", { opened, environment });
});
