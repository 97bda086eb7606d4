interface Props {
  confidences: readonly number[];
  best: number | null;
  /** The digit that the pictures explain. */
  chosen: number | null;
  choose: (digit: number | null) => void;
}

/** A bar for each digit, as high as it is likely; press one to see what speaks for it. */
export function Bars({ confidences, best, chosen, choose }: Props) {
  return (
    <ol className="bars" aria-label="Confidence in each digit">
      {confidences.map((confidence, digit) => {
        const percent = Math.round(100 * confidence);
        const classes = [digit === best && "best", digit === chosen && "chosen"];
        return (
          <li key={digit}>
            <button
              type="button"
              className={classes.filter(Boolean).join(" ")}
              aria-pressed={digit === chosen}
              aria-label={`${digit}: ${percent} %. Show what speaks for it`}
              onClick={() => choose(digit === chosen ? null : digit)}
            >
              <span className="percent">{percent ? `${percent}%` : ""}</span>
              <span className="track">
                <span className="fill" style={{ height: `${100 * confidence}%` }} />
              </span>
              <span className="digit">{digit}</span>
            </button>
          </li>
        );
      })}
    </ol>
  );
}
