/** A machine with no otp-genesis, but with uv: from nothing to the first fix. */

import * as assert from "node:assert/strict";
import * as vscode from "vscode";
import { actions, api, edit, file, running, saveAll, squiggle, squiggles, until } from "./asking";
import { suite } from "./running";

const CHECKOUT = "lib/shaky_shop/checkout.ex";

export const run = suite(() => {
  it("says that there is no server, and what it could be installed with", async () => {
    const ours = await api();
    await until("it has looked", () => ours.state.kind === "missing");
    assert.ok(ours.state.kind === "missing");
    assert.match(ours.state.missing.reason, /no otp-genesis on PATH/);
    assert.equal(ours.state.missing.installer?.with, "uv");
    assert.match(
      ours.log.join("\n"),
      /2\. otp-genesis on PATH: none\n.*3\. own environment: .*there is no program/,
    );
  });

  it("says what is wrong with the user's own command, and takes no other instead", async () => {
    const ours = await api();
    const settings = vscode.workspace.getConfiguration("otpGenesis");
    await settings.update("server.path", ["/nowhere/otp-genesis"], vscode.ConfigurationTarget.Workspace);
    await until("it has looked", () => ours.state.kind === "missing" && ours.state.missing.setting);
    assert.ok(ours.state.kind === "missing");
    assert.match(ours.state.missing.reason, /“\/nowhere\/otp-genesis”, but there is no program/);
    await settings.update("server.path", undefined, vscode.ConfigurationTarget.Workspace);
    await until("it has looked again", () => ours.state.kind === "missing" && !ours.state.missing.setting);
  });

  it("installs its own server, which finds and fixes", async () => {
    await vscode.commands.executeCommand("otpGenesis.ui.installServer");
    const ours = await running();
    assert.ok(ours.state.kind === "running");
    assert.equal(ours.state.found.origin, "own environment");
    const document = await edit(file(CHECKOUT));
    const spawn = await squiggle(document.uri, "OTP101");
    const fix = (await actions(document.uri, spawn.range)).find((one) => one.edit);
    assert.ok(fix?.edit && (await vscode.workspace.applyEdit(fix.edit)));
    await until("no squiggle", () => squiggles(document.uri, "OTP101").length === 0);
    await saveAll();
  }).timeout(180_000);
});
