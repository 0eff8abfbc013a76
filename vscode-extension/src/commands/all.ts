import { fixAll } from "./fix_all";
import { generatePlan } from "./generate_plan";
import { generateTest } from "./generate_test";
import * as housekeeping from "./housekeeping";
import { installServer } from "./install_server";
import { runPhase } from "./run_phase";
import { runPipeline } from "./run_pipeline";
import { setApiKey } from "./set_api_key";
import { showSupervisionTree } from "./show_supervision_tree";
import { verify } from "./verify";

/** The palette. */
export const allCommands = [
  runPhase,
  generatePlan,
  runPipeline,
  generateTest,
  verify,
  showSupervisionTree,
  fixAll,
  setApiKey,
  installServer,
  ...Object.values(housekeeping),
];
