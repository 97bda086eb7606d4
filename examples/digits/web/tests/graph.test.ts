import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { Graph } from "../src/networks/graph";
import { openNetwork } from "../src/networks/open";
import { TensorNetwork } from "../src/networks/tensors";

type File = any;

const path = new URL("../networks/convolutional.json.gz", import.meta.url);

/** The shipped graph file, anew for each test. */
function shipped(): File {
  return JSON.parse(gunzipSync(readFileSync(path)).toString("utf-8"));
}

const picture = Float32Array.from({ length: 784 }, (_, i) => {
  const [row, column] = [Math.floor(i / 28), i % 28];
  return row > 4 && row < 24 && Math.abs(column - 14) < 2 ? 1 : 0; // a one
});

describe("a graph file", () => {
  it("computes and pulls back what Python did", () => {
    const { parity } = new Graph(shipped());
    expect(parity).toMatchObject({ inputs: 3, agrees: true });
    expect(parity.difference).toBeLessThan(1e-5);
  });

  it("notices where it computes something else", () => {
    const file = shipped();
    const bias = Object.keys(file.weights).find((name) => name.endsWith("logits.bias")) as string;
    file.weights[bias].data = Buffer.from(
      Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 0).buffer,
    ).toString("base64");
    expect(new Graph(file).parity.agrees).toBe(false);
  });

  it("cannot allow itself to compute something else", () => {
    const file = shipped();
    file.parity.tolerance = 1;
    file.parity.vectors[0].outputs[file.outputs[0].name].data = Buffer.from(
      new Float32Array(10).buffer,
    ).toString("base64");
    const { parity } = new Graph(file);
    expect(parity.difference).toBeGreaterThan(0.5);
    expect(parity).toMatchObject({ allowed: 1, agrees: false });
  });

  it("is known to be compared with nothing", () => {
    const file = shipped();
    file.parity.vectors = [];
    expect(new Graph(file).parity.inputs).toBe(0);
    delete file.parity;
    expect(new Graph(file).parity.inputs).toBe(0);
  });

  it("has no gradient unless its file has", () => {
    const file = shipped();
    delete file.gradient;
    const network = new TensorNetwork(new Graph(file));
    network.run(picture);
    expect(network.gradient(1)).toBe(null);
    expect(network.links(1).length).toBeGreaterThan(0);
  });

  it("gives the gradient of a score by the pixels", () => {
    const graph = new Graph(shipped());
    const network = new TensorNetwork(graph);
    const score = (pixels: Float32Array) => {
      network.run(pixels);
      return graph.entry(graph.gradient?.of ?? "").entries[1];
    };
    // Plain areas make ties in the pooling, where there is no one slope.
    const grained = picture.map((pixel, i) => 0.8 * pixel + 0.2 * Math.abs(Math.sin(i * i)));
    score(grained);
    const gradient = network.gradient(1) as Float64Array;
    const steepest = Math.max(...gradient.map(Math.abs));
    const step = 2 ** -11; // so small that hardly any relu or pooling changes its mind
    for (const pixel of [14 * 28 + 14, 14 * 28 + 20, 8 * 28 + 13]) {
      const [higher, lower] = [step, -step].map((change) => {
        const moved = grained.slice();
        moved[pixel] += change;
        return score(moved);
      });
      const slope = (higher - lower) / (2 * step);
      expect(Math.abs(gradient[pixel] - slope)).toBeLessThan(0.03 * steepest);
    }
  });

  it("is shown by what its convolutions end in", () => {
    const network = new TensorNetwork(new Graph(shipped()));
    network.run(picture);
    const stages = network.stages();
    expect(stages.map(({ maps, width }) => [maps, width])).toEqual([
      [1, 28],
      [16, 12],
      [32, 4],
      [64, 1],
      [10, 1],
    ]);
    const links = network.links(1);
    expect(new Set(links.map(({ to }) => to.stage))).toEqual(new Set([1, 2, 3, 4]));
    for (const { from, to } of links) expect(to.stage - from.stage).toBe(1);
  });

  it("is opened compressed or not", async () => {
    const bytes = Uint8Array.from(readFileSync(path));
    const [one, other] = [bytes, Uint8Array.from(gunzipSync(bytes))];
    const outputs = await Promise.all(
      [one, other].map(async (file) => (await openNetwork(file)).run(picture)),
    );
    expect(outputs[0]).toEqual(outputs[1]);
    expect(outputs[0].reduce((a, b) => a + b)).toBeCloseTo(1, 5);
  });

  it.each<[string, (file: File) => void, string]>([
    [
      "another format",
      (f) => {
        f.format = "onnx";
      },
      'found the format "onnx"',
    ],
    [
      "another version",
      (f) => {
        f.version = 2;
      },
      "version 2, but this page reads 1",
    ],
    [
      "an unknown operation",
      (f) => {
        f.instructions[0].operation = "fft";
      },
      'instructions[0]: this page does not know the operation "fft"',
    ],
    [
      "an inherited name",
      (f) => {
        f.instructions[0].operation = "constructor";
      },
      'does not know the operation "constructor"',
    ],
    [
      "a tensor that is not there",
      (f) => {
        f.instructions[0].inputs[0] = "nowhere";
      },
      'instructions[0].inputs[0]: there is no tensor "nowhere"',
    ],
    [
      "a name twice",
      (f) => {
        f.instructions[1].output = f.instructions[0].output;
      },
      "instructions[1].output: expected a name that is not taken",
    ],
    [
      "an unknown setting",
      (f) => {
        f.instructions[0].settings.colour = 1;
      },
      'conv2d has no setting "colour"',
    ],
    [
      "a setting of another kind",
      (f) => {
        f.instructions[0].settings.stride = [1];
      },
      "instructions[0].settings.stride: expected a list of two",
    ],
    [
      "too many inputs",
      (f) => {
        f.instructions[1].inputs = ["input", "input"];
      },
      "instructions[1].inputs: expected 1",
    ],
    [
      "another picture",
      (f) => {
        f.inputs[0].shape = ["batch", 1, 28, 29];
      },
      "inputs[0].shape: expected 28x28 pixels",
    ],
    [
      "weights cut short",
      (f) => {
        const [name] = Object.keys(f.weights);
        f.weights[name].data = f.weights[name].data.slice(0, 8);
      },
      ".data: 6 bytes, but",
    ],
    [
      "weights that are no base64",
      (f) => {
        f.weights[Object.keys(f.weights)[0]].data = "\u00e9";
      },
      "this is not base64",
    ],
    [
      "a weight that is no number",
      (f) => {
        const bytes = Buffer.from(Float32Array.of(Number.NaN).buffer).toString("base64");
        f.weights.more = { dtype: "float32", shape: [1], data: bytes };
      },
      "weights.more: holds a NaN or an infinity",
    ],
    [
      "shapes that do not fit",
      (f) => {
        const last = f.instructions.find((step: File) => step.operation === "reshape");
        last.settings.shape = ["batch", 100];
      },
      "cannot be reshaped to (1, 100)",
    ],
  ])("refuses %s", (_, spoil, message) => {
    const file = shipped();
    spoil(file);
    expect(() => new Graph(file)).toThrow(message);
  });
});
