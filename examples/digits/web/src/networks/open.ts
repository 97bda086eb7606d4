/** From the bytes of a file to a network that runs. */

import { Graph } from "./graph";
import { objectAt } from "./json";
import { type DigitNetwork, NetworkFileError } from "./network";
import { readNeurons } from "./neurons";
import { TensorNetwork } from "./tensors";

/** More than any network for 784 pixels should need; a larger file is refused before it is read. */
export const MOST_BYTES = 64 * 1024 * 1024;

/**
 * The network in a file: neurons in the original's JSON, or a graph that Python exported; either may
 * be compressed by gzip.
 */
export async function openNetwork(bytes: Uint8Array<ArrayBuffer>): Promise<DigitNetwork> {
  const text = await textOf(bytes);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new NetworkFileError(`this is no JSON: ${(error as Error).message}`);
  }
  const file = objectAt(json, "the file");
  if ("otherLayers" in file || "inputLayerLength" in file) return readNeurons(file);
  return new TensorNetwork(new Graph(file));
}

async function textOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const plain = bytes[0] === 0x1f && bytes[1] === 0x8b ? await gunzip(bytes) : bytes;
  if (plain.length > MOST_BYTES) tooLarge(plain.length);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(plain);
  } catch {
    throw new NetworkFileError("this is no text, so no network file");
  }
}

export function tooLarge(length: number): never {
  throw new NetworkFileError(
    `${Math.round(length / 2 ** 20)} MB, but a network file has at most ${MOST_BYTES / 2 ** 20} MB`,
  );
}

async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (const reader = stream.getReader(); ; ) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      length += value.length;
      if (length > MOST_BYTES) break; // the rest may be a thousand times as much
    }
  } catch {
    throw new NetworkFileError("the compressed file is damaged");
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
