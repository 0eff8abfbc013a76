import { QuickPickItemKind, RelativePattern, type Uri, window, workspace } from "vscode";
import { pipelines } from "../generated.json";
import { chooseFolder } from "../projects";
import { ask } from "../requests";
import type { Command } from "./command";

export const runPipeline: Command = {
  name: "runPipeline",
  async run({ session }) {
    const folder = await chooseFolder();
    if (folder === undefined) return;
    const pipeline = await choosePipeline(folder);
    if (pipeline === undefined) return;
    const prompt = await window.showInputBox({
      title: "Run Pipeline",
      prompt: "What should it reach? May be left empty.",
      placeHolder: "Survive the loss of the payment gateway",
    });
    if (prompt === undefined) return;
    const params = { pipeline, prompt: prompt || null, root: folder.toString() };
    return ask(session, "runPipeline", "Run Pipeline", params);
  },
};

/** The name of a built-in pipeline, or the URI of a file. */
async function choosePipeline(folder: Uri): Promise<string | undefined> {
  const pattern = new RelativePattern(folder, ".otp-genesis/pipelines/**/*.{yaml,yml}");
  const files = await workspace.findFiles(pattern, null);
  const items = [
    { label: "This project's", kind: QuickPickItemKind.Separator },
    ...files.map((uri) => ({ label: workspace.asRelativePath(uri, false), pipeline: uri.toString() })),
    { label: "Built in", kind: QuickPickItemKind.Separator },
    ...pipelines.map(({ name, description }) => ({ label: name, detail: description, pipeline: name })),
    { label: "", kind: QuickPickItemKind.Separator },
    { label: "Another file…", pipeline: undefined },
  ];
  const chosen = await window.showQuickPick(items, { title: "Run Pipeline", placeHolder: "Which pipeline?" });
  if (chosen === undefined || !("pipeline" in chosen)) return undefined;
  if (chosen.pipeline !== undefined) return chosen.pipeline;
  const picked = await window.showOpenDialog({ filters: { Pipelines: ["yaml", "yml"] }, defaultUri: folder });
  return picked?.[0]?.toString();
}
