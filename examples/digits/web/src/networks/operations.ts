/**
 * The operations of graph files: what `tinygrad_lite/export/vocabulary.py` lists, by the same names
 * and with the same settings.
 */

import { broadcast, sizeOf, stridesOf, stridesWithin, type Tensor, walk, zeros } from "./tensor";
import {
  conv2d,
  convTranspose2d,
  maxPool,
  maxPoolShare,
  type Pair,
  type Pooling,
  windowSpread,
  windowSums,
} from "./windows";

/** How a setting is written in the file; sizes are whole numbers by the time they come here. */
export type Kind =
  | "integer"
  | "integer or null"
  | "integers"
  | "pair"
  | "sizes"
  | "truth"
  | "number"
  | "text";

type Settings = Record<string, any>;

export interface Operation {
  /** Least and greatest number of inputs. */
  readonly inputs: Pair;
  readonly settings: Readonly<Record<string, Kind>>;
  run(inputs: Tensor[], settings: Settings): Tensor;
}

function one(f: (x: number) => number): Operation {
  return {
    inputs: [1, 1],
    settings: {},
    run: ([x]) => {
      const out = zeros(x.shape, x);
      for (let i = 0; i < out.entries.length; i++) out.entries[i] = f(x.entries[i]);
      return out;
    },
  };
}

function two(f: (x: number, y: number) => number): Operation {
  return {
    inputs: [2, 2],
    settings: {},
    run: ([x, y]) => {
      const shape = broadcast(x.shape, y.shape);
      const out = zeros(shape, x, y);
      if (x.entries.length === y.entries.length && x.shape.length === y.shape.length) {
        for (let i = 0; i < out.entries.length; i++) out.entries[i] = f(x.entries[i], y.entries[i]);
        return out;
      }
      walk(shape, [stridesWithin(x, shape), stridesWithin(y, shape)], (i, at) => {
        out.entries[i] = f(x.entries[at[0]], y.entries[at[1]]);
      });
      return out;
    },
  };
}

/** Fold the entries along some axes into one. */
function reduction(fold: (entries: Float64Array) => number): Operation {
  return {
    inputs: [1, 1],
    settings: { axes: "integers", keepdims: "truth" },
    run: ([x], { axes, keepdims }) => {
      const single = x.shape.map((length, axis) => (axes.includes(axis) ? 1 : length));
      const shape = keepdims ? single : x.shape.filter((_, axis) => !axes.includes(axis));
      const out = zeros(shape, x);
      const strides = stridesOf(x.shape);
      const along = axes.map((axis: number) => x.shape[axis]);
      const steps = axes.map((axis: number) => strides[axis]);
      const entries = new Float64Array(sizeOf(along));
      walk(single, [strides], (i, [start]) => {
        walk(
          along,
          [steps],
          (k, [at]) => {
            entries[k] = x.entries[at];
          },
          [start],
        );
        out.entries[i] = fold(entries);
      });
      return out;
    },
  };
}

/** Replace the entries along an axis, given to a function together. */
function along(f: (entries: Float64Array) => void): Operation {
  return {
    inputs: [1, 1],
    settings: { axis: "integer" },
    run: ([x], { axis }) => {
      const out = zeros(x.shape, x);
      const strides = stridesOf(x.shape);
      const single = x.shape.map((length, k) => (k === axis ? 1 : length));
      const entries = new Float64Array(x.shape[axis]);
      walk(single, [strides], (_, [start]) => {
        for (let k = 0; k < entries.length; k++) entries[k] = x.entries[start + k * strides[axis]];
        f(entries);
        for (let k = 0; k < entries.length; k++)
          out.entries[start + k * strides[axis]] = entries[k];
      });
      return out;
    },
  };
}

function logSumExp(entries: Float64Array): number {
  const top = largest(entries);
  if (!Number.isFinite(top)) return top;
  return top + Math.log(entries.reduce((sum, x) => sum + Math.exp(x - top), 0));
}

function largest(entries: Float64Array): number {
  return entries.reduce((a, b) => Math.max(a, b), -Infinity);
}

/** Entries taken from other places: by the strides and the beginning with which to walk there. */
function moved(x: Tensor, shape: readonly number[], strides: number[], start = 0): Tensor {
  const out = zeros(shape, x);
  walk(
    shape,
    [strides],
    (i, [at]) => {
      out.entries[i] = x.entries[at];
    },
    [start],
  );
  return out;
}

