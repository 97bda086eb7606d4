import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { Link, Stage } from "../networks/network";
import { colourOf, css, mixed, paint, type Rgb } from "./colours";
import { type Layout, layOut, middleOf, type Tile } from "./layout";

interface Props {
  stages: readonly Stage[];
  links: readonly Link[];
  digit: number | null;
  summary: string;
}

/** A neuron with more room than this is drawn as a bulb, with less as a pixel. */
const SMALLEST_BULB = 4;

/** Less is the width of a page that is not laid out yet. */
const NARROWEST = 160;

/** How long the drawing rests before lamps that are out of sight are drawn. */
const REST = 250;

/** The network as light bulbs, as bright as they are active, and its strongest connections. */
export function Lamps({ stages, links, digit, summary }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [visible, setVisible] = useState(false);

  useLayoutEffect(() => {
    const element = canvas.current;
    if (!element) return;
    setWidth(element.clientWidth); // before the first paint, so that nothing jumps
    const sized = new ResizeObserver(() => setWidth(element.clientWidth));
    const seen = new IntersectionObserver(([entry]) => setVisible(entry.isIntersecting));
    sized.observe(element);
    seen.observe(element);
    return () => {
      sized.disconnect();
      seen.disconnect();
    };
  }, []);

  const layout = useMemo(
    () => (width < NARROWEST ? null : layOut(stages, width)),
    [stages, width],
  );

  useEffect(() => {
    const element = canvas.current;
    if (!element || !layout) return;
    // After the answer is on the screen, and only once for what changes together.
    let frame = 0;
    const light = () => {
      frame = requestAnimationFrame(() => draw(element, layout, stages, links, digit));
    };
    const timer = setTimeout(light, visible ? 0 : REST);
    return () => {
      clearTimeout(timer);
      cancelAnimationFrame(frame);
    };
  }, [stages, links, digit, layout, visible]);

  return (
    <figure className="lamps">
      <canvas
        ref={canvas}
        id="lamps"
        role="img"
        aria-label={describe(stages, links, digit)}
        style={{ height: layout?.height }}
      />
      <figcaption>
        {summary}. The brighter a bulb, the more active the neuron; lines are the connections that
        speak most <b className="for">for</b> or <b className="against">against</b> the digit.
      </figcaption>
    </figure>
  );
}

function draw(
  element: HTMLCanvasElement,
  layout: Layout,
  stages: readonly Stage[],
  links: readonly Link[],
  digit: number | null,
): void {
  const context = element.getContext("2d");
  if (!context) return;
  const scale = window.devicePixelRatio || 1;
  element.width = Math.round(layout.width * scale); // which clears it
  element.height = Math.round(layout.height * scale);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const colour = (name: string) => colourOf(element, name);
  const palette = { lit: colour("--lit"), unlit: colour("--unlit"), words: colour("--words") };
  drawLinks(context, layout, stages, links, colour("--positive"), colour("--negative"));
  stages.forEach((stage, k) => {
    if (k < stages.length - 1) drawStage(context, stage, layout.tiles[k], palette);
    else drawDigits(context, stage, layout.tiles[k], digit, palette);
  });
}

interface Palette {
  readonly lit: Rgb;
  readonly unlit: Rgb;
  readonly words: Rgb;
}

function drawLinks(
  context: CanvasRenderingContext2D,
  layout: Layout,
  stages: readonly Stage[],
  links: readonly Link[],
  positive: Rgb,
  negative: Rgb,
): void {
  const strongest = new Map<number, number>();
  for (const { to, contribution } of links) {
    strongest.set(to.stage, Math.max(strongest.get(to.stage) ?? 0, Math.abs(contribution)));
  }
  context.lineCap = "round";
  for (const { from, to, contribution } of links) {
    const share = Math.abs(contribution) / (strongest.get(to.stage) || 1);
    const [x1, y1] = middleOf(layout, stages, from);
    const [x2, y2] = middleOf(layout, stages, to);
    const right = layout.downwards ? 0 : 0.45 * (x2 - x1);
    const down = layout.downwards ? 0.45 * (y2 - y1) : 0;
    context.strokeStyle = css(contribution > 0 ? positive : negative, 0.15 + 0.75 * share);
    context.lineWidth = 0.6 + 2.2 * share;
    context.beginPath();
    context.moveTo(x1, y1);
    context.bezierCurveTo(x1 + right, y1 + down, x2 - right, y2 - down, x2, y2);
    context.stroke();
  }
}

function drawStage(
  context: CanvasRenderingContext2D,
  stage: Stage,
  tiles: readonly Tile[],
  { lit, unlit }: Palette,
): void {
  const { width, height, activations } = stage;
  let brightest = 1e-9;
  for (let i = 0; i < activations.length; i++) {
    brightest = Math.max(brightest, Math.abs(activations[i]));
  }
  const colour = (i: number) => mixed(unlit, lit, Math.abs(activations[i]) / brightest);
  tiles.forEach((tile, map) => {
    const first = map * width * height;
    if (tile.cell < SMALLEST_BULB) {
      const pixels = document.createElement("canvas");
      paint(pixels, width, height, (i) => colour(first + i));
      context.imageSmoothingEnabled = false;
      context.drawImage(pixels, tile.x, tile.y, tile.width, tile.height);
      return;
    }
    for (let i = 0; i < width * height; i++) {
      context.fillStyle = css(colour(first + i));
      context.beginPath();
      const x = tile.x + ((i % width) + 0.5) * tile.cell;
      const y = tile.y + (Math.floor(i / width) + 0.5) * tile.cell;
      context.arc(x, y, 0.42 * tile.cell, 0, 2 * Math.PI);
      context.fill();
    }
  });
}

function drawDigits(
  context: CanvasRenderingContext2D,
  stage: Stage,
  tiles: readonly Tile[],
  digit: number | null,
  { lit, unlit, words }: Palette,
): void {
  context.textAlign = "center";
  context.textBaseline = "middle";
  tiles.forEach((tile, map) => {
    const light = Math.min(Math.max(stage.activations[map], 0), 1);
    const x = tile.x + tile.width / 2;
    const y = tile.y + tile.height / 2;
    const radius = 0.44 * Math.min(tile.width, tile.height);
    context.save();
    context.shadowColor = css(lit, light);
    context.shadowBlur = 18 * light;
    context.fillStyle = css(mixed(unlit, lit, light));
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.fill();
    context.restore();
    if (map === digit) {
      context.strokeStyle = css(words);
      context.lineWidth = 1.5;
      context.stroke();
    }
    context.fillStyle = css(light > 0.5 ? [20, 20, 20] : words);
    context.font = `600 ${Math.max(9, radius)}px system-ui, sans-serif`;
    context.fillText(String(map), x, y + 0.5);
  });
}

function describe(stages: readonly Stage[], links: readonly Link[], digit: number | null): string {
  const parts = stages.map(({ name, maps, width, height }) =>
    width * height > 1 ? `${name}: ${maps} of ${width} by ${height}` : `${name}: ${maps}`,
  );
  const told = digit === null ? "" : ` ${links.length} connections are drawn towards ${digit}.`;
  return `The network as light bulbs. ${parts.join("; ")}.${told}`;
}
