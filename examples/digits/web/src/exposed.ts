/** For the console, and for tests: `drawADigit.answers(...)`. */

import { type Unclear, unclear } from "./drawing/clarity";
import { bytesOf } from "./networks/arrays";
import { type DigitNetwork, PIXELS } from "./networks/network";
import { answerTo } from "./recognise";

interface Answered {
  readonly outputs: number[];
  readonly digit: number;
  readonly sentence: string;
}

declare global {
  interface Window {
    drawADigit: {
      /** The current network's answers to pictures given as base64 of 784 bytes each. */
      answers(pictures: string): Answered[];
      /** Why each is no digit, whatever the network makes of it; null where it may be one. */
      unclear(pictures: string): (Unclear | null)[];
      /** For each picture the derivative of its likeliest output by the pixels, if it is known. */
      gradients(pictures: string): number[][];
    };
  }
}

export function exposeToConsole(current: { readonly current: DigitNetwork | null }): void {
  function each<T>(pictures: string, tell: (network: DigitNetwork, picture: Float32Array) => T) {
    const network = current.current;
    if (!network) throw new Error("the network is still being read");
    const bytes = bytesOf(pictures, "pictures");
    return Array.from({ length: bytes.length / PIXELS }, (_, k) => {
      const picture = bytes.subarray(k * PIXELS, (k + 1) * PIXELS);
      return tell(
        network,
        Float32Array.from(picture, (byte) => byte / 255),
      );
    });
  }
  window.drawADigit = {
    answers: (pictures) =>
      each(pictures, (network, picture) => {
        const { outputs, digit, sentence } = answerTo(network, picture);
        return { outputs: Array.from(outputs), digit, sentence };
      }),
    unclear: (pictures) => each(pictures, (_, picture) => unclear(picture)),
    gradients: (pictures) =>
      each(pictures, (network, picture) => {
        const { digit } = answerTo(network, picture);
        return Array.from(network.gradient(digit) ?? []);
      }),
  };
}