/** Products of the last two axes, broadcast over the others; an operand of one axis is a vector. */
function matmul(x: Tensor, y: Tensor): Tensor {
  const a = x.shape.length === 1 ? [1, ...x.shape] : [...x.shape];
  const b = y.shape.length === 1 ? [...y.shape, 1] : [...y.shape];
  const [rows, inner] = a.slice(-2);
  const [depth, columns] = b.slice(-2);
  if (inner !== depth) throw new Error(`matmul of (${a}) and (${b}): ${inner} is not ${depth}`);
  const batch = broadcast(a.slice(0, -2), b.slice(0, -2));
  const full = [...batch, rows, columns];
  const out = zeros(full, x, y);
  const strides = [a, b].map((shape) =>
    stridesWithin({ shape: shape.slice(0, -2), entries: x.entries }, batch).map(
      (stride) => stride * sizeOf(shape.slice(-2)),
    ),
  );
  walk(batch, strides, (n, [p, q]) => {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let sum = 0;
        for (let k = 0; k < inner; k++) {
          sum += x.entries[p + i * inner + k] * y.entries[q + k * columns + j];
        }
        out.entries[(n * rows + i) * columns + j] = sum;
      }
    }
  });
  const shape = full.filter(
    (_, axis) =>
      !(x.shape.length === 1 && axis === full.length - 2) &&
      !(y.shape.length === 1 && axis === full.length - 1),
  );
  return { ...out, shape };
}

/** x @ weight.T + bias, for the last axis of x. */
function linear(x: Tensor, weight: Tensor, bias: Tensor | undefined): Tensor {
  const [outputs, inputs] = weight.shape;
  const rows = sizeOf(x.shape) / inputs;
  const like = bias ? [x, weight, bias] : [x, weight];
  const out = zeros([...x.shape.slice(0, -1), outputs], ...like);
  for (let row = 0; row < rows; row++) {
    for (let o = 0; o < outputs; o++) {
      let sum = bias ? bias.entries[o] : 0;
      for (let k = 0; k < inputs; k++) {
        sum += weight.entries[o * inputs + k] * x.entries[row * inputs + k];
      }
      out.entries[row * outputs + o] = sum;
    }
  }
  return out;
}

function concatenate(tensors: Tensor[], axis: number): Tensor {
  const lengths = tensors.map((tensor) => tensor.shape[axis]);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const shape = tensors[0].shape.map((length, k) => (k === axis ? total : length));
  const out = zeros(shape, ...tensors);
  const strides = stridesOf(shape);
  let first = 0;
  tensors.forEach((tensor, k) => {
    walk(
      tensor.shape,
      [strides],
      (i, [at]) => {
        out.entries[at] = tensor.entries[i];
      },
      [first * strides[axis]],
    );
    first += lengths[k];
  });
  return out;
}

function slice(x: Tensor, { axis, start, stop, step }: Settings): Tensor {
  // Backwards, an open end is before the first entry.
  const end = stop ?? (step < 0 ? -1 : x.shape[axis]);
  const length = Math.max(0, Math.ceil((Math.min(end, x.shape[axis]) - start) / step));
  const strides = stridesOf(x.shape);
  const shape = x.shape.map((own, k) => (k === axis ? length : own));
  const begin = start * strides[axis];
  strides[axis] *= step;
  return moved(x, shape, strides, begin);
}

function take(x: Tensor, indices: Tensor, axis: number): Tensor {
  const before = x.shape.slice(0, axis);
  const after = x.shape.slice(axis + 1);
  const block = sizeOf(after);
  const out = zeros([...before, ...indices.shape, ...after], x);
  let to = 0;
  for (let row = 0; row < sizeOf(before); row++) {
    for (const index of indices.entries) {
      const from = (row * x.shape[axis] + (index < 0 ? index + x.shape[axis] : index)) * block;
      out.entries.set(x.entries.subarray(from, from + block), to);
      to += block;
    }
  }
  return out;
}

