"use strict";
// The order of events: forward, a box at a time, then backward, in reverse.

// Steps of a view: {kind: "given" | "forward" | "seed" | "backward" | "done", id}.
function stepsOf(view) {
  const computed = view.boxes.filter((id) => groups.has(id) || textOf(id).kind === "operation");
  const forward = computed.map((id) => ({ kind: "forward", id }));
  const steps = [{ kind: "given", id: null }, ...forward];
  if (data.withGradients) {
    steps.push({ kind: "seed", id: boxOf(data.output, new Set(closed)) });
    const back = computed.filter((id) => view.arrows.some((a) => a.target === id)).reverse();
    steps.push(...back.map((id) => ({ kind: "backward", id })));
  }
  return steps;
}

// What is known after step number `now`: which boxes are computed, which pulled back.
function knownAt(steps, now) {
  const known = { computed: new Set(), pulled: new Set(), seeded: false };
  for (const step of steps.slice(0, now + 1)) {
    if (step.kind === "forward") known.computed.add(step.id);
    if (step.kind === "seed") known.seeded = true;
    if (step.kind === "backward") known.pulled.add(step.id);
  }
  return known;
}

// The gradient of a box as far as it is known: "", a sum so far, or the whole.
function gradientAt(id, view, known) {
  const text = textOf(id);
  const uses = view.arrows.filter((arrow) => arrow.source === id);
  const done = uses.filter((arrow) => known.pulled.has(arrow.target));
  const isOutput = boxOf(data.output, closed) === id;
  if (isOutput && known.seeded && !uses.length) return text.gradient;
  if (!done.length) return "";
  if (done.length === uses.length) return text.gradient;
  const numbers = done.flatMap((arrow) => arrow.edges.map((edge) => edge.number));
  if (numbers.some((number) => number === null || number === undefined)) return "so far incomplete";
  return `${numberText(numbers.reduce((a, b) => a + b, 0))} so far`;
}

function toldOf(steps, now, view) {
  const step = steps[now];
  const name = (id) => textOf(id).title;
  const count = steps.filter((s) => s.kind === step.kind).length;
  const place = steps.slice(0, now + 1).filter((s) => s.kind === step.kind).length;
  if (step.kind === "given") return "The leaves are given; nothing is computed yet.";
  const text = step.id ? textOf(step.id) : null;
  if (step.kind === "forward") {
    const inputs = [...new Set(view.arrows.filter((a) => a.target === step.id).map((a) => name(a.source)))];
    const from = inputs.length ? ` from ${inputs.slice(0, 4).join(", ")}${inputs.length > 4 ? " …" : ""}` : "";
    return `Forward ${place} of ${count}: ${name(step.id)}${from}${text.data ? `: ${text.data}` : ""}`;
  }
  if (step.kind === "seed") return `Backward begins: the gradient of ${name(step.id)} by itself is ${text.gradient}.`;
  const parts = view.arrows.filter((a) => a.target === step.id).slice(0, 3).map((a) => {
    const label = a.edges.length === 1 ? a.edges[0].label : `${countOf(a).toLocaleString("en")} contributions`;
    return `${label} to ${name(a.source)}`;
  });
  return `Backward ${place} of ${count}: ${name(step.id)} passes ${parts.join(", ")}`;
}
