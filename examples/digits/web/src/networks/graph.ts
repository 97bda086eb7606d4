/**
 * Tensor networks that `tinygrad_lite.export.save_graph` wrote: `docs/graph_file.md` specifies the
 * format. Steps are run one after another; nothing is known here of layers or of learning.
 */

import { arrayAt } from "./arrays";
import { found, listAt, numberAt, objectAt, refuse, textAt, wholeAt } from "./json";
import { DIGITS, LOOSEST, NetworkFileError, type Parity, PIXELS } from "./network";
import { type Kind, OPERATIONS, type Operation } from "./operations";
import { sizeOf, type Tensor, weak } from "./tensor";

export const FORMAT = "tinygrad_lite graph";
const VERSION = 1;

type Memory = Map<string, Tensor>;

interface Step {
  readonly place: string;
  readonly name: string;
  readonly operation: Operation;
  readonly inputs: readonly (string | number)[];
  readonly settings: Readonly<Record<string, unknown>>;
  readonly output: string;
}

interface Gradient {
  readonly of: string;
  readonly seed: string;
  readonly output: string;
  readonly steps: readonly Step[];
}

/** A tensor that a layer gives. */
export interface LayerOutput {
  readonly name: string;
  readonly tensor: string;
}

export class Graph {
  readonly title: string;
  readonly layers: readonly LayerOutput[];
  readonly weightCount: number;
  readonly parity: Parity;
  readonly gradient: Gradient | null;
  readonly output: string;
  /** Name of the operation that gives the output. */
  readonly lastOperation: string;
  /** What the last run computed. */
  memory: Memory = new Map();

  private readonly input: string;
  private readonly inputShape: readonly number[];
  private readonly mean: number;
  private readonly deviation: number;
  private readonly weights: Memory;
  private readonly steps: readonly Step[];

  constructor(file: Record<string, unknown>) {
    checkFormat(file);
    this.title = file.title === undefined ? "" : textAt(file.title, "title").slice(0, 80);
    const inputs = listAt(file.inputs, "inputs");
    if (inputs.length !== 1) refuse("inputs", "one, the picture", file.inputs);
    const input = objectAt(inputs[0], "inputs[0]");
    this.input = textAt(input.name, "inputs[0].name");
    this.inputShape = sizesAt(input.shape, "inputs[0].shape");
    if (sizeOf(this.inputShape) !== PIXELS) {
      refuse("inputs[0].shape", "28x28 pixels for each sample", this.inputShape.join(", "));
    }
    [this.mean, this.deviation] = normalisationOf(file.normalisation);

    const weights = Object.entries(objectAt(file.weights, "weights"));
    this.weights = new Map(weights.map(([name, json]) => [name, arrayAt(json, `weights.${name}`)]));
    this.weightCount = weights.reduce(
      (sum, [name]) => sum + (this.weights.get(name)?.entries.length ?? 0),
      0,
    );
    const known = new Set([this.input, ...this.weights.keys()]);
    this.steps = stepsAt(file.instructions, "instructions", known);
    const outputs = listAt(file.outputs, "outputs");
    if (!outputs.length) refuse("outputs", "at least one", outputs);
    this.output = tensorAt(objectAt(outputs[0], "outputs[0]").name, "outputs[0].name", known);
    this.lastOperation = this.steps.find(({ output }) => output === this.output)?.name ?? "";
    this.layers = listAt(file.layers ?? [], "layers").map((json, k) => {
      const layer = objectAt(json, `layers[${k}]`);
      return {
        name: textAt(layer.name, `layers[${k}].name`),
        tensor: tensorAt(layer.output, `layers[${k}].output`, known),
      };
    });
    this.gradient = file.gradient ? gradientAt(file.gradient, this.input, known) : null;

    const outcome = this.run(new Float32Array(PIXELS));
    if (outcome.length !== DIGITS) {
      throw new NetworkFileError(
        `outputs[0] has ${outcome.length} entries, but there are ten digits`,
      );
    }
    this.parity = this.compared(file.parity ?? { tolerance: LOOSEST, vectors: [] });
  }

  /** The outputs for pixels from 0 to 1. */
  run(pixels: ArrayLike<number>): Float64Array {
    const input = Float32Array.from(pixels, (pixel) => (pixel - this.mean) / this.deviation);
    return this.runNormalised(input);
  }

