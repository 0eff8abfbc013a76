import { Uri, window, workspace } from "vscode";
import { countByPhase, counted } from "../findings/model";
import { shownFindings } from "../findings/shown";
import { phases } from "../generated.json";
import { chooseFolder } from "../projects";
import { ask } from "../requests";
import type { Command } from "./command";
import { generatePlan } from "./generate_plan";

export const runPhase: Command = {
  name: "runPhase",
  async run(around) {
    const folder = await chooseFolder();
    if (folder === undefined) return;
    const counts = countByPhase(shownFindings(folder));
    const items = phases.map((phase) => ({
      label: `Phase ${phase.number}: ${phase.title}`,
      description: counted(counts.get(phase.number) ?? 0),
      phase: phase.number,
    }));
    const placeHolder = "Which phase? Each change is compiled and tested in a copy before it is made";
    const chosen = await window.showQuickPick(items, { placeHolder, title: "Run Refactor Phase" });
    if (chosen === undefined || !(await hasPlan(folder, around))) return;
    const params = { phase: chosen.phase, root: folder.toString() };
    return around.session.withoutQuestions(() =>
      ask(around.session, "runPhase", "Run Refactor Phase", params),
    );
  },
};

/** The phases are those of the plan: without one, it is made first, if the user wants it. */
async function hasPlan(folder: Uri, around: Parameters<Command["run"]>[0]): Promise<boolean> {
  const plan = Uri.joinPath(folder, ".otp-genesis", "plan", "README.md");
  if (await exists(plan)) return true;
  const question = "OTP-Genesis: there is no plan yet, whose phase could be run.";
  const way = "Generate Refactor Plan…";
  if ((await window.showInformationMessage(question, way)) !== way) return false;
  return (await generatePlan.run(around)) !== undefined;
}

async function exists(file: Uri): Promise<boolean> {
  return workspace.fs.stat(file).then(
    () => true,
    () => false,
  );
}
