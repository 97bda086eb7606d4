import { type DragEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { Pad } from "./drawing/Pad";
import { Sheet } from "./drawing/sheet";
import { exposeToConsole } from "./exposed";
import type { DigitNetwork, Link, Stage } from "./networks/network";
import { PIXELS } from "./networks/network";
import { MOST_BYTES, openNetwork, tooLarge } from "./networks/open";
import { givenNetwork, SHIPPED, type Source } from "./networks/shipped";
import { type Answer, recognise } from "./recognise";
import { Bars } from "./view/Bars";
import { Chooser } from "./view/Chooser";
import { Lamps } from "./view/Lamps";
import { Parity } from "./view/Parity";
import { Pictures } from "./view/Pictures";
import { useTheme } from "./view/theme";

const PEN = { thinnest: 8, usual: 22, thickest: 40 };

/** How long the pen rests before what is costly is computed, and before the answer is read out. */
const REST = 80;
const QUIET = 500;

const NO_LINKS: readonly Link[] = [];

/** What the page shows of a drawing, all of one run of one network. */
interface Shown {
  readonly network: DigitNetwork;
  readonly answer: Answer;
  readonly stages: readonly Stage[];
  readonly milliseconds: number;
  readonly undoable: boolean;
}

/** What speaks for a digit in a network: its links mean nothing in another. */
interface Why {
  readonly network: DigitNetwork;
  readonly digit: number;
  readonly gradient: Float64Array | null;
  readonly links: readonly Link[];
}

export function App() {
  const [sources, setSources] = useState<readonly Source[]>(() => {
    const given = givenNetwork();
    return given ? [given, ...SHIPPED] : SHIPPED;
  });
  const [opened, setOpened] = useState<Source | null>(null);
  const [wanted, setWanted] = useState<Source | null>(null);
  const [refusal, setRefusal] = useState("");
  const [shown, setShown] = useState<Shown | null>(null);
  const [found, setFound] = useState<Why | null>(null);
  const [chosen, setChosen] = useState<number | null>(null);
  const [penWidth, setPenWidth] = useState(PEN.usual);
  const [redraws, setRedraws] = useState(0);
  const [said, setSaid] = useState("");
  const [dropping, setDropping] = useState(false);
  const [theme, flipTheme] = useTheme();

  const current = useRef<DigitNetwork | null>(null);
  const choices = useRef(0);
  const frame = useRef(0);
  const sheet = useMemo(() => new Sheet((settled) => changed.current(settled)), []);

  const look = useCallback(() => {
    const network = current.current;
    if (!network) return;
    const start = performance.now();
    const answer = recognise(network, sheet.ink());
    const milliseconds = performance.now() - start;
    const { undoable } = sheet;
    setShown({ network, answer, stages: network.stages(), milliseconds, undoable });
  }, [sheet]);

  // The sheet outlives renders, so it calls what is current.
  const changed = useRef<(settled: boolean) => void>(() => {});
  changed.current = (settled) => {
    cancelAnimationFrame(frame.current);
    if (!settled) {
      frame.current = requestAnimationFrame(look);
      return;
    }
    const start = performance.now();
    flushSync(look);
    performance.measure("answer", { start });
  };

  // Files take their time to be read: of several that were chosen, the last is what was meant.
  const open = useCallback(
    async (source: Source, choice = ++choices.current) => {
      const isLast = () => choice === choices.current;
      if (isLast()) setWanted(source); // shown as chosen at once
      try {
        const network = await openNetwork(source.bytes());
        network.run(new Float32Array(PIXELS));
        if (isLast()) {
          current.current = network;
          setOpened(source);
          setChosen(null);
          look();
        }
        return true;
      } catch (error) {
        if (isLast()) setRefusal(`${source.name} is not used. ${(error as Error).message}`);
        return false;
      } finally {
        if (isLast()) setWanted(null);
      }
    },
    [look],
  );

  const openFile = useCallback(
    async (file: File | undefined) => {
      if (!file) return;
      setRefusal("");
      const choice = ++choices.current;
      try {
        if (file.size > MOST_BYTES) tooLarge(file.size);
        const bytes = new Uint8Array(await file.arrayBuffer());
        const source = { name: file.name, detail: "your file", bytes: () => bytes };
        if (await open(source, choice)) {
          setSources((known) => [...known.filter(({ name }) => name !== file.name), source]);
        }
      } catch (error) {
        if (choice !== choices.current) return;
        setWanted(null);
        setRefusal(`${file.name} is not used. ${(error as Error).message}`);
      }
    },
    [open],
  );

  // Once, with what the page began with.
  useEffect(() => {
    open(sources[0]).then((fits) => fits || choices.current > 1 || open(SHIPPED[0]));
    exposeToConsole(current);
  }, []);

  function choose(source: Source): void {
    setRefusal("");
    open(source);
  }

  const answer = shown?.answer;
  const empty = answer?.unclear === "empty";
  const digit = !answer || empty ? null : (chosen ?? (answer.unsure ? null : answer.digit));
  useEffect(() => {
    if (!shown || digit === null) {
      setFound(null);
      return;
    }
    const { network } = shown;
    const timer = setTimeout(() => {
      const [gradient, links] = [network.gradient(digit), network.links(digit)];
      setFound({ network, digit, gradient, links });
    }, REST);
    return () => clearTimeout(timer);
  }, [shown, digit]);
  // While the pen moves, what was found a moment ago stays.
  const why = found && found.network === shown?.network && found.digit === digit ? found : null;

  const sentence = answer?.sentence ?? "";
  useEffect(() => {
    const timer = setTimeout(() => setSaid(sentence), QUIET);
    return () => clearTimeout(timer);
  }, [sentence]);

  const undo = useCallback(() => {
    sheet.undo();
    setRedraws((count) => count + 1);
  }, [sheet]);
  const clear = useCallback(() => {
    sheet.clear();
    setChosen(null);
    setRedraws((count) => count + 1);
  }, [sheet]);

  useEffect(() => {
    function press(event: KeyboardEvent): void {
      if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
      undo();
      event.preventDefault();
    }
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [undo]);

  function drop(event: DragEvent): void {
    event.preventDefault();
    setDropping(false);
    openFile(event.dataTransfer.files[0]);
  }

  function drag(event: DragEvent): void {
    event.preventDefault();
    setDropping(event.type === "dragover");
  }

  return (
    <div
      className={dropping ? "page dropping" : "page"}
      data-ready={shown ? "" : undefined}
      onDragOver={drag}
      onDragLeave={drag}
      onDrop={drop}
    >
      <header>
        <h1>Draw a digit</h1>
        <p>A neural network names it while you draw. Everything happens in this page.</p>
        <button type="button" className="quiet" onClick={flipTheme}>
          {theme === "dark" ? "Light" : "Dark"}
        </button>
      </header>

      <main>
        <section className="paper" aria-label="Drawing">
          <Pad
            sheet={sheet}
            redraws={redraws}
            penWidth={penWidth}
            theme={theme}
            empty={empty}
            clear={clear}
          />
          <div className="tools">
            <button type="button" onClick={undo} disabled={!shown?.undoable}>
              Undo
            </button>
            <button type="button" onClick={clear} disabled={empty}>
              Clear
            </button>
            <label>
              Pen
              <input
                type="range"
                min={PEN.thinnest}
                max={PEN.thickest}
                value={penWidth}
                onChange={(event) => setPenWidth(Number(event.target.value))}
                aria-label="Width of the pen"
              />
            </label>
          </div>
        </section>

        <section className="answer" aria-label="Answer">
          <p id="sentence" className={answer?.unsure ? "unsure" : ""} aria-hidden="true">
            {sentence}
          </p>
          <p className="unseen" aria-live="polite" id="said">
            {said}
          </p>
          <Bars
            confidences={answer && !empty ? answer.confidences : new Array(10).fill(0)}
            best={answer?.unsure ? null : (answer?.digit ?? null)}
            chosen={chosen}
            choose={setChosen}
          />
          <Pictures
            picture={answer?.picture ?? new Float32Array(784)}
            gradient={why?.gradient}
            digit={why?.digit ?? null}
            theme={theme}
          />
        </section>

        <section className="networks" aria-label="Network">
          <Chooser
            sources={sources}
            current={wanted ?? opened}
            choose={choose}
            openFile={openFile}
          />
          {refusal && (
            <p className="refusal" role="alert">
              {refusal}{" "}
              <button type="button" className="quiet" onClick={() => setRefusal("")}>
                Dismiss
              </button>
            </p>
          )}
          {shown && (
            <p className="parity">
              <Parity parity={shown.network.parity} />
              {!empty && ` Last answer in ${shown.milliseconds.toFixed(1)} ms.`}
            </p>
          )}
        </section>

        <section className="inside" aria-label="Inside the network">
          <h2>Inside the network</h2>
          {shown && (
            <Lamps
              stages={shown.stages}
              links={why?.links ?? NO_LINKS}
              digit={why?.digit ?? null}
              summary={shown.network.summary}
            />
          )}
        </section>
      </main>
    </div>
  );
}