  /** The derivative of an entry of `gradient.of` by the pixels, for the last run; null without one. */
  gradientOf(entry: number): Float64Array | null {
    const { gradient } = this;
    if (!gradient) return null;
    const of = this.entry(gradient.of);
    const seed = new Float32Array(of.entries.length);
    seed[entry] = 1;
    const memory: Memory = new Map(this.memory);
    memory.set(gradient.seed, { shape: of.shape, entries: seed });
    execute(gradient.steps, memory);
    const result = memory.get(gradient.output) as Tensor;
    return Float64Array.from(result.entries, (entry) => entry / this.deviation);
  }

  /** What the last run computed under a name. */
  entry(name: string): Tensor {
    return this.memory.get(name) as Tensor;
  }

  /** What another tensor would have been, had the first been as given; the last run is kept. */
  rerun(changed: string, value: Tensor, wanted: string): Tensor {
    const memory: Memory = new Map(this.memory);
    memory.set(changed, value);
    const first = this.steps.findIndex((step) => step.output === changed) + 1;
    const last = this.steps.findIndex((step) => step.output === wanted);
    execute(this.steps.slice(first, last + 1), memory);
    return memory.get(wanted) as Tensor;
  }

  private runNormalised(entries: Float32Array): Float64Array {
    this.memory = new Map(this.weights);
    this.memory.set(this.input, { shape: this.inputShape, entries });
    execute(this.steps, this.memory);
    return Float64Array.from(this.entry(this.output).entries);
  }

  /** Compare with the outputs and gradients that Python computed and wrote beside the graph. */
  private compared(json: unknown): Parity {
    const parity = objectAt(json, "parity");
    const allowed = numberAt(parity.tolerance, "parity.tolerance");
    const vectors = listAt(parity.vectors, "parity.vectors");
    let difference = 0;
    vectors.forEach((entry, k) => {
      const place = `parity.vectors[${k}]`;
      const vector = objectAt(entry, place);
      const given = objectAt(vector.inputs, `${place}.inputs`)[this.input];
      const wanted = objectAt(vector.outputs, `${place}.outputs`)[this.output];
      const input = arrayAt(given, `${place}.inputs.${this.input}`);
      if (input.entries.length !== PIXELS) refuse(`${place}.inputs`, "28x28 pixels", input.shape);
      const outputs = this.runNormalised(Float32Array.from(input.entries));
      const expected = arrayAt(wanted, `${place}.outputs.${this.output}`).entries;
      difference = Math.max(difference, apart(outputs, expected));
      if (vector.gradient !== undefined) {
        const gradient = objectAt(vector.gradient, `${place}.gradient`);
        const digit = wholeAt(gradient.entry, `${place}.gradient.entry`, DIGITS - 1);
        const slopes = arrayAt(gradient.value, `${place}.gradient.value`).entries;
        const own = this.gradientOf(digit)?.map((slope) => slope * this.deviation);
        if (own) difference = Math.max(difference, apart(own, slopes));
      }
    });
    const agrees = difference <= Math.min(allowed, LOOSEST);
    return { inputs: vectors.length, difference, allowed, agrees };
  }
}

/** Largest difference, relative to the largest entry if that is over 1; infinite for a NaN. */
function apart(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Infinity;
  let scale = 1;
  let difference = 0;
  for (let i = 0; i < found.length; i++) {
    scale = Math.max(scale, Math.abs(expected[i]));
    const here = Math.abs(found[i] - expected[i]);
    difference = here >= 0 ? Math.max(difference, here) : Infinity;
  }
  return difference / scale;
}

function execute(steps: readonly Step[], memory: Memory): void {
  for (const { place, operation, inputs, settings, output } of steps) {
    const given = inputs.map((input) =>
      typeof input === "number" ? weak(input) : (memory.get(input) as Tensor),
    );
    try {
      memory.set(output, operation.run(given, settings));
    } catch (error) {
      throw new NetworkFileError(`${place}: ${(error as Error).message}`);
    }
  }
}

// -- reading ---------------------------------------------------------------------------------------

function checkFormat(file: Record<string, unknown>): void {
  if (file.format !== FORMAT) {
    throw new NetworkFileError(
      `neither a network of neurons (with "otherLayers") nor a "${FORMAT}": found the format ` +
        found(file.format),
    );
  }
  if (file.version !== VERSION) {
    throw new NetworkFileError(`version ${found(file.version)}, but this page reads ${VERSION}`);
  }
}

