import { type KeyboardEvent, type PointerEvent, useEffect, useRef, useState } from "react";
import { PAPER, type Point, type Sheet } from "./sheet";

/** How far an arrow key moves the pen; with Shift, the second. */
const STEP = 14;
const SMALL_STEP = 5;

const MOVES: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
  // As they lie on the number pad.
  Home: [-1, -1],
  PageUp: [1, -1],
  End: [-1, 1],
  PageDown: [1, 1],
};

interface Props {
  sheet: Sheet;
  /** Counts what the sheet went through other than by this pad: undone, cleared. */
  redraws: number;
  penWidth: number;
  theme: string;
  empty: boolean;
  clear: () => void;
}

/** The paper: drawn on with mouse, pen, finger or keys. */
export function Pad({ sheet, redraws, penWidth, theme, empty, clear }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pointer = useRef<number | null>(null);
  const [size, setSize] = useState(0);
  const [cursor, setCursor] = useState({ x: PAPER / 2, y: PAPER / 4 });
  const [penDown, setPenDown] = useState(false);
  const [keys, setKeys] = useState(false);

  useEffect(() => {
    const element = canvas.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setSize(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext("2d");
    if (!element || !context || !size) return;
    const scale = (size * (window.devicePixelRatio || 1)) / PAPER;
    element.width = Math.round(PAPER * scale);
    element.height = element.width;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.strokeStyle = getComputedStyle(element).color;
    sheet.paintOn(context);
  }, [sheet, redraws, size, theme]);

  useEffect(() => setPenDown(false), [redraws]);

  function add(points: Point[], begins: boolean): void {
    if (begins) sheet.begin(points[0]);
    else sheet.extend(points);
    const context = canvas.current?.getContext("2d");
    if (context) sheet.paintLastOn(context, points.length);
  }

  function pointsOf(event: PointerEvent): Point[] {
    const box = event.currentTarget.getBoundingClientRect();
    const native = event.nativeEvent;
    const coalesced = native.getCoalescedEvents?.() ?? [];
    return (coalesced.length ? coalesced : [native]).map((each) => ({
      x: ((each.clientX - box.left) / box.width) * PAPER,
      y: ((each.clientY - box.top) / box.height) * PAPER,
      width: penWidth * pressureOf(each),
    }));
  }

  function down(event: PointerEvent<HTMLCanvasElement>): void {
    if (pointer.current !== null || event.button !== 0) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    pointer.current = event.pointerId;
    setKeys(false);
    setPenDown(false);
    sheet.end(); // what the keys may have begun
    add(pointsOf(event).slice(-1), true);
  }

  function move(event: PointerEvent): void {
    if (event.pointerId === pointer.current) add(pointsOf(event), false);
  }

  function up(event: PointerEvent): void {
    if (event.pointerId !== pointer.current) return;
    pointer.current = null;
    sheet.end();
  }

  function press(event: KeyboardEvent): void {
    const direction = MOVES[event.key];
    if (direction && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const step = event.shiftKey ? SMALL_STEP : STEP;
      const x = Math.min(Math.max(cursor.x + direction[0] * step, 0), PAPER);
      const y = Math.min(Math.max(cursor.y + direction[1] * step, 0), PAPER);
      setCursor({ x, y });
      if (penDown) add([{ x, y, width: penWidth }], false);
    } else if (event.key === " " || event.key === "Enter") {
      if (penDown) sheet.end();
      else add([{ ...cursor, width: penWidth }], true);
      setPenDown(!penDown);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      clear();
      event.preventDefault();
      return;
    } else {
      return;
    }
    setKeys(true);
    event.preventDefault();
  }

  return (
    <div className="pad">
      <canvas
        ref={canvas}
        id="pad"
        tabIndex={0}
        role="application"
        aria-label="Paper to draw a digit on"
        aria-describedby="pad-keys"
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onPointerCancel={up}
        onLostPointerCapture={up}
        onKeyDown={press}
        onBlur={() => setKeys(false)}
      />
      {empty && (
        <p className="hint" aria-hidden="true">
          Draw a digit here
        </p>
      )}
      {keys && (
        <span
          className={penDown ? "cursor down" : "cursor"}
          style={{
            left: `${(100 * cursor.x) / PAPER}%`,
            top: `${(100 * cursor.y) / PAPER}%`,
            width: `${(100 * penWidth) / PAPER}%`,
          }}
        />
      )}
      <p id="pad-keys" className="unseen">
        With the keyboard: arrows move the pen, Home, End, Page Up and Page Down diagonally, Shift
        in small steps; Space sets the pen down and lifts it; Control Z undoes, Delete clears.
      </p>
      <p className="unseen" aria-live="polite">
        {keys && (penDown ? "pen down" : "pen up")}
      </p>
    </div>
  );
}

/** What to multiply the pen's width by: 1 for a mouse, a finger, or a pen pressed halfway. */
function pressureOf(event: globalThis.PointerEvent): number {
  return event.pointerType === "pen" && event.pressure > 0 ? 0.4 + 1.2 * event.pressure : 1;
}
