/** Convolution and pooling of images (N, C, H, W); settings as in `tinygrad_lite.rules`. */

import { type Entries, type Tensor, zeros } from "./tensor";

export type Pair = readonly [number, number];

export interface Windows {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
}

/** How many windows fit along an axis. */
function count(length: number, axis: 0 | 1, { kernel, stride, padding, dilation }: Windows) {
  const reach = dilation[axis] * (kernel[axis] - 1) + 1;
  return Math.floor((length + 2 * padding[axis] - reach) / stride[axis]) + 1;
}

/** The first window, and the one after the last, whose entry at an offset is inside the image. */
function inside(offset: number, length: number, windows: number, step: number): Pair {
  const first = Math.max(0, Math.ceil(-offset / step));
  const end = Math.min(windows, Math.floor((length - 1 - offset) / step) + 1);
  return [first, Math.max(end, first)];
}

/**
 * For every map and entry of a window (together a tap), visit the rows of windows that have it inside
 * the image: which tap, the first window, where that is in the images (maps, H, W), and how many
 * windows there are.
 */
function eachRow(
  [height, width]: Pair,
  counts: Pair,
  w: Windows,
  maps: number,
  visit: (tap: number, window: number, image: number, length: number) => void,
): void {
  for (let map = 0, tap = 0; map < maps; map++) {
    for (let i = 0; i < w.kernel[0]; i++) {
      const down = i * w.dilation[0] - w.padding[0];
      const [top, bottom] = inside(down, height, counts[0], w.stride[0]);
      for (let j = 0; j < w.kernel[1]; j++, tap++) {
        const right = j * w.dilation[1] - w.padding[1];
        const [first, end] = inside(right, width, counts[1], w.stride[1]);
        for (let y = top; y < bottom; y++) {
          const row = map * height + y * w.stride[0] + down;
          visit(tap, y * counts[1] + first, row * width + first * w.stride[1] + right, end - first);
        }
      }
    }
  }
}

/** Correlation of images with kernels (outputs, inputs of a group, kH, kW). */
export function conv2d(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  settings: Omit<Windows, "kernel">,
  groups: number,
): Tensor {
  const [batch, channels, height, width] = x.shape;
  const [outputs, inputs, kH, kW] = weight.shape;
  const w: Windows = { ...settings, kernel: [kH, kW] };
  const counts: Pair = [count(height, 0, w), count(width, 1, w)];
  const area = counts[0] * counts[1];
  const taps = inputs * kH * kW;
  const out = zeros([batch, outputs, ...counts], x, weight, ...(bias ? [bias] : []));
  const windows = new Float64Array(area * taps); // a row for each window
  const each = outputs / groups;
  const kernels = Float64Array.from(weight.entries);
  for (let n = 0; n < batch; n++) {
    for (let group = 0; group < groups; group++) {
      const image = (n * channels + group * inputs) * height * width;
      windows.fill(0); // the border
      eachRow([height, width], counts, w, inputs, (tap, window, from, length) => {
        for (let k = 0, to = window * taps + tap; k < length; k++, to += taps) {
          windows[to] = x.entries[image + from + k * w.stride[1]];
        }
      });
      const own = kernels.subarray(group * each * taps, (group + 1) * each * taps);
      const sums = product(own, windows, [each, area, taps]);
      for (let o = 0; bias && o < each; o++) {
        const shift = bias.entries[group * each + o];
        for (let k = o * area; k < (o + 1) * area; k++) sums[k] += shift;
      }
      out.entries.set(sums, (n * outputs + group * each) * area);
    }
  }
  return out;
}

/** The transpose of `conv2d`: images of a size, to which every entry adds the kernels it scales. */
export function convTranspose2d(
  y: Tensor,
  weight: Tensor,
  size: Pair,
  settings: Omit<Windows, "kernel">,
  groups: number,
): Tensor {
  const [batch, outputs, rows, across] = y.shape;
  const [, inputs, kH, kW] = weight.shape;
  const w: Windows = { ...settings, kernel: [kH, kW] };
  const area = rows * across;
  const taps = inputs * kH * kW;
  const each = outputs / groups;
  const out = zeros([batch, inputs * groups, ...size], y, weight);
  const sums = new Float64Array(inputs * size[0] * size[1]);
  for (let n = 0; n < batch; n++) {
    for (let group = 0; group < groups; group++) {
      const first = (n * outputs + group * each) * area;
      const entries = y.entries.subarray(first, first + each * area);
      const kernels = weight.entries.subarray(group * each * taps, (group + 1) * each * taps);
      const spread = product(transposed(kernels, each, taps), transposed(entries, each, area), [
        taps,
        area,
        each,
      ]);
      sums.fill(0);
      eachRow(size, [rows, across], w, inputs, (tap, window, to, length) => {
        const from = tap * area + window;
        for (let k = 0; k < length; k++) sums[to + k * w.stride[1]] += spread[from + k];
      });
      out.entries.set(sums, (n * groups + group) * sums.length);
    }
  }
  return out;
}

