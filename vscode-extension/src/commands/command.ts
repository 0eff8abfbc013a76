import type { FindingsView } from "../findings/view";
import type { Session } from "../session";

export interface Around {
  session: Session;
  findings: FindingsView;
}

/** One entry of the palette: `otpGenesis.ui.<name>`. A file in this folder each. */
export interface Command {
  name: string;
  run(around: Around): Promise<unknown>;
}
