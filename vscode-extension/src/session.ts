import * as path from "node:path";
import { commands, type Disposable, EventEmitter, type ExtensionContext, workspace } from "vscode";
import { type LanguageClient, State } from "vscode-languageclient/node";
import { makeClient } from "./client";
import { worded } from "./failures";
import { serverEnvironment } from "./keys";
import type { Log } from "./log";
import { ProgressBars } from "./progress_bars";
import { discover, type Found, type Missing } from "./server/discovery";
import { ownEnvironment } from "./server/install";
import { thisMachine } from "./server/machine";
import { configuredCommand, SECTION } from "./settings";

export type ServerState =
  | { kind: "starting"; found: Found | undefined }
  | { kind: "running"; found: Found; version: string }
  | { kind: "missing"; missing: Missing }
  | { kind: "failed"; reason: string }
  | { kind: "stopped" };

/** The life of the server: where it is taken from, and whether it runs. There is one for all folders. */
export class Session implements Disposable {
  state: ServerState = { kind: "stopped" };
  /** What the server is busy with, in its own words. */
  busy: string | undefined;
  client: LanguageClient | undefined;

  /** What the last work with a model cost, in the server's words. */
  spent: string | undefined;
  private unattended = 0;

  private readonly changed = new EventEmitter<void>();
  /** The state, or what the server is busy with. */
  readonly onDidChange = this.changed.event;

  private readonly bars = new ProgressBars(
    () => this.client,
    (title) => {
      this.busy = title?.replace(/^OTP-Genesis: /, "");
      this.changed.fire();
    },
  );
  private restarting: Promise<void> | undefined;
  private again = false;

  constructor(
    readonly context: ExtensionContext,
    readonly log: Log,
  ) {}

  get version(): string {
    return this.context.extension.packageJSON.version;
  }

  /** The extension's own environment for the server, made or not. */
  get own() {
    return ownEnvironment(this.context.globalStorageUri.fsPath, this.version);
  }

  get bundled(): string {
    return path.join(this.context.extensionPath, "bundled");
  }

  /** Starts the server anew. While that goes on, one more restart at most waits. */
  restart(): Promise<void> {
    if (this.restarting !== undefined) {
      this.again = true;
      return this.restarting;
    }
    this.restarting = this.restartNow().finally(() => {
      this.restarting = undefined;
    });
    return this.restarting;
  }

  /** Waits while the server is being started. */
  async settled(): Promise<void> {
    await this.restarting;
  }

  /** While `work` goes on, the server's edits are applied without a question. */
  async withoutQuestions<T>(work: () => Promise<T>): Promise<T> {
    this.unattended++;
    try {
      return await work();
    } finally {
      this.unattended--;
    }
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.bars.clear();
    if (client === undefined) return;
    try {
      await client.dispose();
    } catch (error) {
      this.log.warn(`stopping the server: ${worded(error)}`);
    }
  }

  dispose(): void {
    this.changed.dispose();
  }

  private async restartNow(): Promise<void> {
    do {
      this.again = false;
      await this.stop();
      await this.start();
    } while (this.again);
  }

  private async start(): Promise<void> {
    this.become({ kind: "starting", found: undefined });
    const trusted = workspace.isTrusted;
    const outcome = await discover(
      thisMachine,
      { configured: configuredCommand(), trusted, own: this.own.program, minimum: this.version },
      (line) => this.log.info(`looking for the server: ${line}`),
    );
    if (outcome.kind === "missing") {
      this.log.error(`no server: ${outcome.reason}`);
      this.become({ kind: "missing", missing: outcome });
      return;
    }
    const environment = await serverEnvironment(this.context.secrets, trusted);
    const client = makeClient(outcome, {
      log: this.log,
      bars: this.bars,
      environment,
      isUnattended: () => this.unattended > 0,
      ended: (again) => this.ended(client, outcome, again),
    });
    client.onDidChangeState(({ newState }) => {
      if (client === this.client && newState === State.Running) this.runs(client, outcome);
    });
    this.client = client;
    this.become({ kind: "starting", found: outcome });
    try {
      await client.start();
    } catch (error) {
      if (client !== this.client) return;
      const reason = `the server does not start: ${worded(error)}`;
      this.log.error(reason);
      this.become({ kind: "failed", reason });
    }
  }

  private runs(client: LanguageClient, found: Found): void {
    const version = client.initializeResult?.serverInfo?.version ?? found.version;
    this.log.info(`the server runs: version ${version}, from ${found.origin}: ${found.command.join(" ")}`);
    this.become({ kind: "running", found, version });
  }

  private ended(client: LanguageClient, found: Found, again: boolean): void {
    if (client !== this.client) return;
    this.bars.clear();
    this.become(
      again
        ? { kind: "starting", found }
        : { kind: "failed", reason: "the server ended by itself again and again: the log says why" },
    );
  }

  private become(state: ServerState): void {
    this.state = state;
    void commands.executeCommand("setContext", `${SECTION}.server`, state.kind);
    this.changed.fire();
  }
}
