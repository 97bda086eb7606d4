/** Arrays in graph files: dtype, shape, and base64 of little-endian bytes, row by row. */

import { listAt, recordAt, textAt, wholeAt } from "./json";
import { NetworkFileError } from "./network";
import { sizeOf, type Tensor } from "./tensor";

const READERS: Record<string, [bytes: number, read: (view: DataView, at: number) => number]> = {
  float16: [2, (view, at) => half(view.getUint16(at, true))],
  float32: [4, (view, at) => view.getFloat32(at, true)],
  float64: [8, (view, at) => view.getFloat64(at, true)],
  int64: [8, (view, at) => Number(view.getBigInt64(at, true))],
  int32: [4, (view, at) => view.getInt32(at, true)],
  uint8: [1, (view, at) => view.getUint8(at)],
  bool: [1, (view, at) => view.getUint8(at)],
};

/** An array from a file; halves become singles. */
export function arrayAt(json: unknown, place: string): Tensor {
  const array = recordAt(json, place, ["dtype", "shape", "data"]);
  const dtype = textAt(array.dtype, `${place}.dtype`);
  if (!Object.hasOwn(READERS, dtype)) {
    throw new NetworkFileError(`${place}.dtype: "${dtype}" is none of ${Object.keys(READERS)}`);
  }
  const [width, read] = READERS[dtype];
  const shape = listAt(array.shape, `${place}.shape`).map((length, axis) =>
    wholeAt(length, `${place}.shape[${axis}]`, 2 ** 31),
  );
  const bytes = bytesOf(textAt(array.data, `${place}.data`), `${place}.data`);
  if (bytes.length !== sizeOf(shape) * width) {
    throw new NetworkFileError(
      `${place}.data: ${bytes.length} bytes, but (${shape.join(", ")}) of ${dtype} are ` +
        `${sizeOf(shape) * width}`,
    );
  }
  const single = dtype === "float32" || dtype === "float16";
  const entries = new (single ? Float32Array : Float64Array)(sizeOf(shape));
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < entries.length; i++) entries[i] = read(view, i * width);
  if (!entries.every(Number.isFinite)) {
    throw new NetworkFileError(`${place}: holds a NaN or an infinity`);
  }
  return { shape, entries };
}

export function bytesOf(base64: string, place: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    throw new NetworkFileError(`${place}: this is not base64`);
  }
}

/** IEEE 754 binary16: one bit sign, five exponent, ten fraction. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
