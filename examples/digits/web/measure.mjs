// Measures pictures as the page does: bytes of 28x28 pixels in, a line of JSON each out.
import { stdin, stdout } from "node:process";
import { createServer } from "vite";

const chunks = [];
for await (const chunk of stdin) chunks.push(chunk);
const bytes = Buffer.concat(chunks);

const vite = await createServer({ server: { middlewareMode: true }, appType: "custom", logLevel: "error" });
try {
  const { measure } = await vite.ssrLoadModule("/src/drawing/clarity.ts");
  const { SIDE } = await vite.ssrLoadModule("/src/drawing/normalise.ts");
  const size = SIDE * SIDE;
  for (let start = 0; start < bytes.length; start += size) {
    const picture = Float32Array.from(bytes.subarray(start, start + size), (level) => level / 255);
    stdout.write(`${JSON.stringify(measure(picture))}\n`);
  }
} finally {
  await vite.close();
}
