/** A folder that the user does not trust, and that names a program of its own as the server. */

import * as assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import * as vscode from "vscode";
import { file, running, servers, squiggles, until } from "./asking";
import { suite } from "./running";

export const run = suite(() => {
  it("finds, and runs nothing that the folder brings along", async () => {
    assert.equal(vscode.workspace.isTrusted, false);
    const ours = await running();
    assert.ok(ours.state.kind === "running");
    assert.equal(ours.state.found.origin, "PATH");
    await until("findings", () => squiggles(file("lib/shaky_shop/checkout.ex"), "OTP101").length === 1);
    assert.ok(!existsSync(file("i_was_run").fsPath));
  });

  it("hands no key to the server", () => {
    assert.equal(process.env.ANTHROPIC_API_KEY, "a-key-for-tests");
    const [server] = servers();
    assert.doesNotMatch(readFileSync(`/proc/${server}/environ`, "utf8"), /a-key-for-tests/);
  });
});
