import { randomBytes } from "node:crypto";
import { Position, Range, Uri, ViewColumn, type Webview, type WebviewPanel, window, workspace } from "vscode";
import { ask } from "../requests";
import type { Session } from "../session";

interface Tree {
  /** The URI of the folder that every path in the SVG is relative to. */
  root: string;
  svg: string;
}

type Message = { kind: "open"; path: string; line: number } | { kind: "refresh" };

const panels = new Map<string, TreePanel>();

/** The supervision tree of a folder, drawn by the server. A click on a process opens its code. */
export class TreePanel {
  private tree: Tree | undefined;

  private constructor(
    private readonly session: Session,
    private readonly folder: Uri,
    private readonly panel: WebviewPanel,
  ) {
    panel.webview.onDidReceiveMessage((message: Message) => this.receive(message));
    const saved = workspace.onDidSaveTextDocument((document) => {
      if (document.languageId === "elixir" && panel.visible) void this.refresh();
    });
    panel.onDidDispose(() => {
      saved.dispose();
      panels.delete(folder.toString());
    });
  }

  /** Opens the tree of a folder, or brings it to the front, as it is now. */
  static async show(session: Session, folder: Uri): Promise<void> {
    const key = folder.toString();
    const known = panels.get(key);
    if (known) {
      known.panel.reveal();
      return known.refresh();
    }
    const tree = await read(session, folder);
    if (tree === undefined) return;
    const name = folder.path.split("/").at(-1);
    const panel = window.createWebviewPanel(
      "otpGenesis.tree",
      `Supervision Tree: ${name}`,
      ViewColumn.Beside,
      { enableScripts: true, enableFindWidget: true, localResourceRoots: [media(session)] },
    );
    panel.iconPath = Uri.joinPath(media(session), "activity.svg");
    const shown = new TreePanel(session, folder, panel);
    panels.set(key, shown);
    shown.draw(tree);
  }

  private async refresh(): Promise<void> {
    const tree = await read(this.session, this.folder);
    if (tree !== undefined) this.draw(tree);
  }

  private draw(tree: Tree): void {
    if (tree.svg === this.tree?.svg) return;
    this.tree = tree;
    this.panel.webview.html = page(this.panel.webview, media(this.session), tree.svg);
  }

  private async receive(message: Message): Promise<void> {
    if (message.kind === "refresh") return this.refresh();
    const root = this.tree && Uri.parse(this.tree.root);
    if (root === undefined) return;
    const document = await workspace.openTextDocument(Uri.joinPath(root, message.path));
    const start = new Position(Math.max(0, message.line - 1), 0);
    const beside = window.tabGroups.all.find(
      (group) => !group.tabs.some((tab) => tab.label === this.panel.title),
    );
    await window.showTextDocument(document, {
      viewColumn: beside?.viewColumn ?? ViewColumn.Beside,
      selection: new Range(start, start),
    });
  }
}

function media(session: Session): Uri {
  return Uri.joinPath(session.context.extensionUri, "media");
}

function read(session: Session, folder: Uri): Promise<Tree | undefined> {
  const params = { root: folder.toString(), format: "svg", open: false };
  return ask<Tree>(session, "showSupervisionTree", "Show Supervision Tree", params);
}

/** The server's SVG in a page that loads nothing but the extension's own script and style sheet. */
function page(webview: Webview, folder: Uri, svg: string): string {
  const nonce = randomBytes(16).toString("base64");
  const file = (name: string) => webview.asWebviewUri(Uri.joinPath(folder, name));
  const policy = `default-src 'none'; style-src ${webview.cspSource} 'nonce-${nonce}'; script-src 'nonce-${nonce}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<link rel="stylesheet" href="${file("tree.css")}">
<title>Supervision Tree</title>
</head>
<body>
<div id="bar" role="toolbar" aria-label="Supervision tree">
<button id="out" title="Zoom out">−</button>
<button id="reset" title="Original size">100 %</button>
<button id="in" title="Zoom in">+</button>
<button id="fit" title="Fit the whole tree">Fit</button>
<button id="refresh" title="Read the project again">Refresh</button>
<span class="legend">
<span class="application">application</span>
<span class="supervisor">supervisor</span>
<span class="worker">worker</span>
<span class="outside">unsupervised</span>
<span class="loose">dashed: not there from start to end</span>
</span>
</div>
<div id="tree">${svg.replace("<style>", `<style nonce="${nonce}">`)}</div>
<script nonce="${nonce}" src="${file("tree.js")}"></script>
</body>
</html>`;
}
