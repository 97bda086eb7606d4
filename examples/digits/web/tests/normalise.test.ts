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

  it.each([1.5, 3, 6, 11, 40])("notices a dot of radius %d", (radius) => {
    const dot = drawn(100, (row, column) => radius + 0.5 - Math.hypot(row - 47.3, column - 51.8));
    expect(unclear(normalise(dot))).toBe("dot");
  });

  it("takes an upright stroke for no dot, however thick", () => {
    const stroke = drawn(100, (row, column) =>
      row > 10 && row < 90 && Math.abs(column - 50) < 15 ? 1 : 0,
    );
    expect(unclear(normalise(stroke))).toBe(null);
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
});
