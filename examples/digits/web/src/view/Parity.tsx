import { LOOSEST, type Parity as Compared } from "../networks/network";

/** How the network's file compared with Python, in a sentence. */
export function Parity({ parity }: { parity: Compared | null }) {
  if (!parity) return "Not checked against Python: a file of neurons holds no outputs to compare.";
  if (!parity.inputs) return "Not checked against Python: the file holds no parity vectors.";
  const difference = powerOfTen(parity.difference);
  const pictures = parity.inputs === 1 ? "1 picture" : `${parity.inputs} pictures`;
  if (parity.agrees) return `Agrees with Python on ${pictures}, to ${difference}.`;
  return (
    <span className="refusal" role="alert">
      This page disagrees with Python: on {pictures} that came with the network, the outputs differ
      by up to {difference}. Its answers may be wrong.
      {parity.allowed > LOOSEST &&
        ` (The file would allow ${powerOfTen(parity.allowed)}; this page allows ${powerOfTen(LOOSEST)}.)`}
    </span>
  );
}

/** Such as 6 × 10⁻⁸. */
function powerOfTen(number: number): string {
  if (number === 0 || !Number.isFinite(number)) return String(number);
  const [factor, exponent] = number.toExponential(0).split("e");
  const raised = [...exponent].map((sign) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(sign)] ?? "");
  return `${factor}\u00a0×\u00a010${raised.join("")}`;
}
