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
 * For every map and entry of a window, visit the rows of windows that have that entry inside the
 * image: where they begin in an array (maps, entries of a window, windows) and in the images (maps,
 * H, W), and how many there are.
 */
function eachRow(
  [height, width]: Pair,
  counts: Pair,
  w: Windows,
  maps: number,
  visit: (windows: number, image: number, length: number) => void,
): void {
  for (let map = 0, tap = 0; map < maps; map++) {
    for (let i = 0; i < w.kernel[0]; i++) {
      const down = i * w.dilation[0] - w.padding[0];
      const [top, bottom] = inside(down, height, counts[0], w.stride[0]);
      for (let j = 0; j < w.kernel[1]; j++, tap++) {
        const right = j * w.dilation[1] - w.padding[1];
        const [first, end] = inside(right, width, counts[1], w.stride[1]);
        for (let y = top; y < bottom; y++) {
          const image =
            (map * height + y * w.stride[0] + down) * width + first * w.stride[1] + right;
          visit((tap * counts[0] + y) * counts[1] + first, image, end - first);
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
  const columns = new Float64Array(taps * area);
  const each = outputs / groups;
  const sums = new Float64Array(each * area);
  for (let n = 0; n < batch; n++) {
    for (let group = 0; group < groups; group++) {
      const first = n * channels + group * inputs;
      columns.fill(0); // the border
      eachRow([height, width], counts, w, inputs, (to, from, length) => {
        for (let k = 0; k < length; k++) {
          columns[to + k] = x.entries[first * height * width + from + k * w.stride[1]];
        }
      });
      for (let o = 0; o < each; o++) {
        sums.fill(bias ? bias.entries[group * each + o] : 0, o * area, (o + 1) * area);
      }
      const kernels = weight.entries.subarray(group * each * taps, (group + 1) * each * taps);
      addProduct(sums, kernels, [taps, 1], columns, [each, taps, area]);
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
  const columns = new Float64Array(taps * area);
  const sums = new Float64Array(inputs * size[0] * size[1]);
  for (let n = 0; n < batch; n++) {
    for (let group = 0; group < groups; group++) {
      const kernels = weight.entries.subarray(group * each * taps, (group + 1) * each * taps);
      const first = (n * outputs + group * each) * area;
      columns.fill(0);
      const entries = Float64Array.from(y.entries.subarray(first, first + each * area));
      addProduct(columns, kernels, [1, taps], entries, [taps, each, area]);
      sums.fill(0);
      eachRow(size, [rows, across], w, inputs, (from, to, length) => {
        for (let k = 0; k < length; k++) sums[to + k * w.stride[1]] += columns[from + k];
      });
      out.entries.set(sums, (n * groups + group) * sums.length);
    }
  }
  return out;
}

/** out (rows, length) += a (rows, depth, its strides given) times b (depth, length). */
function addProduct(
  out: Float64Array,
  a: Entries,
  [down, across]: Pair,
  b: Float64Array,
  [rows, depth, length]: readonly [number, number, number],
): void {
  for (let row = 0; row < rows; row++) {
    const to = row * length;
    let k = 0;
    // Four at a time, so that each sum is read and written a quarter as often.
    for (; k + 3 < depth; k += 4) {
      const at = row * down + k * across;
      const a0 = a[at];
      const a1 = a[at + across];
      const a2 = a[at + 2 * across];
      const a3 = a[at + 3 * across];
      const b0 = k * length;
      const b1 = b0 + length;
      const b2 = b1 + length;
      const b3 = b2 + length;
      for (let i = 0; i < length; i++) {
        out[to + i] += a0 * b[b0 + i] + a1 * b[b1 + i] + a2 * b[b2 + i] + a3 * b[b3 + i];
      }
    }
    for (; k < depth; k++) {
      const factor = a[row * down + k * across];
      for (let i = 0; i < length; i++) out[to + i] += factor * b[k * length + i];
    }
  }
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
    eachRow([height, width], counts, w, 1, (windows, image, length) => {
      const at = map * area + (windows % area);
      for (let k = 0; k < length; k++)
        visit(at + k, map * height * width + image + k * w.stride[1]);
    });
  }
}