function normalisationOf(json: unknown): [mean: number, deviation: number] {
  if (json === undefined) return [0, 1];
  const given = objectAt(json, "normalisation");
  const mean = given.mean === undefined ? 0 : numberAt(given.mean, "normalisation.mean");
  const key = "standard_deviation";
  const deviation = given[key] === undefined ? 1 : numberAt(given[key], `normalisation.${key}`);
  if (deviation <= 0) refuse(`normalisation.${key}`, "a positive number", deviation);
  return [mean, deviation];
}

/** Sizes with 1 for the batch: pictures are looked at one by one. */
function sizesAt(json: unknown, place: string): number[] {
  return listAt(json, place).map((size, axis) => {
    const times = typeof size === "string" && /^batch(?:\*([0-9]{1,9}))?$/.exec(size);
    if (times) return Number(times[1] ?? 1);
    return wholeAt(size, `${place}[${axis}]`, 2 ** 31);
  });
}

function tensorAt(json: unknown, place: string, known: ReadonlySet<string>): string {
  const name = textAt(json, place);
  if (!known.has(name)) throw new NetworkFileError(`${place}: there is no tensor "${name}"`);
  return name;
}

/** Instructions, whose results become known. */
function stepsAt(json: unknown, place: string, known: Set<string>): Step[] {
  return listAt(json, place).map((entry, k) => {
    const here = `${place}[${k}]`;
    const step = objectAt(entry, here);
    const name = textAt(step.operation, `${here}.operation`);
    const operation = OPERATIONS.get(name);
    if (!operation) {
      throw new NetworkFileError(`${here}: this page does not know the operation "${name}"`);
    }
    const inputs = listAt(step.inputs, `${here}.inputs`).map((input, at) => {
      if (typeof input === "boolean") return Number(input);
      return typeof input === "number" ? input : tensorAt(input, `${here}.inputs[${at}]`, known);
    });
    const [least, most] = operation.inputs;
    if (inputs.length < least || inputs.length > most) {
      refuse(`${here}.inputs`, least === most ? `${least}` : `${least} to ${most}`, step.inputs);
    }
    const given = objectAt(step.settings ?? {}, `${here}.settings`);
    const settings: Record<string, unknown> = {};
    for (const [key, kind] of Object.entries(operation.settings)) {
      settings[key] = settingAt(given[key], `${here}.settings.${key}`, kind);
    }
    for (const key in given) {
      if (!(key in operation.settings)) {
        throw new NetworkFileError(`${here}.settings: ${name} has no setting "${key}"`);
      }
    }
    const output = textAt(step.output, `${here}.output`);
    if (known.has(output)) refuse(`${here}.output`, "a name that is not taken", output);
    known.add(output);
    return { place: `${here} (${name})`, name, operation, inputs, settings, output };
  });
}

function settingAt(json: unknown, place: string, kind: Kind): unknown {
  if (kind === "integer or null" && json === null) return null;
  if (kind === "truth") {
    if (typeof json !== "boolean") refuse(place, "true or false", json);
    return json;
  }
  if (kind === "number") return numberAt(json, place);
  if (kind === "text") return textAt(json, place);
  if (kind === "sizes") return sizesAt(json, place);
  const several = kind === "integers" || kind === "pair";
  const each = several ? listAt(json, place) : [json];
  if (kind === "pair" && each.length !== 2) refuse(place, "a list of two: rows, columns", json);
  for (const part of each) {
    if (!Number.isSafeInteger(part)) refuse(place, several ? "integers" : kind, json);
  }
  return json;
}

function gradientAt(json: unknown, input: string, known: Set<string>): Gradient {
  const gradient = objectAt(json, "gradient");
  const of = tensorAt(gradient.of, "gradient.of", known);
  const seed = textAt(gradient.seed, "gradient.seed");
  if (gradient.by !== input) refuse("gradient.by", `the input "${input}"`, gradient.by);
  const reached = new Set([...known, seed]);
  const steps = stepsAt(gradient.instructions, "gradient.instructions", reached);
  return { of, seed, steps, output: tensorAt(gradient.output, "gradient.output", reached) };
}
