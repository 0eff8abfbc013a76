import { CancellationTokenSource, commands, Uri, workspace } from "vscode";
import {
  CloseAction,
  type CodeAction,
  CodeActionResolveRequest,
  ErrorAction,
  type ErrorHandler,
  LanguageClient,
  type LanguageClientOptions,
  type Middleware,
  RevealOutputChannelOn,
  type ShowDocumentRequest,
} from "vscode-languageclient/node";
import type { Log } from "./log";
import { confirmed, ticked } from "./preview";
import type { ProgressBars } from "./progress_bars";
import type { Found } from "./server/discovery";
import { SECTION } from "./settings";

/** Elixir, and of all Markdown the plan that the server writes. */
export const DOCUMENTS = [
  { scheme: "file", language: "elixir" },
  { scheme: "file", language: "markdown", pattern: "**/.otp-genesis/plan/*.md" },
];

const RESTARTS = 4;
const NOT_CANCELLED = new CancellationTokenSource().token;

export interface Surroundings {
  log: Log;
  bars: ProgressBars;
  environment: NodeJS.ProcessEnv;
  /** The server is at work that the user has agreed to as a whole: its edits are applied without a question. */
  isUnattended(): boolean;
  /** The server ended by itself; `again` when it is started anew. */
  ended(again: boolean): void;
}

export function makeClient(found: Found, around: Surroundings): LanguageClient {
  const [command = "", ...before] = found.command;
  const options: LanguageClientOptions = {
    documentSelector: DOCUMENTS,
    initializationOptions: () => ({
      workspaceTrust: workspace.isTrusted,
      rulePages: workspace.getConfiguration(SECTION).get("rulePages"),
    }),
    diagnosticPullOptions: { onChange: true, onSave: true, onFocus: true },
    outputChannel: around.log.channel,
    revealOutputChannelOn: RevealOutputChannelOn.Never,
    initializationFailedHandler: () => false,
    markdown: { isTrusted: false, supportThemeIcons: true },
    middleware: {
      handleWorkDoneProgress: around.bars.handle,
      sendRequest,
      workspace: {
        handleApplyEdit: ({ edit, ...rest }, next) =>
          next({ ...rest, edit: around.isUnattended() ? confirmed(edit) : ticked(edit) }, NOT_CANCELLED),
      },
      window: { showDocument },
    },
  };
  const server = { command, args: [...before, "lsp", "--stdio"], options: { env: around.environment } };
  const client = new LanguageClient(SECTION, "OTP-Genesis Messages", server, options);
  client.clientOptions.errorHandler = errorHandler(client.createDefaultErrorHandler(RESTARTS), around);
  return client;
}

/** Starts a server that ended again, but not for ever, and leaves it to us to say so. */
function errorHandler(usual: ErrorHandler, around: Surroundings): ErrorHandler {
  return {
    error: async (error, message, count) => {
      around.log.error(`the connection to the server: ${error.message}`);
      const result = await usual.error(error, message, count);
      if (result.action === ErrorAction.Shutdown) around.ended(false);
      return { action: result.action, handled: true };
    },
    closed: async () => {
      const again = (await usual.closed()).action === CloseAction.Restart;
      around.log.warn(`the server ended by itself: ${again ? "it is started again" : "too often now"}`);
      around.ended(again);
      return { action: again ? CloseAction.Restart : CloseAction.DoNotRestart, handled: true };
    },
  };
}

/** What the light bulb offers is shown as the whole that it is. */
const sendRequest: Middleware["sendRequest"] = async (type, param, token, next) => {
  const result = await next(type, param, token);
  const method = typeof type === "string" ? type : type.method;
  const action = result as CodeAction | null;
  if (method === CodeActionResolveRequest.method && action?.edit) action.edit = ticked(action.edit);
  return result;
};

/** What the server writes about the code is read, not edited: a report, the evidence of a change, a rule's page. */
const showDocument: ShowDocumentRequest.MiddlewareSignature = async (params, token, next) => {
  const uri = Uri.parse(params.uri);
  const toRead = uri.scheme === "otp-genesis" || uri.path.includes("/otp-genesis/rules/");
  if (!toRead || !uri.path.endsWith(".md")) return next(params, token);
  const beside = params.takeFocus === false;
  await commands.executeCommand(beside ? "markdown.showPreviewToSide" : "markdown.showPreview", uri);
  return { success: true };
};
