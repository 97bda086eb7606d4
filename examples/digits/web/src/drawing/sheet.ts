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

export class Sheet {
  private strokes: Stroke[] = [];
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

  get empty(): boolean {
    return !this.strokes.length;
  }

  begin(point: Point): void {
    this.drawing = true;
    this.strokes.push([]);
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

  undo(): void {
    this.strokes.pop();
    this.redrawn();
  }

  clear(): void {
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

/** Ink of the newest point of a stroke: a dot, a line, or a curve through the middles of lines. */
function inkLast(canvas: CanvasRenderingContext2D, stroke: Stroke, end = stroke.length): void {
  const here = stroke[end - 1];
  const before = stroke[end - 2] ?? here;
  const start = stroke[end - 3] ? middle(stroke[end - 3], before) : before;
  canvas.lineCap = "round";
  canvas.lineJoin = "round";
  canvas.lineWidth = (before.width + here.width) / 2;
  canvas.beginPath();
  canvas.moveTo(start.x, start.y);
  const turn = middle(before, here);
  canvas.quadraticCurveTo(before.x, before.y, turn.x, turn.y);
  canvas.lineTo(here.x, here.y);
  canvas.stroke();
}

function middle(a: Point, b: Point): { x: number; y: number } {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}
