/** A graph as a network of digits: its stages, and which maps speak for an output. */

import type { Graph } from "./graph";
import { DIGITS, type DigitNetwork, type Link, type Parity, PIXELS, type Stage } from "./network";
import type { Tensor } from "./tensor";

/** Maps into an output that are told, and maps before into each of them. */
const MOST_INTO_OUTPUT = 10;
const MOST_INTO_HIDDEN = 3;

/** Operations whose results are from 0 to 1. Outputs of others are taken for logits. */
const SHARES = ["softmax", "sigmoid"];

interface Shown {
  readonly name: string;
  readonly tensor: string;
  readonly maps: number;
}

export class TensorNetwork implements DigitNetwork {
  readonly summary: string;
  readonly parity: Parity;
  /** Stages between the picture and the outputs. */
  private readonly hidden: readonly Shown[];
  private pixels: ArrayLike<number> = new Float32Array(PIXELS);
  private outputs: Float64Array = new Float64Array(DIGITS);

  constructor(private readonly graph: Graph) {
    this.parity = graph.parity;
    this.hidden = shown(graph);
    const layers = [...this.hidden.map(({ maps }) => `${maps}`), `${DIGITS}`];
    this.summary = `${graph.title || "tensors"}, ${layers.join(" – ")}, ${graph.weightCount.toLocaleString("en")} weights`;
  }

  run(pixels: Float32Array): Float64Array {
    this.pixels = pixels;
    this.outputs = this.graph.run(pixels);
    if (!SHARES.includes(this.graph.lastOperation)) this.outputs = softmax(this.outputs);
    return this.outputs;
  }

  stages(): Stage[] {
    const hidden = this.hidden.map(({ name, tensor, maps }, k) => {
      const { shape, entries } = this.graph.entry(tensor);
      const [height, width] = shape.length === 4 ? shape.slice(2) : [1, 1];
      return { name, depth: k + 1, maps, width, height, activations: entries };
    });
    return [
      { name: "picture", depth: 0, maps: 1, width: 28, height: 28, activations: this.pixels },
      ...hidden,
      {
        name: "digits",
        depth: hidden.length + 1,
        maps: DIGITS,
        width: 1,
        height: 1,
        activations: this.outputs,
      },
    ];
  }

  gradient(digit: number): Float64Array | null {
    return this.graph.gradientOf(digit);
  }

  /**
   * What an output owes to a map is what it loses when the map goes dark. What it owes to an earlier
   * map by way of a later one is the share of the later one's light that then goes, of that.
   */
  links(digit: number): Link[] {
    const last = this.hidden.length - 1;
    if (last < 0) return [];
    const score = this.graph.gradient?.of ?? this.graph.output;
    let above = this.losses(last, score, (tensor) => tensor.entries[digit])
      .map((contribution, map) => ({ map, contribution }))
      .sort(byMagnitude)
      .slice(0, MOST_INTO_OUTPUT);
    const links: Link[] = above.map(({ map, contribution }) => ({
      from: { stage: last + 1, map },
      to: { stage: last + 2, map: digit },
      contribution,
    }));
    for (let stage = last; stage > 0; stage--) {
      above = this.linksInto(stage, above, links);
    }
    for (const { map, contribution } of above) {
      links.push({ from: { stage: 0, map: 0 }, to: { stage: 1, map }, contribution });
    }
    return links;
  }

  /** Add the strongest links from the stage before into some maps; give the maps they come from. */
  private linksInto(stage: number, maps: readonly Share[], links: Link[]): Share[] {
    const { tensor, maps: count } = this.hidden[stage];
    const lights = lightsOf(this.graph.entry(tensor), count);
    const without = this.darkened(stage - 1, tensor).map((dark) => lightsOf(dark, count));
    const below = new Map<number, number>();
    for (const { map, contribution } of maps) {
      const shares = without
        .map((dark, from) => ({
          map: from,
          contribution: contribution * clamp((lights[map] - dark[map]) / (lights[map] || 1)),
        }))
        .sort(byMagnitude)
        .slice(0, MOST_INTO_HIDDEN);
      for (const share of shares) {
        if (share.contribution === 0) continue;
        const from = { stage, map: share.map };
        links.push({ from, to: { stage: stage + 1, map }, contribution: share.contribution });
        below.set(share.map, (below.get(share.map) ?? 0) + share.contribution);
      }
    }
    return [...below].map(([map, contribution]) => ({ map, contribution }));
  }

  /** By how much a measure of a later tensor falls when each map of a stage goes dark. */
  private losses(stage: number, later: string, measure: (tensor: Tensor) => number): number[] {
    const whole = measure(this.graph.entry(later));
    return this.darkened(stage, later).map((dark) => whole - measure(dark));
  }

  /** A later tensor as it would be without each map of a stage. */
  private darkened(stage: number, later: string): Tensor[] {
    const { tensor, maps } = this.hidden[stage];
    const whole = this.graph.entry(tensor);
    const area = whole.entries.length / maps;
    return Array.from({ length: maps }, (_, map) => {
      const entries = whole.entries.slice();
      entries.fill(0, map * area, (map + 1) * area);
      return this.graph.rerun(tensor, { ...whole, entries }, later);
    });
  }
}

function softmax(logits: Float64Array): Float64Array {
  const top = logits.reduce((a, b) => Math.max(a, b));
  const powers = logits.map((logit) => Math.exp(logit - top));
  const total = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / total);
}

interface Share {
  readonly map: number;
  readonly contribution: number;
}

function byMagnitude(a: Share, b: Share): number {
  return Math.abs(b.contribution) - Math.abs(a.contribution);
}

function clamp(share: number): number {
  return Math.min(Math.max(share, -1), 1);
}

/** The sum of each map. */
function lightsOf({ entries }: Tensor, maps: number): number[] {
  const area = entries.length / maps;
  return Array.from({ length: maps }, (_, map) => {
    let sum = 0;
    for (let i = map * area; i < (map + 1) * area; i++) sum += entries[i];
    return sum;
  });
}

/**
 * The layers worth showing: of layers that keep the number of maps, such as a convolution, its
 * activation function and its pooling, the last; and none that only lays maps out in a row.
 */
function shown(graph: Graph): Shown[] {
  const output = graph.entry(graph.output);
  const stages: Shown[] = [];
  for (const { name, tensor } of graph.layers) {
    const { shape, entries } = graph.entry(tensor);
    const [batch, maps] = shape;
    if (shape.length !== 4 && shape.length !== 2) continue;
    if (batch !== 1 || entries.length === output.entries.length) continue;
    const before = stages.at(-1);
    if (shape.length === 2 && before && graph.entry(before.tensor).entries.length === maps)
      continue;
    if (shape.length === 2 && !before && maps === PIXELS) continue;
    if (before?.maps === maps) stages.pop();
    stages.push({ name, tensor, maps });
  }
  return stages;
}
