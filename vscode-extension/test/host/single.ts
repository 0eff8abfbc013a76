/** One trusted folder, `otp-genesis` on PATH: the main job. */

import * as assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as vscode from "vscode";
import {
  actions,
  api,
  codeOf,
  edit,
  file,
  running,
  saveAll,
  servers,
  squiggle,
  squiggles,
  until,
} from "./asking";
import { suite } from "./running";

const CHECKOUT = "lib/shaky_shop/checkout.ex";
const APPLICATION = "lib/shaky_shop/application.ex";
const SAFE = "test/shaky_shop/payments_test.exs";

export const run = suite(() => {
  it("starts the server that is on PATH, and says each step", async () => {
    const ours = await running();
    assert.ok(ours.state.kind === "running");
    assert.equal(ours.state.found.origin, "PATH");
    assert.equal(
      ours.state.version,
      vscode.extensions.getExtension("otp-genesis.otp-genesis")?.packageJSON.version,
    );
    const log = ours.log.join("\n");
    assert.match(log, /1\. setting otpGenesis\.server\.path: not set/);
    assert.match(log, /2\. PATH: \/.+\/otp-genesis, version /);
  });

  it("has every command that it declares", async () => {
    const manifest = vscode.extensions.getExtension("otp-genesis.otp-genesis")?.packageJSON;
    const known = new Set(await vscode.commands.getCommands());
    const declared: { command: string }[] = manifest.contributes.commands;
    assert.deepEqual(
      declared.map((one) => one.command).filter((name) => !known.has(name)),
      [],
    );
  });

  it("shows findings in files that nobody opened", async () => {
    await until("findings", () => squiggles(file(CHECKOUT), "OTP101").length === 1);
    assert.equal(vscode.window.visibleTextEditors.length, 0);
  });

  it("shows a squiggle on the call, with the rule's page behind its code", async () => {
    const document = await edit(file(CHECKOUT));
    assert.equal(document.languageId, "elixir");
    const spawn = await squiggle(document.uri, "OTP101");
    assert.equal(document.getText(spawn.range), "spawn");
    assert.ok(typeof spawn.code === "object" && spawn.code.target.path.endsWith("/OTP101.md"));
  });

  it("fixes it over two files, each undone in one step", async () => {
    const document = await edit(file(CHECKOUT));
    const before = new Map(
      [CHECKOUT, APPLICATION].map((path) => [path, readFileSync(file(path).fsPath, "utf8")]),
    );
    const spawn = await squiggle(document.uri, "OTP101");
    const offered = await actions(document.uri, spawn.range);
    const fix = offered.find((one) => one.title.startsWith("Fix with OTP-Genesis: "));
    assert.ok(fix?.edit, offered.map((one) => one.title).join("\n"));
    const touched = fix.edit.entries().map(([uri]) => vscode.workspace.asRelativePath(uri));
    assert.deepEqual(touched.sort(), [APPLICATION, CHECKOUT], fix.title);
    assert.ok(await vscode.workspace.applyEdit(fix.edit));
    assert.ok(document.getText().includes("Task.Supervisor.start_child(ShakyShop.TaskSupervisor, fn ->"));
    await until("no squiggle", () => squiggles(document.uri, "OTP101").length === 0);
    await saveAll();
    const application = readFileSync(file(APPLICATION).fsPath, "utf8");
    assert.equal(application.split("{Task.Supervisor, name: ShakyShop.TaskSupervisor}").length, 2);
    for (const [path, text] of before) {
      const changed = await edit(file(path));
      await vscode.commands.executeCommand("undo");
      assert.equal(changed.getText(), text);
      await changed.save();
    }
    await until("the squiggle again", () => squiggles(document.uri, "OTP101").length === 1);
  });

  it("fixes all safe problems of a file, and says when there are none", async () => {
    const document = await edit(file(SAFE));
    await until("findings", () => squiggles(document.uri, "OTP410").length === 2);
    await vscode.commands.executeCommand("otpGenesis.ui.fixAll");
    await until("fixed", () => squiggles(document.uri, "OTP410").length === 0);
    assert.ok(document.isDirty);
    await vscode.commands.executeCommand("workbench.action.files.revert");
    await edit(file("lib/shaky_shop/settings.ex"));
    assert.equal(await vscode.commands.executeCommand("otpGenesis.ui.fixAll"), undefined);
  });

  it("hovers over a finding and over a process", async () => {
    const document = await edit(file(CHECKOUT));
    const spawn = await squiggle(document.uri, "OTP101");
    const hovers = await vscode.commands.executeCommand<vscode.Hover[]>(
      "vscode.executeHoverProvider",
      document.uri,
      spawn.range.start,
    );
    const text = hovers.flatMap((one) => one.contents).map((one) => (one as vscode.MarkdownString).value);
    assert.match(text.join("\n"), /\*\*OTP101\*\* unsupervised-spawn/);
  });

  it("follows the settings", async () => {
    const settings = vscode.workspace.getConfiguration("otpGenesis");
    const document = await edit(file(CHECKOUT));
    const least = () =>
      squiggles(document.uri).some((one) => one.severity === vscode.DiagnosticSeverity.Information);
    await until("information", least);
    await settings.update("minimumSeverity", "warning", vscode.ConfigurationTarget.Workspace);
    await until("warnings only", () => !least());
    assert.ok(squiggles(document.uri).length > 0);
    await settings.update("minimumSeverity", undefined, vscode.ConfigurationTarget.Workspace);
    await until("information again", least);
  });

  it("writes a plan, and looks after its documents but no other Markdown", async () => {
    await vscode.workspace.fs.writeFile(file("NOTES.md"), Buffer.from("# Notes\n"));
    const ours = await running();
    assert.ok(ours.state.kind === "running");
    const uris = await vscode.commands.executeCommand<string[]>("otpGenesis.generatePlan", {
      goal: "Survive any crash",
      root: file("").toString(),
    });
    const overview = uris[0];
    assert.ok(overview?.endsWith("/.otp-genesis/plan/README.md"));
    await until("the overview", () => vscode.window.activeTextEditor?.document.uri.toString() === overview);
    assert.match(vscode.window.activeTextEditor?.document.getText() ?? "", /Survive any crash/);
    const selector = { scheme: "file", language: "markdown", pattern: "**/.otp-genesis/plan/*.md" };
    assert.ok(vscode.languages.match(selector, await edit(vscode.Uri.parse(String(overview)))));
    assert.equal(vscode.languages.match(selector, await edit(file("NOTES.md"))), 0);
  });

  it("draws the supervision tree", async () => {
    await edit(file(CHECKOUT));
    await vscode.commands.executeCommand("otpGenesis.ui.showSupervisionTree");
    const tabs = () => vscode.window.tabGroups.all.flatMap((group) => group.tabs).map((tab) => tab.label);
    await until("the panel", () => tabs().includes("Supervision Tree: shaky_shop"));
    await vscode.commands.executeCommand("workbench.action.closeAllEditors");
  });

  it("tells its whole state for a bug report, and no key", async () => {
    const text = await vscode.commands.executeCommand<string>("otpGenesis.ui.copyDebugInfo");
    assert.equal(await vscode.env.clipboard.readText(), text);
    assert.match(text, /server from: PATH, `\/.+\/otp-genesis`/);
    assert.match(text, /1 folders, trusted/);
  });

  it("starts a server that crashed again, and shows what it finds", async () => {
    const [server] = servers();
    assert.ok(server);
    process.kill(server, "SIGKILL");
    const ours = await api();
    await until("a new server", () => servers().some((id) => id !== server) && ours.state.kind === "running");
    const document = await edit(file(CHECKOUT));
    await until("findings", () => squiggles(document.uri).map(codeOf).includes("OTP101"));
  });

  it("gives up on one that crashes again and again, until it is restarted", async () => {
    const ours = await api();
    const killed = new Set<number>();
    await until("it is given up", () => {
      for (const id of servers().filter((one) => !killed.has(one))) {
        killed.add(id);
        process.kill(id, "SIGKILL");
      }
      return ours.state.kind === "failed";
    });
    assert.ok(killed.size <= 5, `${killed.size} servers were started`);
    await vscode.commands.executeCommand("otpGenesis.ui.restart");
    await running();
    assert.equal(servers().length, 1);
  });
});
