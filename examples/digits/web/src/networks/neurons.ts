/**
 * Networks of neurons in the original's JSON format, which `tinygrad_lite.neurons` reads and writes:
 * see `tinygrad_lite/neurons/json_format.py`. Computed in float64, as there.
 */

import { listAt, numberAt, recordAt, refuse, textAt, wholeAt } from "./json";
import {
  DIGITS,
  type DigitNetwork,
  type Link,
  NetworkFileError,
  PIXELS,
  type Place,
  type Stage,
} from "./network";

const FUNCTIONS = ["SIGMOID", "RELU"];
const RELU = FUNCTIONS.indexOf("RELU");

/** Connections into the brightest output that are told, and into each neuron before it. */
const MOST_INTO_OUTPUT = 40;
const MOST_INTO_HIDDEN = 2;

/** Neurons, numbered through all layers from the input layer on; only later ones have inputs. */
interface Wiring {
  /** Number of the first neuron of each layer, and at the end how many there are. */
  readonly starts: number[];
  /** Of each layer, the connections on the longest way to it. */
  readonly depths: number[];
  /** By neuron after the input layer: bias, activation function, first of its connections. */
  readonly biases: Float64Array;
  readonly functions: Uint8Array;
  readonly firsts: Uint32Array;
  /** By connection: the neuron it comes from, and its weight. */
  readonly sources: Uint32Array;
  readonly weights: Float64Array;
}

export class NeuronNetwork implements DigitNetwork {
  readonly summary: string;
  readonly parity = null; // the format has no place for what Python computed
  private readonly activations: Float64Array;

  constructor(private readonly wiring: Wiring) {
    const { starts, weights } = wiring;
    const lengths = starts.slice(1).map((end, layer) => end - starts[layer]);
    this.activations = new Float64Array(starts[starts.length - 1]);
    this.summary = `neurons, ${lengths.join(" – ")}, ${weights.length.toLocaleString("en")} connections`;
  }

  run(pixels: ArrayLike<number>): Float64Array {
    const { biases, functions, firsts, sources, weights } = this.wiring;
    const a = this.activations;
    a.set(pixels);
    for (let neuron = 0, at = 0; neuron < biases.length; neuron++) {
      let z = biases[neuron];
      for (const end = firsts[neuron + 1]; at < end; at++) z += weights[at] * a[sources[at]];
      a[PIXELS + neuron] = functions[neuron] === RELU ? Math.max(z, 0) : 1 / (1 + Math.exp(-z));
    }
    return a.slice(a.length - DIGITS);
  }

  stages(): Stage[] {
    const { starts, depths } = this.wiring;
    return starts.slice(1).map((end, layer) => {
      const length = end - starts[layer];
      const square = Math.sqrt(length);
      const width = Number.isInteger(square) ? square : length;
      const last = layer === starts.length - 2;
      return {
        name: layer === 0 ? "picture" : last ? "digits" : `layer ${layer}`,
        depth: depths[layer],
        maps: last ? length : 1,
        width: last ? 1 : width,
        height: last ? 1 : length / width,
        activations: this.activations.subarray(starts[layer], end),
      };
    });
  }

  gradient(digit: number): Float64Array {
    return this.sensitivities(digit).slice(0, PIXELS);
  }

  links(digit: number): Link[] {
    const output = this.activations.length - DIGITS + digit;
    const sensitivities = this.sensitivities(digit);
    const links = this.strongest(output, sensitivities, MOST_INTO_OUTPUT);
    const hidden = new Set<number>();
    for (const link of links) if (link.source >= PIXELS) hidden.add(link.source);
    for (const neuron of hidden) {
      links.push(...this.strongest(neuron, sensitivities, MOST_INTO_HIDDEN));
    }
    return links.map(({ source, target, contribution }) => ({
      from: this.placeOf(source),
      to: this.placeOf(target),
      contribution,
    }));
  }

  /** Derivative of an output by every activation, last neuron first: the chain rule, summed. */
  private sensitivities(digit: number): Float64Array {
    const { biases, firsts, sources, weights } = this.wiring;
    const by = new Float64Array(this.activations.length);
    by[by.length - DIGITS + digit] = 1;
    for (let neuron = biases.length - 1; neuron >= 0; neuron--) {
      const delta = by[PIXELS + neuron] * this.slope(neuron);
      if (delta === 0) continue;
      for (let at = firsts[neuron]; at < firsts[neuron + 1]; at++) {
        by[sources[at]] += delta * weights[at];
      }
    }
    return by;
  }

