import { useEffect, useRef } from "react";
import { SIDE } from "../drawing/normalise";
import { colourOf, mixed, paint } from "./colours";

interface Props {
  picture: ArrayLike<number>;
  /** Derivative of the output of a digit by each pixel; null if the network's file has none. */
  gradient: ArrayLike<number> | null | undefined;
  /** The digit to be explained, if any is. */
  digit: number | null;
  theme: string;
}

/** What the network sees, and which of it mattered. */
export function Pictures({ picture, gradient, digit, theme }: Props) {
  const seen = useRef<HTMLCanvasElement>(null);
  const mattered = useRef<HTMLCanvasElement>(null);

  useEffect(() => {
    if (!seen.current || !mattered.current) return;
    const colour = (name: string) => colourOf(document.documentElement, name);
    const [paper, ink, positive, negative] = ["--paper", "--ink", "--positive", "--negative"].map(
      colour,
    );
    paint(seen.current, SIDE, SIDE, (i) => mixed(paper, ink, picture[i]));
    let strongest = 0;
    for (let i = 0; gradient && i < gradient.length; i++) {
      strongest = Math.max(strongest, Math.abs(gradient[i]));
    }
    paint(mattered.current, SIDE, SIDE, (i) => {
      const ground = mixed(paper, ink, 0.25 * picture[i]);
      if (!gradient || !strongest) return ground;
      const share = gradient[i] / strongest;
      return mixed(ground, share > 0 ? positive : negative, Math.abs(share) ** 0.7);
    });
  }, [picture, gradient, theme]);

  return (
    <div className="pictures">
      <figure>
        <canvas ref={seen} id="seen" role="img" aria-label={describe(picture)} />
        <figcaption>What the network sees</figcaption>
      </figure>
      <figure>
        <canvas
          ref={mattered}
          id="mattered"
          role="img"
          aria-label={
            digit === null
              ? "Nothing to explain yet"
              : gradient
                ? `Pixels where more ink would speak for ${digit}, and where against it`
                : "Unknown: the network's file has no gradient"
          }
        />
        <figcaption>
          {digit === null ? (
            "Which pixels matter"
          ) : !gradient ? (
            "Which pixels matter is not known: this network’s file has no gradient"
          ) : (
            <>
              More ink would speak <b className="for">for</b> or <b className="against">against</b>{" "}
              {digit}
            </>
          )}
        </figcaption>
      </figure>
    </div>
  );
}

function describe(picture: ArrayLike<number>): string {
  let dark = 0;
  for (let i = 0; i < picture.length; i++) if (picture[i] > 0.5) dark++;
  return dark ? `The drawing in 28 by 28 pixels, ${dark} of them dark` : "An empty picture";
}
