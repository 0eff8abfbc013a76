/** What a person sees and presses, with pictures kept in `build/vscode`. */

import * as assert from "node:assert/strict";
import { cp, readdir, readFile, rm } from "node:fs/promises";
import * as path from "node:path";
import { after, before, type TestContext, test } from "node:test";
import type { FrameLocator, Page } from "playwright-core";
import { assertInstalled, EXTENSION, scratch, shop, Workbench } from "./workbench";

let folder: string;

before(async () => {
  assertInstalled();
  folder = await scratch();
});

after(() => rm(folder, { recursive: true, force: true }));

const ORDERS = "lib/shaky_shop/orders.ex";
const FIXES = ".otp-genesis/plan/01-critical-fixes.md";
const APPLICATION = "lib/shaky_shop/application.ex";

test("a folder", async (t) => {
  const project = await shop(path.join(folder, "project"));
  const workbench = await Workbench.start({ opened: project });
  const { page } = workbench;
  const scenario = (name: string, story: () => Promise<void>) => told(t, workbench, name, story);
  const read = (file: string) => readFile(path.join(project, file), "utf8");
  try {
    await workbench.open();
    await page.locator(".activitybar .badge-content", { hasText: /\d/ }).waitFor();

    await scenario("a squiggle and its fix from the light bulb", async () => {
      const before = new Map([
        [ORDERS, await read(ORDERS)],
        [APPLICATION, await read(APPLICATION)],
      ]);
      await goTo(page, "orders.ex:70");
      await page.waitForSelector(".monaco-editor .squiggly-warning", { state: "attached" });
      await workbench.picture("squiggle");
      await choose(page, "Fix with OTP-Genesis: ", () => workbench.picture("light_bulb", 352, 36, 1280, 690));
      await page.getByRole("button", { name: "Apply" }).waitFor();
      await workbench.picture("refactor_preview", 352, 400, 1280, 770);
      await page.getByRole("button", { name: "Apply" }).click();
      await page.getByRole("button", { name: "Apply" }).waitFor({ state: "detached" });
      await command(page, "File: Save All");
      await eventually(async () => (await read(APPLICATION)) !== before.get(APPLICATION));
      assert.match(await read(ORDERS), /Task\.Supervisor\.start_child\(ShakyShop\.TaskSupervisor, fn ->/);
      assert.match(await read(APPLICATION), /\{Task\.Supervisor, name: ShakyShop\.TaskSupervisor\},/);
      await workbench.picture("fixed");
    });

    await scenario("the findings, by phase", async () => {
      await command(page, "View: Show OTP findings");
      const tree = page.locator(".pane-body .monaco-list");
      const phase = tree.getByText("1. Critical fixes");
      await phase.click();
      await tree.getByText("OTP101 unsupervised-spawn").click();
      await tree
        .getByText(/uploads\.ex:\d+/)
        .first()
        .waitFor();
      await workbench.picture("findings");
      await tree
        .getByText(/uploads\.ex:53/)
        .first()
        .click();
      await page.waitForSelector('.tab.active[data-resource-name="uploads.ex"]');
    });

    await scenario("the supervision tree", async () => {
      await command(page, "OTP-Genesis: Show Supervision Tree");
      const web = inside(page);
      const process = web.locator(".ogt-node", { hasText: "ShakyShop.Metrics" }).first();
      await process.waitFor();
      await page.keyboard.press("Control+B"); // the side bar gives way
      await web.locator("#fit").click();
      await workbench.picture("supervision_tree", 664, 36, 1280, 770);
      await web.locator("#reset").click();
      await process.click();
      await page.waitForSelector('.tab.active[data-resource-name="metrics.ex"]');
      await page.keyboard.press("Control+B");
    });

    await scenario("a key that only the server gets", async () => {
      assert.equal(await serversWith("ANTHROPIC_API_KEY=a-key-for-tests"), 0);
      await command(page, "OTP-Genesis: Set API Key…");
      await page.locator(".quick-input-list .monaco-list-row", { hasText: "Anthropic (Claude)" }).click();
      const input = page.locator(".quick-input-widget input[type=password]");
      await input.fill("a-key-for-tests");
      await workbench.picture("api_key");
      await input.press("Enter");
      await eventually(async () => (await serversWith("ANTHROPIC_API_KEY=a-key-for-tests")) === 1);
      const settings = await readFile(path.join(workbench.home, "data", "User", "settings.json"), "utf8");
      assert.doesNotMatch(settings, /a-key-for-tests/);
    });

    await scenario("advice on a plan, where there is a key", async () => {
      await command(page, "OTP-Genesis: Generate Refactor Plan…");
      await page.getByText("What should the refactor reach?").waitFor();
      await page.locator(".quick-input-widget input").fill("Survive any crash");
      await page.keyboard.press("Enter");
      await page.locator(".quick-input-list .monaco-list-row", { hasText: "Claude" }).waitFor();
      await workbench.picture("adviser");
      await page.keyboard.press("Escape");
    });
  } finally {
    await workbench.stop();
  }
});

test("a refactor phase from the palette", async (t) => {
  const project = path.join(folder, "depot");
  await cp(path.join(EXTENSION, "test", "depot"), project, { recursive: true });
  const workbench = await Workbench.start({ opened: project });
  const { page } = workbench;
  const read = (file: string) => readFile(path.join(project, file), "utf8");
  try {
    await workbench.open();
    await page.locator(".activitybar .badge-content", { hasText: /\d/ }).waitFor();
    await told(t, workbench, "from the plan to a verified change", async () => {
      await command(page, "OTP-Genesis: Run Refactor Phase…");
      const first = page.locator(".quick-input-list .monaco-list-row", {
        hasText: "Phase 1: Critical fixes",
      });
      await first.waitFor();
      assert.match((await first.textContent()) ?? "", /1 finding/);
      await workbench.picture("phases");
      await first.click();
      const noPlan = page.locator(".notification-list-item", { hasText: "there is no plan yet" });
      await noPlan.getByRole("button", { name: "Generate Refactor Plan…" }).click();
      await page.locator(".quick-input-widget input").fill("Survive any crash");
      await page.keyboard.press("Enter");
      await page.waitForSelector('.tab[data-resource-name="README.md"]');
      const bar = page.locator(".notification-list-item", { hasText: /compile|phase 1/ });
      const cancel = bar.getByRole("button", { name: "Cancel" });
      await cancel.waitFor();
      await workbench.picture("phase_runs");
      await cancel.click();
      await cancel.waitFor({ state: "detached" });
      assert.doesNotMatch(await read(FIXES), /verified/);

      await command(page, "OTP-Genesis: Run Refactor Phase…");
      await first.click();
      await cancel.waitFor();
      await cancel.waitFor({ state: "detached", timeout: 180_000 });
      await page.locator(".notification-list-item", { hasText: "1 of 1 items done" }).waitFor();
      await inside(page).getByText("1 of 1 open items are done").waitFor();
      await workbench.picture("phase_done");
      await eventually(async () => /verified/.test(await read(FIXES)));
      assert.match(
        await read("lib/depot/shelves.ex"),
        /Task\.Supervisor\.start_child\(Depot\.TaskSupervisor, fn ->/,
      );
    });

    await told(t, workbench, "a pipeline, and what it gave", async () => {
      await command(page, "OTP-Genesis: Run Pipeline…");
      const pipelines = page.locator(".quick-input-list .monaco-list-row");
      await pipelines.filter({ hasText: "generate_refactor_plan" }).waitFor();
      await workbench.picture("pipelines");
      await pipelines.filter({ hasText: "run_plan" }).click();
      await page.getByText("What should it reach?").waitFor();
      await page.keyboard.press("Enter");
      await page.locator(".notification-list-item", { hasText: "run_plan is done" }).waitFor();
      await page.locator(".view-lines", { hasText: "items:" }).waitFor();
      await workbench.picture("pipeline_done");
    });

    await told(t, workbench, "a test for the function at the cursor", async () => {
      await goTo(page, "shelves.ex:13");
      await command(page, "OTP-Genesis: Generate Test");
      await page.waitForSelector('.tab[data-resource-name="shelves_test.exs"]', { timeout: 180_000 });
      await workbench.picture("generated_test");
    });

    await told(t, workbench, "what stands in the editor, verified", async () => {
      await command(page, "OTP-Genesis: Verify");
      const evidence = inside(page, "last").getByRole("heading", { name: /^Verified/ });
      await evidence.waitFor({ timeout: 180_000 });
      await workbench.picture("verified");
    });
  } finally {
    await workbench.stop();
  }
});

test("a machine without the server", async (t) => {
  const project = await shop(path.join(folder, "bare"));
  const workbench = await Workbench.start({ opened: project, environment: { PATH: "/usr/bin:/bin" } });
  const { page } = workbench;
  try {
    await workbench.open();
    await told(t, workbench, "says so, and shows the way", async () => {
      const notification = page.locator(".notification-list-item", { hasText: "no otp-genesis on PATH" });
      await notification.waitFor();
      await notification.getByRole("button", { name: "Get Started" }).waitFor();
      await workbench.picture("no_server");
      await notification.getByRole("button", { name: "Get Started" }).click();
      await page.getByText("Install the server").first().waitFor();
      await workbench.picture("walkthrough");
    });
  } finally {
    await workbench.stop();
  }
});

async function told(
  t: TestContext,
  workbench: Workbench,
  name: string,
  story: () => Promise<void>,
): Promise<void> {
  await t.test(name, async () => {
    try {
      await story();
    } catch (error) {
      await workbench.picture(`failed_${name.replaceAll(/\W+/g, "_")}`);
      throw error;
    }
  });
}

/** Opens a file at a line: `orders.ex:70`. An editor that was just started finds no files, so it is asked again. */
async function goTo(page: Page, place: string): Promise<void> {
  const [file = ""] = place.split(":");
  const found = page.locator(".quick-input-list .monaco-list-row", { hasText: file }).first();
  await again(page, async () => {
    await page.keyboard.press("Control+P");
    await page.locator(".quick-input-widget input").fill(place);
    await found.click({ timeout: 3000 });
  });
  await page.waitForSelector(`.tab.active[data-resource-name="${file}"]`);
}

/** What the web view shows that is in front; of several the one that was opened last. */
function inside(page: Page, which?: "last"): FrameLocator {
  const views = page.frameLocator("iframe.webview.ready");
  return (which ? views.last() : views).frameLocator("#active-frame");
}

async function command(page: Page, title: string): Promise<void> {
  await page.keyboard.press("F1");
  await page.waitForSelector(".quick-input-widget input");
  await page.keyboard.type(title);
  const row = page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first();
  await row.waitFor();
  await row.click();
}

/**
 * Chooses what the light bulb offers. The editor asks for actions on its own too, which closes a menu that is
 * open: so the keys are pressed until the menu stays.
 */
async function choose(page: Page, title: string, shown: () => Promise<void>): Promise<void> {
  const menu = page.locator(".action-widget:not(.action-list-submenu-panel)");
  const row = menu.locator(".monaco-list-row.action", { hasText: title }).first();
  await again(page, async () => {
    await page.keyboard.press("Control+.");
    await row.waitFor({ timeout: 3000 });
    await shown();
    await row.click({ timeout: 3000 });
  });
}

async function again(page: Page, attempt: () => Promise<void>): Promise<void> {
  for (let left = 10; ; left--) {
    try {
      return await attempt();
    } catch (error) {
      if (left === 0) throw error;
      await page.keyboard.press("Escape");
    }
  }
}

/** How many language servers run with this in their environment. */
async function serversWith(variable: string): Promise<number> {
  const processes = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const read = (file: string) => readFile(file, "utf8").catch(() => ""); // it may have ended meanwhile
  const found = await Promise.all(
    processes.map(async (id) => {
      const command = await read(`/proc/${id}/cmdline`);
      return command.includes("otp-genesis\0lsp") && (await read(`/proc/${id}/environ`)).includes(variable);
    }),
  );
  return found.filter(Boolean).length;
}

async function eventually(question: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await question())) {
    assert.ok(Date.now() < deadline, "not within 30 seconds");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
