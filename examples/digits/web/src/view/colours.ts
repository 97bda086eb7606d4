/** Colours of a theme, read from the style sheet, and pictures made of numbers. */

export type Rgb = readonly [number, number, number];

export function colourOf(element: Element, name: string): Rgb {
  const text = getComputedStyle(element).getPropertyValue(name).trim();
  // The style sheet may have been made shorter: #ffffff is #fff.
  const digits = text.length === 4 ? text.replace(/[0-9a-f]/gi, "$&$&").slice(1) : text.slice(1);
  return [0, 2, 4].map((at) => Number.parseInt(digits.slice(at, at + 2), 16)) as unknown as Rgb;
}

export function mixed(a: Rgb, b: Rgb, share: number): Rgb {
  return a.map((x, k) => Math.round(x + (b[k] - x) * share)) as unknown as Rgb;
}

export function css([red, green, blue]: Rgb, alpha = 1): string {
  return `rgb(${red} ${green} ${blue} / ${alpha})`;
}

/** A canvas with a pixel for each number. */
export function paint(
  canvas: HTMLCanvasElement | OffscreenCanvas,
  width: number,
  height: number,
  colour: (index: number) => Rgb,
): void {
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d") as CanvasRenderingContext2D | null;
  if (!context) return;
  const image = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    image.data.set(colour(i), 4 * i);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}
