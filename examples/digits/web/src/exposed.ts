/** For the console, and for tests: `drawADigit.answers(...)`. */

import { bytesOf } from "./networks/arrays";
import { type DigitNetwork, PIXELS } from "./networks/network";
import { answerTo } from "./recognise";

declare global {
  interface Window {
    drawADigit: {
      /** The current network's answers to pictures given as base64 of 784 bytes each. */
      answers(
        pictures: string,
      ): { outputs: number[]; digit: number; sentence: string; gradient: number[] }[];
    };
  }
}

export function exposeToConsole(current: { readonly current: DigitNetwork | null }): void {
  window.drawADigit = {
    answers(pictures) {
      const network = current.current;
      if (!network) throw new Error("the network is still being read");
      const bytes = bytesOf(pictures, "pictures");
      return Array.from({ length: bytes.length / PIXELS }, (_, k) => {
        const picture = Float32Array.from(
          bytes.subarray(k * PIXELS, (k + 1) * PIXELS),
          (byte) => byte / 255,
        );
        const { outputs, digit, sentence } = answerTo(network, picture);
        return {
          outputs: Array.from(outputs),
          digit,
          sentence,
          gradient: Array.from(network.gradient(digit)),
        };
      });
    },
  };
}
