import { useRef } from "react";
import type { Source } from "../networks/shipped";

interface Props {
  sources: readonly Source[];
  current: Source | null;
  choose: (source: Source) => void;
  openFile: (file: File | undefined) => void;
}

/** Which network answers: those in the page, and files of one's own. */
export function Chooser({ sources, current, choose, openFile }: Props) {
  const file = useRef<HTMLInputElement>(null);
  return (
    <div className="chooser">
      <fieldset>
        <legend>Network</legend>
        {sources.map((source) => (
          <label key={source.name} className={source === current ? "chosen" : ""}>
            <input
              type="radio"
              name="network"
              checked={source === current}
              onChange={() => choose(source)}
            />
            <span>{source.name}</span> <small>{source.detail}</small>
          </label>
        ))}
      </fieldset>
      <button type="button" onClick={() => file.current?.click()}>
        Open a file…
      </button>
      <input
        ref={file}
        id="file"
        type="file"
        accept=".json,.gz,application/json"
        className="unseen"
        tabIndex={-1}
        aria-label="Open a network file"
        onChange={(event) => {
          openFile(event.target.files?.[0]);
          event.target.value = ""; // so that the same file can be opened again
        }}
      />
      <small>or drop one on the page</small>
    </div>
  );
}
