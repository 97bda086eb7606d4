import { type DragEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { Pad } from "./drawing/Pad";
import { Sheet } from "./drawing/sheet";
import { exposeToConsole } from "./exposed";
import type { DigitNetwork, Link, Stage } from "./networks/network";
import { MOST_BYTES, openNetwork, tooLarge } from "./networks/open";
import { givenNetwork, SHIPPED, type Source } from "./networks/shipped";
import { type Answer, recognise } from "./recognise";
import { Bars } from "./view/Bars";
import { Chooser } from "./view/Chooser";
import { Lamps } from "./view/Lamps";
import { Pictures } from "./view/Pictures";
import { useTheme } from "./view/theme";

const PEN = { thinnest: 8, usual: 22, thickest: 40 };

/** How long the pen rests before what is costly is computed, and before the answer is read out. */
const REST = 80;
const QUIET = 500;

interface Opened {
  readonly source: Source;
  readonly network: DigitNetwork;
}

/** What the page shows of a drawing, all of one run of the network. */
interface Shown {
  readonly answer: Answer;
  readonly stages: readonly Stage[];
  readonly milliseconds: number;
}

/** What speaks for a digit. */
interface Why {
  readonly digit: number;
  readonly gradient: Float64Array;
  readonly links: readonly Link[];
}

export function App() {
  const [sources, setSources] = useState<readonly Source[]>(() => {
    const given = givenNetwork();
    return given ? [given, ...SHIPPED] : SHIPPED;
  });
  const [opened, setOpened] = useState<Opened | null>(null);
  const [wanted, setWanted] = useState<Source | null>(null);
  const [refusal, setRefusal] = useState("");
  const [shown, setShown] = useState<Shown | null>(null);
  const [why, setWhy] = useState<Why | null>(null);
  const [chosen, setChosen] = useState<number | null>(null);
  const [penWidth, setPenWidth] = useState(PEN.usual);
  const [redraws, setRedraws] = useState(0);
  const [said, setSaid] = useState("");
  const [dropping, setDropping] = useState(false);
  const [theme, flipTheme] = useTheme();

  const network = opened?.network ?? null;
  const current = useRef<DigitNetwork | null>(null);
  const frame = useRef(0);
  const sheet = useMemo(() => new Sheet((settled) => changed.current(settled)), []);

  const look = useCallback(() => {
    if (!current.current) return;
    const start = performance.now();
    const answer = recognise(current.current, sheet.ink());
    const milliseconds = performance.now() - start;
    setShown({ answer, stages: current.current.stages(), milliseconds });
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

  const open = useCallback(
    async (source: Source) => {
      setWanted(source); // shown as chosen at once
      try {
        const network = await openNetwork(source.bytes());
        network.run(new Float32Array(784));
        current.current = network;
        setOpened({ source, network });
        setChosen(null);
        look();
        return true;
      } catch (error) {
        setRefusal(`${source.name} is not used. ${(error as Error).message}`);
        return false;
      } finally {
        setWanted(null);
      }
    },
    [look],
  );

  const openFile = useCallback(
    async (file: File | undefined) => {
      if (!file) return;
      setRefusal("");
      try {
        if (file.size > MOST_BYTES) tooLarge(file.size);
        const bytes = new Uint8Array(await file.arrayBuffer());
        const source = { name: file.name, detail: "your file", bytes: () => bytes };
        if (await open(source)) {
          setSources((known) => [...known.filter(({ name }) => name !== file.name), source]);
        }
      } catch (error) {
        setRefusal(`${file.name} is not used. ${(error as Error).message}`);
      }
    },
    [open],
  );

  // biome-ignore lint/correctness/useExhaustiveDependencies: once, with the sources of the beginning
  useEffect(() => {
    open(sources[0]).then((fits) => fits || open(SHIPPED[0]));
    exposeToConsole(current);
  }, []);

  function choose(source: Source): void {
    setRefusal("");
    open(source);
  }

  const digit = chosen ?? (shown && !shown.answer.unsure ? shown.answer.digit : null);
  useEffect(() => {
    if (!network || !shown || digit === null || shown.answer.unclear === "empty") {
      setWhy(null);
      return;
    }
    setWhy((before) => (before?.digit === digit ? before : null));
    const timer = setTimeout(() => {
      setWhy({ digit, gradient: network.gradient(digit), links: network.links(digit) });
    }, REST);
    return () => clearTimeout(timer);
  }, [network, shown, digit]);

  const sentence = shown?.answer.sentence ?? "";
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
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") undo();
      else if (event.key === "Delete" || event.key === "Backspace") clear();
      else return;
      event.preventDefault();
    }
    window.addEventListener("keydown", press);
    return () => window.removeEventListener("keydown", press);
  }, [undo, clear]);

  function drop(event: DragEvent): void {
    event.preventDefault();
    setDropping(false);
    openFile(event.dataTransfer.files[0]);
  }

  function drag(event: DragEvent): void {
    event.preventDefault();
    setDropping(event.type === "dragover");
  }

  const answer = shown?.answer;
  const empty = answer?.unclear === "empty";
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a file may be dropped anywhere
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
          <Pad sheet={sheet} redraws={redraws} penWidth={penWidth} theme={theme} empty={empty} />
          <div className="tools">
            <button type="button" onClick={undo} disabled={empty}>
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
            gradient={why?.gradient ?? null}
            digit={why?.digit ?? null}
            theme={theme}
          />
        </section>

        <section className="networks" aria-label="Network">
          <Chooser
            sources={sources}
            current={wanted ?? opened?.source ?? null}
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
          {network && <Parity network={network} milliseconds={shown?.milliseconds ?? 0} />}
        </section>

        <section className="inside" aria-label="Inside the network">
          <h2>Inside the network</h2>
          {network && shown && (
            <Lamps
              stages={shown.stages}
              links={why?.links ?? []}
              digit={why?.digit ?? null}
              summary={network.summary}
            />
          )}
        </section>
      </main>
    </div>
  );
}

function Parity({ network, milliseconds }: { network: DigitNetwork; milliseconds: number }) {
  const { parity } = network;
  const time = `Last answer in ${milliseconds.toFixed(1)} ms.`;
  if (!parity) return <p className="parity">{time}</p>;
  const difference = powerOfTen(parity.difference);
  if (!parity.agrees) {
    return (
      <p className="parity refusal" role="alert">
        This page disagrees with Python: on {parity.inputs} pictures that came with the network, the
        outputs differ by up to {difference}. Its answers may be wrong.
      </p>
    );
  }
  return (
    <p className="parity">
      Agrees with Python on {parity.inputs} pictures, to {difference}. {time}
    </p>
  );
}

/** Such as 6 × 10⁻⁸. */
function powerOfTen(number: number): string {
  if (number === 0 || !Number.isFinite(number)) return String(number);
  const [factor, exponent] = number.toExponential(0).split("e");
  const raised = [...exponent].map((sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)] ?? "");
  return `${factor} × 10${raised.join("")}`;
}
