import { type Progress, ProgressLocation, window } from "vscode";
import {
  type BaseLanguageClient,
  type HandleWorkDoneProgressSignature,
  type ProgressToken,
  type WorkDoneProgressBegin,
  WorkDoneProgressCancelNotification,
  type WorkDoneProgressEnd,
  type WorkDoneProgressReport,
} from "vscode-languageclient/node";

interface Bar {
  progress: Progress<{ message?: string; increment?: number }> | undefined;
  shown: number;
  end: () => void;
}

/**
 * What the server is busy with. Work that can be cancelled gets a notification with a button, since the
 * status bar, where the client shows progress by itself, has none.
 */
export class ProgressBars {
  private readonly bars = new Map<ProgressToken, Bar>();
  private readonly titles = new Map<ProgressToken, string>();

  /** `changed` is told what the server is busy with, or nothing. */
  constructor(
    private readonly client: () => BaseLanguageClient | undefined,
    private readonly changed: (title: string | undefined) => void,
  ) {}

  readonly handle = (
    token: ProgressToken,
    value: WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd,
    next: HandleWorkDoneProgressSignature,
  ): void => {
    if (value.kind === "begin") this.titles.set(token, value.title);
    if (value.kind === "end") this.titles.delete(token);
    if (value.kind !== "report") this.changed([...this.titles.values()].at(-1));
    const bar = this.bars.get(token);
    if (value.kind === "begin" && value.cancellable) {
      this.open(token, value);
    } else if (value.kind === "report" && bar) {
      report(bar, value);
    } else {
      bar?.end();
      next(token, value);
    }
  };

  /** The server is gone: nothing that it was busy with goes on. */
  clear(): void {
    for (const bar of [...this.bars.values()]) bar.end();
    this.titles.clear();
    this.changed(undefined);
  }

  private open(token: ProgressToken, begin: WorkDoneProgressBegin): void {
    const options = { location: ProgressLocation.Notification, title: begin.title, cancellable: true };
    const bar: Bar = { progress: undefined, shown: 0, end: () => undefined };
    this.bars.set(token, bar);
    const ended = new Promise<void>((resolve) => {
      bar.end = () => {
        this.bars.delete(token);
        resolve();
      };
    });
    void window.withProgress(options, (progress, cancelled) => {
      bar.progress = progress;
      report(bar, begin);
      cancelled.onCancellationRequested(() => {
        void this.client()?.sendNotification(WorkDoneProgressCancelNotification.type, { token });
      });
      return ended;
    });
  }
}

function report(bar: Bar, value: WorkDoneProgressBegin | WorkDoneProgressReport): void {
  const percentage = Math.min(value.percentage ?? bar.shown, 100);
  const increment = Math.max(0, percentage - bar.shown);
  bar.shown += increment;
  bar.progress?.report({ message: value.message, increment });
}
