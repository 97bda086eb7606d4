/** Whether a drawing is clear enough to be a digit at all, whatever a network makes of it. */

import { SIDE } from "./normalise";

export type Unclear = "empty" | "dot" | "scribble";

/*
 * Limits that handwriting keeps: of ten thousand training images of MNIST about three are as compact
 * as a dot, and fewer than one is as tangled or as inky as a scribble.
 */
const COMPACT = 0.7;
const STUBBY = 0.6;
const TANGLED = 3.2;
const INKY = 320;

/** Measures of a normalised picture. */
export interface Measures {
  /** Sum of all pixels. */
  readonly ink: number;
  /** Share of the ink's box that it fills. */
  readonly filled: number;
  /** Shorter side of the ink's box, divided by the longer. */
  readonly roundness: number;
  /** Strokes that a line across the drawing meets: the mean over its rows or columns, the larger. */
  readonly crossings: number;
}

export function measure(picture: ArrayLike<number>): Measures {
  let ink = 0;
  for (let i = 0; i < picture.length; i++) ink += picture[i];
  const down = crossings(picture, SIDE, 1);
  const across = crossings(picture, 1, SIDE);
  const longer = Math.max(down.lines, across.lines);
  return {
    ink,
    filled: ink / Math.max(down.lines * across.lines, 1),
    roundness: Math.min(down.lines, across.lines) / Math.max(longer, 1),
    crossings: Math.max(down.mean, across.mean),
  };
}

/** Lines of pixels that hold ink, and how often a stroke begins along one, on average. */
function crossings(picture: ArrayLike<number>, line: number, step: number) {
  let lines = 0;
  let met = 0;
  for (let i = 0; i < SIDE; i++) {
    let before = 0;
    let here = 0;
    for (let k = 0; k < SIDE; k++) {
      const pixel = picture[i * line + k * step] > 0.3 ? 1 : 0;
      if (pixel > before) here++;
      before = pixel;
    }
    if (here) lines++;
    met += here;
  }
  return { lines, mean: met / Math.max(lines, 1) };
}

/** Why a picture is no digit, or null if it may be one. */
export function unclear(picture: ArrayLike<number>): Unclear | null {
  const { ink, filled, roundness, crossings } = measure(picture);
  if (ink === 0) return "empty";
  if (filled > COMPACT && roundness > STUBBY) return "dot";
  if (ink > INKY || crossings > TANGLED) return "scribble";
  return null;
}
