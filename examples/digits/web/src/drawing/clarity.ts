/** Whether a drawing can be a digit at all, whatever a network makes of it. */

import { SIDE } from "./normalise";

export type Unclear = "empty" | "dots" | "flat" | "scribble";

/** Measures of a normalised picture. */
export interface Measures {
  /** Sum of all pixels. */
  readonly ink: number;
  /**
   * How far a piece spreads: its moment of inertia, relative to that of a disc of as much ink, the
   * least there can be; of the piece that spreads most. For a line it is half its
   * length in widths.
   */
  readonly spread: number;
  /** Standard deviation of the ink from top to bottom, divided by that from left to right. */
  readonly upright: number;
  /** How much further right the ink is for each pixel that it is higher: least squares. */
  readonly lean: number;
  /** Strokes that a line across the drawing meets: the mean over its rows or columns, the larger. */
  readonly crossings: number;
}

/**
 * What digits keep to. Of 20,000 training images of MNIST, and of as many that were turned, slanted,
 * bent, thickened and thinned as for the training of the page's network, about 3 in 10,000 are below
 * a least value here, and about 3 in 10,000 above a largest one (`examples/digits/clarity_limits.py`);
 * but no image has as many crossings, as a narrow 8 drawn with the thinnest pen has 3.
 */
const LIMITS: readonly [measure: keyof Measures, least: number, most: number, Unclear][] = [
  ["spread", 1.1, Infinity, "dots"],
  ["ink", 0, 331, "scribble"],
  ["crossings", 0, 3.2, "scribble"],
  ["upright", 0.47, Infinity, "flat"],
  ["lean", -1.16, 1.49, "flat"],
];

/** Why a picture is no digit, or null if it may be one. */
export function unclear(picture: ArrayLike<number>): Unclear | null {
  const measures = measure(picture);
  if (measures.ink === 0) return "empty";
  for (const [name, least, most, why] of LIMITS) {
    if (measures[name] < least || measures[name] > most) return why;
  }
  return null;
}

export function measure(picture: ArrayLike<number>): Measures {
  const all = Array.from(picture, (_, i) => i);
  const { ink, downwards, sideways, together } = momentsOf(picture, all);
  const inked = inkedOf(picture);
  return {
    ink,
    spread: spread(inked, sharpened(picture)),
    upright: Math.sqrt((downwards + ink * PIXEL) / (sideways + ink * PIXEL)),
    lean: -together / (downwards + ink * PIXEL),
    crossings: Math.max(crossings(inked, SIDE, 1), crossings(inked, 1, SIDE)),
  };
}

/** Pixels lighter than this share of the darkest are the soft edge of the ink. */
const OUTLINE = 0.3;

/** A piece with less than this share of the ink is a speck. */
const SPECK = 0.05;

/** Variance, along an axis, of ink that is spread over a pixel. */
const PIXEL = 1 / 12;

interface Moments {
  readonly ink: number;
  /** Sums, over the ink, of squared distances from its middle, and of their products. */
  readonly downwards: number;
  readonly sideways: number;
  readonly together: number;
}

function momentsOf(picture: ArrayLike<number>, pixels: readonly number[]): Moments {
  const rowOf = (i: number) => Math.floor(i / SIDE);
  let [ink, row, column] = [0, 0, 0];
  for (const i of pixels) {
    ink += picture[i];
    row += picture[i] * rowOf(i);
    column += picture[i] * (i % SIDE);
  }
  let [downwards, sideways, together] = [0, 0, 0];
  for (const i of pixels) {
    const down = rowOf(i) - row / ink;
    const across = (i % SIDE) - column / ink;
    downwards += picture[i] * down * down;
    sideways += picture[i] * across * across;
    together += picture[i] * down * across;
  }
  return { ink, downwards, sideways, together };
}

/** Ink with edges that are less soft, as if the drawing had not been enlarged. */
function sharpened(picture: ArrayLike<number>): Float64Array {
  const darkest = darkestOf(picture);
  return Float64Array.from(picture, (level) =>
    Math.min(Math.max((level / darkest - 0.4) / 0.2, 0), 1),
  );
}

/** 1 for each pixel of ink. */
function inkedOf(picture: ArrayLike<number>): Uint8Array {
  const darkest = darkestOf(picture);
  return Uint8Array.from(picture, (level) => (level > OUTLINE * darkest ? 1 : 0));
}

function darkestOf(picture: ArrayLike<number>): number {
  let darkest = 0;
  for (let i = 0; i < picture.length; i++) darkest = Math.max(darkest, picture[i]);
  return darkest;
}

function spread(inked: Uint8Array, levels: Float64Array): number {
  const least = SPECK * levels.reduce((sum, level) => sum + level, 0);
  const spreads = piecesOf(inked)
    .map((piece) => momentsOf(levels, piece))
    .filter(({ ink }) => ink > 0 && ink >= least)
    .map(({ ink, downwards, sideways }) => (2 * Math.PI * (downwards + sideways)) / ink ** 2);
  return Math.max(0, ...spreads);
}

/** The pixels of each piece, joined by sides or corners. */
function piecesOf(inked: Uint8Array): number[][] {
  const left = inked.slice();
  const pieces: number[][] = [];
  for (let start = 0; start < left.length; start++) {
    if (!left[start]) continue;
    const piece = [start];
    left[start] = 0;
    for (const i of piece) {
      for (let row = Math.floor(i / SIDE) - 1; row <= Math.floor(i / SIDE) + 1; row++) {
        for (let column = (i % SIDE) - 1; column <= (i % SIDE) + 1; column++) {
          const next = row * SIDE + column;
          if (row < 0 || column < 0 || column >= SIDE || !left[next]) continue;
          left[next] = 0;
          piece.push(next); // and the loop comes to it
        }
      }
    }
    pieces.push(piece);
  }
  return pieces;
}

/** How often a stroke begins along a line of pixels, on average over those that hold ink. */
function crossings(inked: Uint8Array, line: number, step: number): number {
  let lines = 0;
  let met = 0;
  for (let i = 0; i < SIDE; i++) {
    let before = 0;
    let here = 0;
    for (let k = 0; k < SIDE; k++) {
      const pixel = inked[i * line + k * step];
      if (pixel > before) here++;
      before = pixel;
    }
    if (here) lines++;
    met += here;
  }
  return met / Math.max(lines, 1);
}
