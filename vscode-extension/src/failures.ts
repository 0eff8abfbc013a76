/** What is said when the server did not do what it was asked for. No word of VS Code here. */

const METHOD_NOT_FOUND = -32601;
const REQUEST_CANCELLED = -32800;
const SERVER_CANCELLED = -32802;

/** In one sentence; undefined when the user cancelled it, and knows. */
export function failure(error: unknown, title: string, version: string): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  if (code === REQUEST_CANCELLED || code === SERVER_CANCELLED) return undefined;
  if (code === METHOD_NOT_FOUND) {
    return `this server (version ${version}) does not know “${title}”: install a newer one`;
  }
  return `${title}: ${worded(error)}`;
}

export function worded(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
