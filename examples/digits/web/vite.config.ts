/// <reference types="vitest/config" />
import { readFileSync } from "node:fs";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";
import { viteSingleFile } from "vite-plugin-singlefile";

/** `import text from "./file.gz?base64"`: the bytes of a file, in the page itself. */
function base64(): Plugin {
  const suffix = "?base64";
  return {
    name: "base64",
    enforce: "pre",
    async resolveId(id, importer) {
      if (!id.endsWith(suffix)) return null;
      const file = await this.resolve(id.slice(0, -suffix.length), importer, { skipSelf: true });
      return file && file.id + suffix;
    },
    load(id) {
      if (!id.endsWith(suffix)) return null;
      const bytes = readFileSync(id.slice(0, -suffix.length));
      return `export default ${JSON.stringify(bytes.toString("base64"))};`;
    },
  };
}

export default defineConfig({
  plugins: [base64(), react(), viteSingleFile({ removeViteModuleLoader: true })],
  build: {
    target: ["chrome111", "firefox114", "safari16.4"],
    outDir: "../../../tinygrad_lite/demo/page",
    emptyOutDir: true,
    reportCompressedSize: false,
    modulePreload: false,
  },
  test: { include: ["tests/**/*.test.ts"], environment: "node", testTimeout: 120_000 },
});
