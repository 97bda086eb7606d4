import { describe, expect, it } from "vitest";
import { guessFrom, NO_IDEA } from "../src/words";

/** Ten outputs of which some are lit. */
function outputs(lit: Record<number, number>): number[] {
  return Array.from({ length: 10 }, (_, digit) => lit[digit] ?? 0);
}

describe("guessFrom", () => {
  it.each([
    [{ 7: 0.95, 1: 0.05 }, "That certainly must be 7."],
    [{ 7: 0.8, 1: 0.2 }, "I am quite sure that is 7."],
    [{ 2: 0.6, 1: 0.2, 0: 0.2 }, "That looks like 2."],
    [{ 4: 0.35, 9: 0.3, 7: 0.2, 1: 0.15 }, "That could be 4."],
    [{ 4: 0.52, 9: 0.48 }, "That looks like 4. It might also be 9."],
    [{}, NO_IDEA],
    [{ 0: -3, 1: -2 }, NO_IDEA],
  ])("says of %j: %s", (lit, sentence) => {
    expect(guessFrom(outputs(lit)).sentence).toBe(sentence);
  });

  it("divides by the sum of all, so that dim outputs count as much as bright ones", () => {
    const bright = guessFrom(outputs({ 3: 0.9, 5: 0.3 }));
    const dim = guessFrom(outputs({ 3: 0.09, 5: 0.03 }));
    expect(bright.confidences[3]).toBeCloseTo(0.75, 12);
    expect(dim.confidences).toEqual(bright.confidences.map((c) => expect.closeTo(c, 12)));
  });

  it("is unsure where all are alike", () => {
    expect(guessFrom(new Array(10).fill(0.1)).sentence).toBe(NO_IDEA);
  });
});
