import { type LogOutputChannel, window } from "vscode";

/** What the extension did and why, for the user's eyes and for a bug report. */
export class Log {
  readonly channel: LogOutputChannel = window.createOutputChannel("OTP-Genesis", { log: true });
  private readonly lines: string[] = [];

  info(line: string): void {
    this.keep(line);
    this.channel.info(line);
  }

  warn(line: string): void {
    this.keep(line);
    this.channel.warn(line);
  }

  error(line: string): void {
    this.keep(line);
    this.channel.error(line);
  }

  /** The newest lines, the last at the end. */
  recent(): readonly string[] {
    return this.lines;
  }

  show(): void {
    this.channel.show(true);
  }

  dispose(): void {
    this.channel.dispose();
  }

  private keep(line: string): void {
    this.lines.push(line);
    if (this.lines.length > 200) this.lines.shift();
  }
}