/** The products of rows of a with rows of b, as (rows of a, rows of b); each row is `depth` long. */
function product(
  a: Float64Array,
  b: Float64Array,
  [rows, columns, depth]: readonly [number, number, number],
): Float64Array {
  const out = new Float64Array(rows * columns);
  let row = 0;
  // Four rows at a time, so that each entry of b is read a quarter as often.
  for (; row + 3 < rows; row += 4) {
    const [a0, a1, a2, a3] = [0, 1, 2, 3].map((k) => (row + k) * depth);
    for (let column = 0; column < columns; column++) {
      const from = column * depth;
      let s0 = 0;
      let s1 = 0;
      let s2 = 0;
      let s3 = 0;
      for (let k = 0; k < depth; k++) {
        const entry = b[from + k];
        s0 += a[a0 + k] * entry;
        s1 += a[a1 + k] * entry;
        s2 += a[a2 + k] * entry;
        s3 += a[a3 + k] * entry;
      }
      const to = row * columns + column;
      out[to] = s0;
      out[to + columns] = s1;
      out[to + 2 * columns] = s2;
      out[to + 3 * columns] = s3;
    }
  }
  for (; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let k = 0; k < depth; k++) sum += a[row * depth + k] * b[column * depth + k];
      out[row * columns + column] = sum;
    }
  }
  return out;
}

function transposed(entries: Entries, rows: number, columns: number): Float64Array {
  const out = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      out[column * rows + row] = entries[row * columns + column];
    }
  }
  return out;
}

export type Pooling = Omit<Windows, "dilation">;

function pooled(x: Tensor, settings: Pooling): Tensor {
  const w = { ...settings, dilation: [1, 1] } as const;
  const [batch, channels, height, width] = x.shape;
  return zeros([batch, channels, count(height, 0, w), count(width, 1, w)], x);
}

/** The largest entry of every window; the border is never the largest. */
export function maxPool(x: Tensor, settings: Pooling): Tensor {
  const out = pooled(x, settings);
  out.entries.fill(-Infinity);
  overWindows(x.shape, settings, (at, image) => {
    if (x.entries[image] > out.entries[at]) out.entries[at] = x.entries[image];
  });
  return out;
}

/** The sum of every window. */
export function windowSums(x: Tensor, settings: Pooling): Tensor {
  const out = pooled(x, settings);
  overWindows(x.shape, settings, (at, image) => {
    out.entries[at] += x.entries[image];
  });
  return out;
}

/** The transpose of `windowSums`. */
export function windowSpread(y: Tensor, size: Pair, settings: Pooling): Tensor {
  const out = zeros([y.shape[0], y.shape[1], ...size], y);
  overWindows(out.shape, settings, (at, image) => {
    out.entries[image] += y.entries[at];
  });
  return out;
}

/** Every entry of `y` divided among the entries of its window in `x` that equal the largest. */
export function maxPoolShare(y: Tensor, x: Tensor, top: Tensor, settings: Pooling): Tensor {
  const ties = new Uint32Array(top.entries.length);
  overWindows(x.shape, settings, (at, image) => {
    if (x.entries[image] === top.entries[at]) ties[at]++;
  });
  const out = zeros(x.shape, y);
  overWindows(x.shape, settings, (at, image) => {
    if (x.entries[image] === top.entries[at]) out.entries[image] += y.entries[at] / ties[at];
  });
  return out;
}

/** Visit every entry of every window, by where it is among the windows' results and the images. */
function overWindows(
  shape: readonly number[],
  settings: Pooling,
  visit: (at: number, image: number) => void,
): void {
  const [batch, channels, height, width] = shape;
  const w: Windows = { ...settings, dilation: [1, 1] };
  const counts: Pair = [count(height, 0, w), count(width, 1, w)];
  const area = counts[0] * counts[1];
  for (let map = 0; map < batch * channels; map++) {
    const base = map * height * width;
    eachRow([height, width], counts, w, 1, (_, window, image, length) => {
      const at = map * area + window;
      for (let k = 0; k < length; k++) visit(at + k, base + image + k * w.stride[1]);
    });
  }
}
