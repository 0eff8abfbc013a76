import * as assert from "node:assert/strict";
import { test } from "node:test";
import { countByPhase, type Found, type Group, grouped } from "../../src/findings/model";

function finding(
  code: string,
  module: string,
  path: string,
  line: number,
  severity: Found["severity"],
): Found {
  return { code, name: `rule-${code}`, module, message: "", severity, path, line };
}

const FOUND = [
  finding("OTP305", "Shop.Cart", "lib/cart.ex", 9, "hint"),
  finding("OTP101", "Shop.Mail", "lib/mail.ex", 40, "warning"),
  finding("OTP101", "Shop.Cart", "lib/cart.ex", 30, "information"),
  finding("OTP111", "Shop.Cart", "lib/cart.ex", 7, "error"),
  finding("OTP001", "", "lib/loose.exs", 1, "warning"),
];

function drawn(groups: readonly (Group<Found> | Found)[], depth = 0): string[] {
  return groups.flatMap((one) => {
    const space = "  ".repeat(depth);
    if (!("children" in one)) return [`${space}${one.path}:${one.line}`];
    return [`${space}${one.label} ${one.count} ${one.worst}`, ...drawn(one.children, depth + 1)];
  });
}

test("by phase, then by rule", () => {
  assert.deepEqual(drawn(grouped(FOUND, "phase")), [
    "1. Critical fixes 3 error",
    "  OTP101 rule-OTP101 2 warning",
    "    lib/cart.ex:30",
    "    lib/mail.ex:40",
    "  OTP111 rule-OTP111 1 error",
    "    lib/cart.ex:7",
    "3. Architectural decomposition 1 hint",
    "  OTP305 rule-OTP305 1 hint",
    "    lib/cart.ex:9",
    "Suppressions 1 warning",
    "  OTP001 rule-OTP001 1 warning",
    "    lib/loose.exs:1",
  ]);
});

test("by module, or by file outside of any", () => {
  assert.deepEqual(
    grouped(FOUND, "module").map((group) => `${group.label} ${group.count}`),
    ["Shop.Cart 3", "Shop.Mail 1", "lib/loose.exs 1"],
  );
});

test("by rule", () => {
  assert.deepEqual(
    grouped(FOUND, "rule").map((group) => group.count),
    [1, 2, 1, 1],
  );
});

test("what is open stays open: keys are unique, and do not change with the numbers", () => {
  const keys = (groups: readonly (Group<Found> | Found)[]): string[] =>
    groups.flatMap((one) => ("children" in one ? [one.key, ...keys(one.children)] : []));
  const all = keys(grouped(FOUND, "phase"));
  assert.equal(new Set(all).size, all.length);
  assert.ok(keys(grouped(FOUND.slice(1), "phase")).every((key) => all.includes(key)));
});

test("each phase has a number, also when it has none", () => {
  const counts = countByPhase(FOUND);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((phase) => counts.get(phase)),
    [3, 0, 1, 0, 0],
  );
});
