/** The networks that come with the page, and the one that `tinygrad-lite demo --network` put in. */

import convolutional from "../../networks/convolutional.json.gz?base64";
import edgeMaps from "../../networks/edge_maps.json.gz?base64";
import { bytesOf } from "./arrays";

export interface Source {
  readonly name: string;
  readonly detail: string;
  readonly bytes: () => Uint8Array<ArrayBuffer>;
}

export const SHIPPED: readonly Source[] = [
  {
    name: "Convolutions",
    detail: "learned, 99 % of MNIST",
    bytes: () => bytesOf(convolutional, "convolutional.json.gz"),
  },
  {
    name: "Edge maps",
    detail: "neurons, 97 % of MNIST",
    bytes: () => bytesOf(edgeMaps, "edge_maps.json.gz"),
  },
];

/** A network file in the page itself, as base64 in an element that Python wrote. */
export function givenNetwork(): Source | null {
  const element = document.getElementById("given-network");
  if (!element) return null;
  const text = element.textContent ?? "";
  const name = element.dataset.name ?? "a file";
  return { name, detail: "your file", bytes: () => bytesOf(text.trim(), name) };
}
