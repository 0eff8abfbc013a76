import * as path from "node:path";
import {
  Disposable,
  EventEmitter,
  type ExtensionContext,
  languages,
  MarkdownString,
  ThemeColor,
  ThemeIcon,
  type TreeDataProvider,
  TreeItem,
  TreeItemCollapsibleState,
  window,
} from "vscode";
import { counted, GROUPINGS, type Group, type Grouping, grouped, type Severity } from "./model";
import { type Shown, shownFindings } from "./shown";

type Node = Group<Shown> | Shown;

const GATHER_MILLISECONDS = 100;
const ICONS: Record<Severity, ThemeIcon> = {
  error: new ThemeIcon("error", new ThemeColor("problemsErrorIcon.foreground")),
  warning: new ThemeIcon("warning", new ThemeColor("problemsWarningIcon.foreground")),
  information: new ThemeIcon("info", new ThemeColor("problemsInfoIcon.foreground")),
  hint: new ThemeIcon("lightbulb"),
};

/** The view “OTP findings”: all findings of the workspace in groups, with their numbers. */
export class FindingsView implements TreeDataProvider<Node>, Disposable {
  private readonly changed = new EventEmitter<void>();
  readonly onDidChangeTreeData = this.changed.event;
  private readonly view = window.createTreeView<Node>("otpGenesis.findings", {
    treeDataProvider: this,
    showCollapseAll: true,
  });
  private readonly listening: Disposable;
  private waiting: NodeJS.Timeout | undefined;

  constructor(private readonly context: ExtensionContext) {
    this.listening = languages.onDidChangeDiagnostics(() => {
      this.waiting ??= setTimeout(() => this.refresh(), GATHER_MILLISECONDS);
    });
    this.refresh();
  }

  get grouping(): Grouping {
    const kept = this.context.workspaceState.get<Grouping>("findings.grouping");
    return kept !== undefined && GROUPINGS.includes(kept) ? kept : "phase";
  }

  async group(by: Grouping): Promise<void> {
    await this.context.workspaceState.update("findings.grouping", by);
    this.refresh();
  }

  getChildren(node?: Node): Node[] {
    if (node === undefined) return grouped(shownFindings(), this.grouping);
    return "children" in node ? [...node.children] : [];
  }

  getTreeItem(node: Node): TreeItem {
    return "children" in node ? groupItem(node) : findingItem(node);
  }

  dispose(): void {
    clearTimeout(this.waiting);
    Disposable.from(this.listening, this.view, this.changed).dispose();
  }

  private refresh(): void {
    this.waiting = undefined;
    const count = shownFindings().length;
    this.view.description = count === 0 ? undefined : `${count}, by ${this.grouping}`;
    this.view.badge = count === 0 ? undefined : { value: count, tooltip: counted(count) };
    this.changed.fire();
  }
}

function groupItem(group: Group<Shown>): TreeItem {
  const item = new TreeItem(group.label, TreeItemCollapsibleState.Collapsed);
  item.id = group.key;
  item.description = String(group.count);
  item.iconPath = ICONS[group.worst];
  item.tooltip = `${group.label}: ${counted(group.count)}`;
  return item;
}

function findingItem(one: Shown): TreeItem {
  const item = new TreeItem(`${path.posix.basename(one.path)}:${one.line}`);
  item.description = one.message;
  item.iconPath = ICONS[one.severity];
  item.tooltip = new MarkdownString().appendText(
    `${one.code} ${one.name}\n${one.path}:${one.line}\n\n${one.message}`,
  );
  const options = { selection: one.range };
  item.command = { command: "vscode.open", title: "Open", arguments: [one.uri, options] };
  return item;
}
