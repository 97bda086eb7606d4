/** What has been drawn: strokes on a square of paper, and the ink they leave. */

import type { Ink } from "./normalise";

/** Side of the paper, in the units of all positions and widths here. */
export const PAPER = 280;

export interface Point {
  readonly x: number;
  readonly y: number;
  /** Width of the pen here. */
  readonly width: number;
}

type Stroke = Point[];
type Strokes = readonly Stroke[];

export class Sheet {
  private strokes: Strokes = [];
  /** What the strokes were before each that was begun and each time they were cleared. */
  private readonly past: Strokes[] = [];
  private drawing = false;
  private readonly paper: CanvasRenderingContext2D;

  constructor(private readonly changed: (settled: boolean) => void) {
    const canvas = document.createElement("canvas");
    canvas.width = PAPER;
    canvas.height = PAPER;
    const paper = canvas.getContext("2d", { willReadFrequently: true });
    if (!paper) throw new Error("this browser gives no canvas to draw on");
    this.paper = paper;
  }

  get undoable(): boolean {
    return this.past.length > 0;
  }

  begin(point: Point): void {
    this.drawing = true;
    this.past.push(this.strokes);
    this.strokes = [...this.strokes, []];
    this.extend([point]);
  }

  extend(points: readonly Point[]): void {
    if (!this.drawing || !points.length) return;
    const stroke = this.strokes[this.strokes.length - 1];
    for (const point of points) {
      stroke.push(point);
      inkLast(this.paper, stroke);
    }
    this.changed(false);
  }

  end(): void {
    if (!this.drawing) return;
    this.drawing = false;
    this.changed(true);
  }

  /** Take back the last stroke, or bring back what was cleared. */
  undo(): void {
    this.strokes = this.past.pop() ?? this.strokes;
    this.redrawn();
  }

  clear(): void {
    if (!this.strokes.length) return;
    this.past.push(this.strokes);
    this.strokes = [];
    this.redrawn();
  }

  /** Draw everything on another canvas, whose units are those of the paper. */
  paintOn(canvas: CanvasRenderingContext2D): void {
    canvas.clearRect(0, 0, PAPER, PAPER);
    for (const stroke of this.strokes) {
      for (let end = 1; end <= stroke.length; end++) inkLast(canvas, stroke, end);
    }
  }

  /** Draw only what the last points added. */
  paintLastOn(canvas: CanvasRenderingContext2D, points: number): void {
    const stroke = this.strokes[this.strokes.length - 1];
    if (!stroke) return;
    for (let end = Math.max(1, stroke.length - points + 1); end <= stroke.length; end++) {
      inkLast(canvas, stroke, end);
    }
  }

  ink(): Ink {
    const { data } = this.paper.getImageData(0, 0, PAPER, PAPER);
    const levels = new Float64Array(PAPER * PAPER);
    for (let i = 0; i < levels.length; i++) levels[i] = data[4 * i + 3] / 255;
    return { rows: PAPER, columns: PAPER, levels };
  }

  private redrawn(): void {
    this.drawing = false;
    this.paintOn(this.paper);
    this.changed(true);
  }
}

/**
 * Ink of the newest point of a stroke: a dot, or a curve that goes on in the direction that the two
 * points before it had. What is inked stays, so the curve passes through every point.
 */
function inkLast(canvas: CanvasRenderingContext2D, stroke: Stroke, end = stroke.length): void {
  const here = stroke[end - 1];
  const before = stroke[end - 2] ?? here;
  const [dx, dy] = directionAt(before, stroke[end - 3] ?? before, here);
  canvas.lineCap = "round";
  canvas.lineJoin = "round";
  canvas.lineWidth = (before.width + here.width) / 2;
  canvas.beginPath();
  canvas.moveTo(before.x, before.y);
  canvas.quadraticCurveTo(before.x + dx, before.y + dy, here.x, here.y);
  canvas.stroke();
}

/**
 * From a point, half as far as to the next, along the line from the one before to the next; shorter
 * where the pen turns, and nothing at a corner, which stays one.
 */
function directionAt(point: Point, before: Point, next: Point): [number, number] {
  const [ax, ay] = [point.x - before.x, point.y - before.y];
  const [bx, by] = [next.x - point.x, next.y - point.y];
  const [far, near] = [Math.hypot(ax, ay), Math.hypot(bx, by)];
  const cosine = far && near ? (ax * bx + ay * by) / (far * near) : 0;
  if (cosine <= 0) return [bx / 2, by / 2];
  // The mean of both directions, whatever the distances.
  const [x, y] = [ax / far + bx / near, ay / far + by / near];
  const length = (near * cosine) / 2 / Math.hypot(x, y);
  return [x * length, y * length];
}
