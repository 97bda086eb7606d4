/**
 * A drawing as MNIST would have it: cropped, fitted into 20x20, centred by mass in 28x28.
 * The same, number by number, as `tinygrad_lite/data/normalise.py`, where the why is told; both are
 * tested with `tests/data/drawings.json`.
 */

export const SIDE = 28;
const BOX = 20;
const MIDDLE = 14;
const FAINT = 0.05;
const TIE = 1e-9;

/** Ink from 0 to 1, row by row. */
export interface Ink {
  readonly rows: number;
  readonly columns: number;
  readonly levels: Float64Array;
}

export interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** What of the drawing holds ink, or null if nothing does. */
export function boxOf({ rows, columns, levels }: Ink): Box | null {
  let top = rows;
  let bottom = -1;
  let left = columns;
  let right = -1;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (levels[row * columns + column] < FAINT) continue;
      if (row < top) top = row;
      bottom = row;
      if (column < left) left = column;
      if (column > right) right = column;
    }
  }
  return bottom < 0 ? null : { top, left, height: bottom - top + 1, width: right - left + 1 };
}

/** The 28x28 picture that a network sees, row by row; all zeros if nothing is drawn. */
export function normalise(ink: Ink): Float32Array {
  const picture = new Float32Array(SIDE * SIDE);
  const box = boxOf(ink);
  if (!box) return picture;
  const scale = BOX / Math.max(box.height, box.width);
  const down = sharesOf(box.height, scale);
  const across = sharesOf(box.width, scale);

  const narrowed = new Float64Array(box.height * across.length);
  for (let row = 0; row < box.height; row++) {
    const start = (box.top + row) * ink.columns + box.left;
    for (let column = 0; column < across.length; column++) {
      const { first, shares } = across[column];
      let sum = 0;
      for (let k = 0; k < shares.length; k++) sum += shares[k] * ink.levels[start + first + k];
      narrowed[row * across.length + column] = sum;
    }
  }
  const fitted = new Float64Array(down.length * across.length);
  const rowMasses = new Float64Array(down.length);
  const columnMasses = new Float64Array(across.length);
  for (let row = 0; row < down.length; row++) {
    const { first, shares } = down[row];
    for (let column = 0; column < across.length; column++) {
      let sum = 0;
      for (let k = 0; k < shares.length; k++) {
        sum += shares[k] * narrowed[(first + k) * across.length + column];
      }
      fitted[row * across.length + column] = sum;
      rowMasses[row] += sum;
      columnMasses[column] += sum;
    }
  }
  const top = startOf(rowMasses);
  const left = startOf(columnMasses);
  for (let row = 0; row < down.length; row++) {
    for (let column = 0; column < across.length; column++) {
      picture[(top + row) * SIDE + left + column] = fitted[row * across.length + column];
    }
  }
  return picture;
}

interface Shares {
  readonly first: number;
  readonly shares: Float64Array;
}

/** For each new pixel, the old ones under it and how much of it each covers. */
function sharesOf(length: number, scale: number): Shares[] {
  return Array.from({ length: Math.ceil(length * scale - TIE) }, (_, pixel) => {
    const first = Math.min(Math.max(Math.floor(pixel / scale - TIE), 0), length - 1);
    const shares: number[] = [];
    for (let old = first; old < length && old * scale < pixel + 1; old++) {
      const covered = Math.min((old + 1) * scale, pixel + 1) - Math.max(old * scale, pixel);
      shares.push(Math.max(covered, 0));
    }
    return { first, shares: Float64Array.from(shares) };
  });
}

/** Where rows of these masses begin, so that their centre is in the middle. */
function startOf(masses: Float64Array): number {
  let sum = 0;
  let moment = 0;
  masses.forEach((mass, i) => {
    sum += mass;
    moment += i * mass;
  });
  const start = Math.floor(MIDDLE - moment / sum + 0.5 + TIE);
  return Math.min(Math.max(start, 0), SIDE - masses.length);
}
