/** Several folders: one server for all of them. */

import * as assert from "node:assert/strict";
import * as vscode from "vscode";
import { edit, file, running, servers, squiggle, squiggles, until } from "./asking";
import { suite } from "./running";

const CHECKOUT = "lib/shaky_shop/checkout.ex";

export const run = suite(() => {
  it("finds in each folder, with one server", async () => {
    await running();
    for (const folder of [0, 1]) {
      await until(
        `findings in folder ${folder}`,
        () => squiggles(file(CHECKOUT, folder), "OTP101").length === 1,
      );
    }
    assert.equal(servers().length, 1);
  });

  it("fixes in the folder of the file", async () => {
    const document = await edit(file(CHECKOUT, 1));
    const spawn = await squiggle(document.uri, "OTP101");
    const offered = await vscode.commands.executeCommand<vscode.CodeAction[]>(
      "vscode.executeCodeActionProvider",
      document.uri,
      spawn.range,
      "quickfix",
      5,
    );
    const touched = offered[0]?.edit
      ?.entries()
      .map(([uri]) => vscode.workspace.getWorkspaceFolder(uri)?.index);
    assert.deepEqual(touched, [1, 1]);
  });

  it("takes in a folder that is added, and forgets one that is removed", async () => {
    const [first, second] = vscode.workspace.workspaceFolders ?? [];
    assert.ok(first && second);
    const third = vscode.Uri.joinPath(second.uri, "..", "third");
    vscode.workspace.updateWorkspaceFolders(2, 0, { uri: third });
    const added = vscode.Uri.joinPath(third, CHECKOUT);
    await until("findings in the new folder", () => squiggles(added, "OTP101").length === 1);
    vscode.workspace.updateWorkspaceFolders(2, 1);
    await until("none any more", () => squiggles(added).length === 0);
  });
});
