/** What the page asks of any network of digits, whatever its file was like. */

export const PIXELS = 28 * 28;
export const DIGITS = 10;

/** Numbers that are looked at together: a layer of neurons, or the maps of a convolution. */
export interface Stage {
  readonly name: string;
  /** How many connections lead here from the picture, at most: stages as deep stand side by side. */
  readonly depth: number;
  readonly maps: number;
  readonly width: number;
  readonly height: number;
  /** Map by map, row by row. */
  readonly activations: ArrayLike<number>;
}

/** How much of an output comes along a connection between two places. */
export interface Link {
  readonly from: Place;
  readonly to: Place;
  readonly contribution: number;
}

/** A neuron of a stage, or all of a map where `neuron` is left out. */
export interface Place {
  readonly stage: number;
  readonly map: number;
  readonly neuron?: number;
}

export interface DigitNetwork {
  /** In a few words: what the network is made of. */
  readonly summary: string;
  /** How it compared with Python when it was opened; null where the format has no place for it. */
  readonly parity: Parity | null;
  /** The ten outputs for 784 pixels from 0 to 1. The other methods tell about the last run. */
  run(pixels: Float32Array): Float64Array;
  /** From the picture to the outputs. */
  stages(): Stage[];
  /** Derivative of an output by the pixels; null if the file does not hold how to compute it. */
  gradient(digit: number): Float64Array | null;
  /** The connections through which most of an output comes. */
  links(digit: number): Link[];
}

export interface Parity {
  /** How many pictures were compared; of none, nothing is known. */
  readonly inputs: number;
  /** Largest difference between an output here and what Python computed. */
  readonly difference: number;
  /** The difference that the file allows. */
  readonly allowed: number;
  /** Whether the difference is at most that, and at most `LOOSEST`. */
  readonly agrees: boolean;
}

/** A file cannot allow itself more than this: it would agree with anything. */
export const LOOSEST = 1e-4;

/** A file that is no network the page can run; the message says where and why. */
export class NetworkFileError extends Error {
  override name = "NetworkFileError";
}