/** Sums of products over named axes: every letter is an axis, those not in the result are summed. */
function einsum(tensors: Tensor[], subscripts: string): Tensor {
  const [given, result] = subscripts.split("->");
  const terms = given.split(",");
  const lengths = new Map<string, number>();
  terms.forEach((term, k) => {
    if (term.length !== tensors[k]?.shape.length) throw new Error(`"${subscripts}" does not fit`);
    [...term].forEach((letter, axis) => {
      lengths.set(letter, tensors[k].shape[axis]);
    });
  });
  const summed = [...lengths.keys()].filter((letter) => !result.includes(letter));
  const letters = [...result, ...summed];
  const shape = [...result].map((letter) => lengths.get(letter) ?? 0);
  const out = zeros(shape, ...tensors);
  const strides = [result, ...terms].map((term, k) => {
    const own = stridesOf(k === 0 ? shape : tensors[k - 1].shape);
    return letters.map((letter) =>
      [...term].reduce((sum, each, axis) => (each === letter ? sum + own[axis] : sum), 0),
    );
  });
  const sums = new Float64Array(out.entries.length);
  walk(
    letters.map((letter) => lengths.get(letter) ?? 0),
    strides,
    (_, [to, ...from]) => {
      let product = 1;
      for (let k = 0; k < from.length; k++) product *= tensors[k].entries[from[k]];
      sums[to] += product;
    },
  );
  out.entries.set(sums);
  return out;
}

/** The error function; Abramowitz and Stegun, 7.1.26, to within 1.5e-7. */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const polynomial =
    ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return Math.sign(x) * (1 - polynomial * Math.exp(-x * x));
}

function pad(x: Tensor, { before, after, fill }: Settings): Tensor {
  const shape = x.shape.map((length, axis) => before[axis] + length + after[axis]);
  const out = zeros(shape, x);
  out.entries.fill(fill);
  const strides = stridesOf(shape);
  const start = strides.reduce((sum, stride, axis) => sum + stride * before[axis], 0);
  walk(
    x.shape,
    [strides],
    (i, [at]) => {
      out.entries[at] = x.entries[i];
    },
    [start],
  );
  return out;
}

const truth = (holds: boolean) => (holds ? 1 : 0);
const CONVOLUTION = {
  stride: "pair",
  padding: "pair",
  dilation: "pair",
  groups: "integer",
} as const;
const POOLING = { kernel: "pair", stride: "pair", padding: "pair" } as const;

/** Functions of named inputs, with settings. */
function of(inputs: Pair, settings: Record<string, Kind>, run: Operation["run"]): Operation {
  return { inputs, settings, run };
}

