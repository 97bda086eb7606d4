/** One drawing, one answer. */

import { type Unclear, unclear } from "./drawing/clarity";
import { type Ink, normalise } from "./drawing/normalise";
import type { DigitNetwork } from "./networks/network";
import { type Guess, guessFrom, NO_IDEA } from "./words";

export interface Answer extends Guess {
  readonly picture: Float32Array;
  readonly outputs: Float64Array;
  /** Why the drawing is no digit, or null if it may be one. */
  readonly unclear: Unclear | null;
  /** Whether the page says that it is not sure. */
  readonly unsure: boolean;
}

/** Outputs this dark in all say nothing, however much brighter one is than the rest. */
const DARK = 0.15;

const UNCLEAR: Record<Unclear, string> = {
  empty: "Nothing is drawn yet, so I am not sure.",
  dots: `${NO_IDEA} I see no line in it.`,
  flat: `${NO_IDEA} It lies too flat for a digit.`,
  scribble: `${NO_IDEA} It is too tangled for a digit.`,
};

export function recognise(network: DigitNetwork, ink: Ink): Answer {
  return answerTo(network, normalise(ink));
}

/** The answer to a picture that is normalised already. */
export function answerTo(network: DigitNetwork, picture: Float32Array): Answer {
  const outputs = network.run(picture);
  const guess = guessFrom(outputs);
  const why = unclear(picture);
  const dark = outputs.every((output) => output < DARK);
  const sentence = why ? UNCLEAR[why] : dark ? NO_IDEA : guess.sentence;
  const unsure = sentence.startsWith(NO_IDEA) || why !== null;
  return { ...guess, sentence, picture, outputs, unclear: why, unsure };
}
