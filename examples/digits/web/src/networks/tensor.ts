/** Arrays of numbers with a shape, row by row. */

export type Entries = Float32Array | Float64Array;

export interface Tensor {
  readonly shape: readonly number[];
  /** float32 is kept as such; all other dtypes, truth values included, as float64. */
  readonly entries: Entries;
  /** A plain number, which takes the precision of what it meets. */
  readonly weak?: true;
}

export function weak(number: number): Tensor {
  return { shape: [], entries: Float64Array.of(number), weak: true };
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Zeros of a shape, in the precision of what they will be computed from. */
export function zeros(shape: readonly number[], ...like: Tensor[]): Tensor {
  const strong = like.filter((tensor) => !tensor.weak);
  const single = strong.length > 0 && strong.every((t) => t.entries instanceof Float32Array);
  const Kind = single ? Float32Array : Float64Array;
  return { shape, entries: new Kind(sizeOf(shape)) };
}

/** How far apart in memory neighbours along each axis are. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  for (let axis = shape.length - 1, stride = 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** The shape that arrays of these shapes have together, as NumPy broadcasts them. */
export function broadcast(...shapes: (readonly number[])[]): number[] {
  const axes = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: axes }, (_, axis) => {
    let length = 1;
    for (const shape of shapes) {
      const own = shape[axis - axes + shape.length] ?? 1;
      if (own === 1 || own === length) continue;
      if (length !== 1) {
        throw new Error(
          `shapes ${shapes.map((s) => `(${s.join(", ")})`).join(" and ")} do not fit`,
        );
      }
      length = own;
    }
    return length;
  });
}

/** Strides for walking through a tensor as if it had a larger shape. */
export function stridesWithin(tensor: Tensor, shape: readonly number[]): number[] {
  const strides = stridesOf(tensor.shape);
  const missing = shape.length - tensor.shape.length;
  return shape.map((_, axis) =>
    axis < missing || tensor.shape[axis - missing] === 1 ? 0 : strides[axis - missing],
  );
}

/**
 * Walk through a shape row by row, and call with the position in each of several arrays that have
 * these strides and beginnings.
 */
export function walk(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
  visit: (index: number, at: readonly number[]) => void,
  starts: readonly number[] = strides.map(() => 0),
): void {
  const count = sizeOf(shape);
  const counter = new Array<number>(shape.length).fill(0);
  const at = [...starts];
  for (let index = 0; index < count; index++) {
    visit(index, at);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      counter[axis]++;
      for (let k = 0; k < at.length; k++) at[k] += strides[k][axis];
      if (counter[axis] < shape[axis]) break;
      for (let k = 0; k < at.length; k++) at[k] -= strides[k][axis] * shape[axis];
      counter[axis] = 0;
    }
  }
}
