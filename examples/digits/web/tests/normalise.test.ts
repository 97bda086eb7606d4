import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { measure, unclear } from "../src/drawing/clarity";
import { boxOf, type Ink, normalise, SIDE } from "../src/drawing/normalise";

interface Vector {
  name: string;
  rows: number;
  columns: number;
  ink: string;
  picture: string;
}

const VECTORS: Vector[] = JSON.parse(
  readFileSync(new URL("../../../../tests/data/drawings.json", import.meta.url), "utf-8"),
);

function inkOf({ rows, columns, ink }: Vector): Ink {
  return { rows, columns, levels: Float64Array.from(Buffer.from(ink, "base64"), (b) => b / 255) };
}

function drawn(side: number, level: (row: number, column: number) => number): Ink {
  const levels = Float64Array.from({ length: side * side }, (_, i) =>
    Math.min(Math.max(level(Math.floor(i / side), i % side), 0), 1),
  );
  return { rows: side, columns: side, levels };
}

describe("normalise", () => {
  it.each(VECTORS)("agrees with Python on $name", (vector) => {
    const bytes = Buffer.from(vector.picture, "base64");
    const wanted = Array.from({ length: SIDE * SIDE }, (_, i) => bytes.readFloatLE(4 * i));
    const picture = normalise(inkOf(vector));
    const difference = Math.max(...wanted.map((pixel, i) => Math.abs(pixel - picture[i])));
    expect(difference).toBeLessThan(1e-6);
  });

  it("finds the box at all four sides", () => {
    // The bottom must be looked for among the rows, however wide the drawing is.
    const levels = new Float64Array(10 * 4);
    levels[9 * 4 + 1] = 1;
    levels[2 * 4 + 3] = 1;
    const box = boxOf({ rows: 10, columns: 4, levels });
    expect(box).toEqual({ top: 2, left: 1, height: 8, width: 3 });
  });

  it("gives the same picture wherever it is drawn and however large", () => {
    const ring = (size: number, at: number) =>
      drawn(400, (row, column) => {
        const apart = Math.hypot(row - at, column - at);
        return size / 8 + 0.5 - Math.abs(apart - size);
      });
    const picture = normalise(ring(120, 200));
    const smaller = normalise(ring(60, 90));
    const difference = Math.max(...picture.map((pixel, i) => Math.abs(pixel - smaller[i])));
    expect(difference).toBeLessThan(0.1);
  });
});

describe("unclear", () => {
  it("takes the digits of MNIST for clear", () => {
    for (const vector of VECTORS.filter(({ name }) => name.startsWith("digit"))) {
      expect(unclear(normalise(inkOf(vector)))).toBe(null);
    }
  });

  it("notices that nothing is drawn", () => {
    expect(unclear(new Float32Array(SIDE * SIDE))).toBe("empty");
  });

  it.each([2, 3, 6, 11, 40])("sees no line in a dot of radius %d", (radius) => {
    expect(unclear(pen(radius, [[47.3, 51.8]]))).toBe("dots");
  });

  it.each([2, 4, 8, 14])("sees no line in several dots of radius %d", (radius) => {
    for (const dots of [
      [[30, 50], [70, 50]],
      [[50, 30], [50, 70]],
      [[20, 20], [80, 84]],
      [[20, 50], [80, 20], [80, 80]],
      [[20, 20], [20, 80], [80, 20], [80, 80]],
    ] as Place[][]) {
      expect(unclear(pen(radius, ...dots.map((dot) => [dot])))).toBe("dots");
    }
  });

  it.each([2, 4, 8, 12])("takes lines that lie for no digits, at a radius of %d", (radius) => {
    for (const [rise, run] of [[0, 40], [5, 40], [-5, 40], [-11, 38], [11, 38]]) {
      const line: Place[] = [[50 + rise, 50 - run], [50 - rise, 50 + run]];
      expect(unclear(pen(radius, line))).toBe("flat");
    }
    const bow = Array.from({ length: 40 }, (_, k): Place => [50 + 8 * Math.sin(k / 13), 10 + 2 * k]);
    expect(unclear(pen(radius, bow))).toBe("flat");
  });

  it.each([2, 4, 8, 12])("takes lines that stand for digits, at a radius of %d", (radius) => {
    for (const lean of [0, 5, -5, 12, -12, 25]) {
      expect(unclear(pen(radius, [[10, 50 + lean], [90, 50 - lean]]))).toBe(null);
    }
  });

  it("measures spread by inertia: about 1 for a disc, half the length in widths for a line", () => {
    expect(measure(pen(40, [[50, 50]])).spread).toBeCloseTo(1, 1);
    const bar = drawn(100, (row, column) =>
      row >= 10 && row < 90 && column >= 46 && column < 54 ? 1 : 0,
    );
    const wanted = ((2 * Math.PI) / 12) * (10 + 1 / 10); // length / width + width / length
    expect(Math.abs(measure(normalise(bar)).spread / wanted - 1)).toBeLessThan(0.02);
  });

  it("notices a tangle", () => {
    const waves = drawn(200, (row, column) =>
      Math.sin(row / 6) > 0.3 || Math.sin(column / 6) > 0.3 ? 1 : 0,
    );
    expect(unclear(normalise(waves))).toBe("scribble");
    const comb = drawn(200, (row, column) => (column % 36 < 14 || row < 20 ? 1 : 0));
    expect(measure(normalise(comb)).crossings).toBeGreaterThan(4);
    expect(unclear(normalise(comb))).toBe("scribble");
  });

  it("takes no notice of how dark the ink is", () => {
    const seven = normalise(inkOf(VECTORS.find(({ name }) => name.startsWith("digit")) as Vector));
    expect(unclear(seven.map((level) => 0.2 * level))).toBe(null);
  });
});

type Place = [row: number, column: number];

/** A picture of what a round pen of some radius draws on paper of 100 by 100: strokes of places. */
function pen(radius: number, ...strokes: Place[][]): Float32Array {
  return normalise(
    drawn(100, (row, column) => {
      let apart = Infinity;
      for (const stroke of strokes) {
        stroke.forEach((from, k) => {
          const to = stroke[k + 1] ?? from;
          const [down, across] = [to[0] - from[0], to[1] - from[1]];
          const along = (row - from[0]) * down + (column - from[1]) * across;
          const share = Math.min(Math.max(along / (down ** 2 + across ** 2 || 1), 0), 1);
          const [y, x] = [from[0] + share * down, from[1] + share * across];
          apart = Math.min(apart, Math.hypot(row - y, column - x));
        });
      }
      return radius + 0.5 - apart;
    }),
  );
}