export const OPERATIONS: ReadonlyMap<string, Operation> = new Map(
  Object.entries({
    negative: one((x) => -x),
    absolute: one(Math.abs),
    sign: one(Math.sign),
    exp: one(Math.exp),
    expm1: one(Math.expm1),
    log: one(Math.log),
    log1p: one(Math.log1p),
    sqrt: one(Math.sqrt),
    sin: one(Math.sin),
    cos: one(Math.cos),
    tan: one(Math.tan),
    arctan: one(Math.atan),
    sinh: one(Math.sinh),
    cosh: one(Math.cosh),
    tanh: one(Math.tanh),
    erf: one(erf),
    relu: one((x) => Math.max(x, 0)),
    sigmoid: one((x) => 1 / (1 + Math.exp(-x))),
    softplus: one((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))),
    add: two((x, y) => x + y),
    subtract: two((x, y) => x - y),
    multiply: two((x, y) => x * y),
    divide: two((x, y) => x / y),
    power: two((x, y) => x ** y),
    maximum: two(Math.max),
    minimum: two(Math.min),
    greater: two((x, y) => truth(x > y)),
    greater_equal: two((x, y) => truth(x >= y)),
    less: two((x, y) => truth(x < y)),
    less_equal: two((x, y) => truth(x <= y)),
    equal: two((x, y) => truth(x === y)),
    where: of([3, 3], {}, ([condition, x, y]) => {
      const shape = broadcast(condition.shape, x.shape, y.shape);
      const out = zeros(shape, x, y);
      const strides = [condition, x, y].map((tensor) => stridesWithin(tensor, shape));
      walk(shape, strides, (i, [c, a, b]) => {
        out.entries[i] = condition.entries[c] ? x.entries[a] : y.entries[b];
      });
      return out;
    }),
    astype: of([1, 1], { dtype: "text" }, ([x], { dtype }) => {
      if (dtype === "float32" || dtype === "float16") {
        return { shape: x.shape, entries: Float32Array.from(x.entries) };
      }
      const whole = dtype.startsWith("int") || dtype.startsWith("uint");
      const change = dtype === "bool" ? (e: number) => truth(e !== 0) : Math.trunc;
      const entries = Float64Array.from(x.entries);
      return { shape: x.shape, entries: whole || dtype === "bool" ? entries.map(change) : entries };
    }),
    matmul: of([2, 2], {}, ([x, y]) => matmul(x, y)),
    einsum: of([1, 64], { subscripts: "text" }, (tensors, { subscripts }) =>
      einsum(tensors, subscripts),
    ),
    linear: of([2, 3], {}, ([x, weight, bias]) => linear(x, weight, bias)),
    conv2d: of([2, 3], CONVOLUTION, ([x, weight, bias], s) =>
      conv2d(x, weight, bias, s as Pooling & { dilation: Pair }, s.groups),
    ),
    conv_transpose2d: of([2, 2], { size: "pair", ...CONVOLUTION }, ([y, weight], s) =>
      convTranspose2d(y, weight, s.size, s as Pooling & { dilation: Pair }, s.groups),
    ),
    max_pool: of([1, 1], POOLING, ([x], s) => maxPool(x, s as Pooling)),
    max_pool_share: of([3, 3], POOLING, ([y, x, top], s) => maxPoolShare(y, x, top, s as Pooling)),
    window_sums: of([1, 1], POOLING, ([x], s) => windowSums(x, s as Pooling)),
    window_spread: of([1, 1], { size: "pair", ...POOLING }, ([y], s) =>
      windowSpread(y, s.size, s as Pooling),
    ),
    softmax: along((entries) => {
      const total = logSumExp(entries);
      entries.forEach((x, k) => {
        entries[k] = Math.exp(x - total);
      });
    }),
    log_softmax: along((entries) => {
      const total = logSumExp(entries);
      entries.forEach((x, k) => {
        entries[k] = x - total;
      });
    }),
    cumsum: along((entries) => {
      for (let k = 1; k < entries.length; k++) entries[k] += entries[k - 1];
    }),
    logsumexp: reduction(logSumExp),
    sum: reduction((entries) => entries.reduce((a, b) => a + b, 0)),
    mean: reduction((entries) => entries.reduce((a, b) => a + b, 0) / entries.length),
    max: reduction(largest),
    min: reduction((entries) => entries.reduce((a, b) => Math.min(a, b), Infinity)),
    prod: reduction((entries) => entries.reduce((a, b) => a * b, 1)),
    reshape: of([1, 1], { shape: "sizes" }, ([x], { shape }) => {
      if (sizeOf(shape) !== x.entries.length) {
        throw new Error(`(${x.shape.join(", ")}) cannot be reshaped to (${shape.join(", ")})`);
      }
      return { ...x, shape };
    }),
    transpose: of([1, 1], { axes: "integers" }, ([x], { axes }) => {
      const strides = stridesOf(x.shape);
      return moved(
        x,
        axes.map((axis: number) => x.shape[axis]),
        axes.map((axis: number) => strides[axis]),
      );
    }),
    broadcast_to: of([1, 1], { shape: "sizes" }, ([x], { shape }) =>
      moved(x, shape, stridesWithin(x, shape)),
    ),
    concatenate: of([1, Number.MAX_SAFE_INTEGER], { axis: "integer" }, (tensors, { axis }) =>
      concatenate(tensors, axis),
    ),
    slice: of(
      [1, 1],
      { axis: "integer", start: "integer", stop: "integer or null", step: "integer" },
      ([x], settings) => slice(x, settings),
    ),
    take: of([2, 2], { axis: "integer" }, ([x, indices], { axis }) => take(x, indices, axis)),
    flip: of([1, 1], { axes: "integers" }, ([x], { axes }) => {
      const strides = stridesOf(x.shape);
      let start = 0;
      for (const axis of axes) {
        start += strides[axis] * (x.shape[axis] - 1);
        strides[axis] *= -1;
      }
      return moved(x, x.shape, strides, start);
    }),
    pad: of([1, 1], { before: "integers", after: "integers", fill: "number" }, ([x], settings) =>
      pad(x, settings),
    ),
  } satisfies Record<string, Operation>),
);