  private slope(neuron: number): number {
    const a = this.activations[PIXELS + neuron];
    if (this.wiring.functions[neuron] === RELU) return a > 0 ? 1 : 0;
    return a * (1 - a);
  }

  /** The connections into a neuron that carry most of the output, by sensitivity. */
  private strongest(target: number, sensitivities: Float64Array, most: number) {
    const { firsts, sources, weights } = this.wiring;
    const neuron = target - PIXELS;
    const delta = sensitivities[target] * this.slope(neuron);
    const links: { source: number; target: number; contribution: number }[] = [];
    for (let at = firsts[neuron]; at < firsts[neuron + 1]; at++) {
      const contribution = delta * weights[at] * this.activations[sources[at]];
      if (contribution !== 0) links.push({ source: sources[at], target, contribution });
    }
    links.sort((a, b) => Math.abs(b.contribution) - Math.abs(a.contribution));
    return links.slice(0, most);
  }

  private placeOf(neuron: number): Place {
    const { starts } = this.wiring;
    let stage = 0;
    while (starts[stage + 1] <= neuron) stage++;
    const index = neuron - starts[stage];
    return stage === starts.length - 2 ? { stage, map: index } : { stage, map: 0, neuron: index };
  }
}

/** A network from the content of a file, already parsed. */
export function readNeurons(json: unknown): NeuronNetwork {
  const file = recordAt(json, "the file", ["inputLayerLength", "otherLayers"]);
  if (file.inputLayerLength !== PIXELS) {
    refuse(
      "inputLayerLength",
      `${PIXELS}, a neuron for every pixel of 28x28`,
      file.inputLayerLength,
    );
  }
  const starts = [0, PIXELS];
  const depths = [0];
  const biases: number[] = [];
  const functions: number[] = [];
  const firsts = [0];
  const sources: number[] = [];
  const weights: number[] = [];

  const layers = listAt(file.otherLayers, "otherLayers");
  layers.forEach((layer, position) => {
    const here = `otherLayers[${position}]`;
    const neurons = listAt(recordAt(layer, here, ["neurons"]).neurons, `${here}.neurons`);
    if (!neurons.length) throw new NetworkFileError(`${here}.neurons: empty`);
    let depth = 1;
    neurons.forEach((entry, index) => {
      const place = `${here}.neurons[${index}]`;
      const neuron = recordAt(entry, place, ["bias", "activationFunction", "inputs"]);
      biases.push(numberAt(neuron.bias, `${place}.bias`));
      const name = textAt(neuron.activationFunction, `${place}.activationFunction`);
      if (!FUNCTIONS.includes(name)) {
        refuse(`${place}.activationFunction`, FUNCTIONS.join(" or "), name);
      }
      functions.push(FUNCTIONS.indexOf(name));
      listAt(neuron.inputs, `${place}.inputs`).forEach((input, at) => {
        const spot = `${place}.inputs[${at}]`;
        const connection = recordAt(input, spot, ["fromLayer", "fromNeuron", "weight"]);
        // Layer 0 is the input layer, so otherLayers[position] is layer position + 1.
        const from = wholeAt(connection.fromLayer, `${spot}.fromLayer`, position);
        const largest = starts[from + 1] - starts[from] - 1;
        depth = Math.max(depth, depths[from] + 1);
        sources.push(starts[from] + wholeAt(connection.fromNeuron, `${spot}.fromNeuron`, largest));
        weights.push(numberAt(connection.weight, `${spot}.weight`));
      });
      firsts.push(sources.length);
    });
    starts.push(PIXELS + biases.length);
    depths.push(depth);
  });
  const outputs = layers.length ? starts[starts.length - 1] - starts[starts.length - 2] : 0;
  if (outputs !== DIGITS) {
    throw new NetworkFileError(`the last layer has ${outputs} neurons, but there are ten digits`);
  }
  return new NeuronNetwork({
    starts,
    depths,
    biases: Float64Array.from(biases),
    functions: Uint8Array.from(functions),
    firsts: Uint32Array.from(firsts),
    sources: Uint32Array.from(sources),
    weights: Float64Array.from(weights),
  });
}
