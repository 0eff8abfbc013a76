// The extension as one file. `--production` leaves out the source map; `--tests` bundles the tests as well.
import { readdirSync } from "node:fs";
import { build } from "esbuild";

const production = process.argv.includes("--production");
const common = {
  bundle: true,
  platform: "node",
  format: "cjs",
  target: "node20",
  sourcemap: !production,
  minify: production,
  logLevel: "warning",
};

await build({
  ...common,
  entryPoints: ["src/extension.ts"],
  outfile: "dist/extension.js",
  external: ["vscode"],
});

if (process.argv.includes("--tests")) {
  const files = readdirSync("test", { recursive: true }).map((file) => `test/${file}`);
  await build({
    ...common,
    entryPoints: files.filter((file) => file.endsWith(".ts") && !file.includes("node_modules")),
    outdir: "dist/test",
    external: ["vscode", "mocha", "playwright-core"],
  });
}
