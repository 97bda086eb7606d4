/** What the outputs of a network mean, in numbers and in words; as `tinygrad_lite.neurons.Guess`. */

const SAYINGS: readonly [number, string][] = [
  [0.9, "That certainly must be {}."],
  [0.7, "I am quite sure that is {}."],
  [0.5, "That looks like {}."],
  [0.3, "That could be {}."],
];
export const NO_IDEA = "Sorry, I have no idea what that is.";
const ALSO_NAMED = 0.4;

export interface Guess {
  /** Number of the brightest output. */
  readonly digit: number;
  /** Of each digit: its output divided by the sum of all; all 0 if no output is lit. */
  readonly confidences: readonly number[];
  readonly sentence: string;
}

export function guessFrom(outputs: ArrayLike<number>): Guess {
  const lit = Array.from(outputs, (output) => Math.max(output, 0));
  const total = lit.reduce((sum, output) => sum + output, 0);
  const confidences = lit.map((output) => (total > 0 ? output / total : 0));
  const ranking = Array.from(outputs, (_, digit) => digit).sort((a, b) => outputs[b] - outputs[a]);
  const [best, ...others] = ranking;
  const saying = SAYINGS.find(([least]) => confidences[best] >= least)?.[1] ?? NO_IDEA;
  const also = others.slice(0, 2).filter((digit) => confidences[digit] > ALSO_NAMED);
  const ending = also.length ? ` It might also be ${also.join(" or ")}.` : "";
  return { digit: best, confidences, sentence: saying.replace("{}", String(best)) + ending };
}
