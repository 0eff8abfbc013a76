import { type Diagnostic, DiagnosticSeverity, languages, type Range, type Uri, workspace } from "vscode";
import { isBelow } from "../projects";
import type { Found, Severity } from "./model";

export interface Shown extends Found {
  uri: Uri;
  range: Range;
}

const SEVERITIES: Record<DiagnosticSeverity, Severity> = {
  [DiagnosticSeverity.Error]: "error",
  [DiagnosticSeverity.Warning]: "warning",
  [DiagnosticSeverity.Information]: "information",
  [DiagnosticSeverity.Hint]: "hint",
};

/** The findings that the editor shows now, of all files or of those in a folder. */
export function shownFindings(folder?: Uri): Shown[] {
  return languages
    .getDiagnostics()
    .filter(([uri]) => folder === undefined || isBelow(uri, folder))
    .flatMap(([uri, all]) => all.filter((one) => one.source === "otp-genesis").map((one) => shown(uri, one)));
}

function shown(uri: Uri, diagnostic: Diagnostic): Shown {
  const { code } = diagnostic;
  const data =
    "data" in diagnostic ? (diagnostic.data as { name?: string; module?: string } | undefined) : undefined;
  return {
    code: String(typeof code === "object" ? code.value : (code ?? "")),
    name: data?.name ?? "",
    module: data?.module ?? "",
    message: diagnostic.message,
    severity: SEVERITIES[diagnostic.severity],
    path: workspace.asRelativePath(uri),
    line: diagnostic.range.start.line + 1,
    uri,
    range: diagnostic.range,
  };
}
