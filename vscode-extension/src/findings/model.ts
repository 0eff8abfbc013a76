/** Findings as groups of groups. No word of VS Code here. */

import { phases } from "../generated.json";

export type Severity = "error" | "warning" | "information" | "hint";

export interface Found {
  code: string;
  /** Of the rule: `unsupervised-spawn`; empty where the server does not tell. */
  name: string;
  /** The Elixir module; empty outside of any. */
  module: string;
  message: string;
  severity: Severity;
  /** Relative to the workspace, for the reader. */
  path: string;
  /** From 1. */
  line: number;
}

export const GROUPINGS = ["phase", "rule", "module"] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface Group<F extends Found> {
  /** The same from one look to the next, so that what is open stays open. */
  key: string;
  label: string;
  count: number;
  worst: Severity;
  children: readonly (Group<F> | F)[];
}

const WORSE: readonly Severity[] = ["error", "warning", "information", "hint"];

export function grouped<F extends Found>(found: readonly F[], by: Grouping): Group<F>[] {
  const sorted = [...found].sort(
    (a, b) => compare(a.path, b.path) || a.line - b.line || compare(a.code, b.code),
  );
  switch (by) {
    case "phase":
      return groups(
        sorted,
        "",
        (one) => phaseOf(one.code),
        (its, key) => groups(its, key, rule),
      );
    case "rule":
      return groups(sorted, "", rule);
    case "module":
      return groups(sorted, "", (one) => [one.module || one.path, one.module || one.path]);
  }
}

/** How many findings each of the five phases has, by its number. */
export function countByPhase(found: readonly Found[]): Map<number, number> {
  const counts = new Map<number, number>(phases.map((phase) => [phase.number, 0]));
  for (const one of found) {
    const phase = phaseNumber(one.code);
    counts.set(phase, (counts.get(phase) ?? 0) + 1);
  }
  return counts;
}

/** `3 findings`, `1 finding`. */
export function counted(count: number): string {
  return count === 1 ? "1 finding" : `${count} findings`;
}

function groups<F extends Found>(
  found: readonly F[],
  above: string,
  nameOf: (one: F) => readonly [sortedBy: string, label: string],
  below: (its: F[], key: string) => readonly (Group<F> | F)[] = (its) => its,
): Group<F>[] {
  const named = new Map<string, { label: string; its: F[] }>();
  for (const one of found) {
    const [name, label] = nameOf(one);
    const group = named.get(name) ?? { label, its: [] };
    group.its.push(one);
    named.set(name, group);
  }
  return [...named]
    .sort(([a], [b]) => compare(a, b))
    .map(([name, { label, its }]) => {
      const key = `${above}/${name}`;
      return { key, label, count: its.length, worst: worst(its), children: below(its, key) };
    });
}

function phaseOf(code: string): readonly [string, string] {
  const number = phaseNumber(code);
  const phase = phases.find((one) => one.number === number);
  return phase ? [String(number), `${number}. ${phase.title}`] : ["9", "Suppressions"];
}

function rule(one: Found): readonly [string, string] {
  return [one.code, one.name ? `${one.code} ${one.name}` : one.code];
}

/** The first digit of `OTP101`; the tool's own codes, `OTP001`, have 0. */
function phaseNumber(code: string): number {
  return Number(/^OTP(\d)/.exec(code)?.[1] ?? 0);
}

function worst(found: readonly Found[]): Severity {
  return WORSE.find((severity) => found.some((one) => one.severity === severity)) ?? "hint";
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
