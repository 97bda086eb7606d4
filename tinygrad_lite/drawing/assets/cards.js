"use strict";
// How a box looks, drawn in SVG so that zooming keeps it sharp.

const SVG = "http://www.w3.org/2000/svg";
const PADDING = 9;
const LINE = 17;

function element(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// A colour that follows the theme.
const colourOf = (edge) =>
  edge.flow === "normal" ? `var(--shade${edge.step})`
    : edge.flow === "none" ? "var(--line)" : `var(--${edge.flow})`;

const STYLE = {
  none: { width: 1.2, dash: "" }, zero: { width: 1.2, dash: "7 5" },
  vanishing: { width: 1.6, dash: "1.5 4" }, exploding: { width: 5, dash: "" },
  nan: { width: 4, dash: "9 5" },
};

function strokeOf(edge) {
  const { width, dash } = STYLE[edge.flow] ?? { width: 1.2 + 0.35 * edge.step, dash: "" };
  return `stroke: ${colourOf(edge)}; stroke-width: ${width}px; stroke-dasharray: ${dash || "none"}`;
}

// Builds the group of one box, measures it, and leaves its centre at the origin.
function cardElement(id, canOpen) {
  const text = textOf(id);
  const kind = cards.has(id) ? text.kind : "group";
  const made = element("g", {
    class: `card ${kind}${text.output ? " output" : ""}${text.wrong ? " wrong" : ""}` +
      `${text.firstWrong ? " first-wrong" : ""}${canOpen ? " open-able" : ""}`,
    "data-id": id, tabindex: 0, role: kind === "group" ? "button" : "img",
    "aria-label": [text.title, text.call, text.data, text.gradient && `gradient ${text.gradient}`]
      .filter(Boolean).join(", "),
  });
  const inner = element("g");
  const body = element("rect", { class: "body", rx: 9 });
  made.append(body, inner);
  document.getElementById("measure").append(made);
  let [y, width] = [0, 0];
  const row = (what, value, className = "", valueClass = "value") => {
    const line = element("g", { class: className });
    let x = 0;
    if (what) {
      const label = element("text", { class: "faint", x: 0, y: y + 13 }, `${what} `);
      line.append(label);
      inner.append(line);
      x = Math.max(38, label.getComputedTextLength() + 6);
    } else {
      inner.append(line);
    }
    if (what === "grad") {
      line.append(element("rect", { class: "chip", x, y: y + 3, width: 10, height: 10,
        style: `fill: ${colourOf(text)}` }));
      x += 15;
    }
    const shown = element("text", { x, y: y + 13, class: valueClass }, value);
    line.append(shown);
    width = Math.max(width, x + shown.getComputedTextLength());
    y += LINE;
    return line;
  };
  row("", text.title, "", "title"); // its class now: bold is wider
  if (text.firstWrong) row("", "first wrong gradient");
  if (text.call) row("", text.call);
  for (const line of [text.typed, ...(text.lines ?? [])]) {
    if (line) row("", line, "", "faint");
  }
  if (text.thumbnail) {
    const { source, columns, rows } = text.thumbnail;
    const cell = Math.max(2, Math.min(14, Math.floor(112 / Math.max(columns, rows))));
    inner.append(element("image", { class: "thumbnail number", href: source, x: 0, y: y + 2,
      width: columns * cell, height: rows * cell, preserveAspectRatio: "none" }));
    width = Math.max(width, columns * cell);
    y += rows * cell + 6;
  }
  if (text.data) row("data", text.data, "number");
  if (text.sparkline?.length) {
    inner.append(sparkline(text.sparkline, 38, y));
    width = Math.max(width, 38 + text.sparkline.length * 7);
    y += 20;
  }
  if (text.gradient) {
    const kindWords = ["vanishing", "exploding"].includes(text.flow) ? ` (${text.flow})` : "";
    row("grad", text.gradient + kindWords, "gradient");
    if (text.sum) row(" ", `= ${text.sum}`, "gradient sum");
  }
  if (text.hand) row("hand", text.hand + (text.wrong ? " (wrong)" : ""));
  const size = { width: width + 2 * PADDING, height: y + 2 * PADDING - 4 };
  for (const [name, value] of Object.entries({ x: -size.width / 2, y: -size.height / 2, ...size })) {
    body.setAttribute(name, value);
  }
  if (kind === "group") { // a second sheet underneath says that there is more inside
    const under = body.cloneNode();
    under.setAttribute("class", "under");
    under.setAttribute("transform", "translate(4 4)");
    made.prepend(under);
  }
  inner.setAttribute("transform", `translate(${PADDING - size.width / 2} ${PADDING - 3 - size.height / 2})`);
  made.remove();
  return { made, size: { width: size.width + 4, height: size.height + 4 } };
}

function sparkline(heights, x, y) {
  const bars = heights.map((height, i) =>
    element("rect", { x: x + 7 * i, y: y + 15 - 2 * height, width: 6, height: 2 * height + 1 }));
  return element("g", { class: "number", style: "fill: var(--faint)" }, ...bars);
}

function arrowElement(arrow, place) {
  const most = worst(arrow.edges);
  const made = element("g", { class: "arrow", "data-id": arrow.id });
  const points = place.points.map((p) => `${p.x.toFixed(1)},${p.y.toFixed(1)}`);
  const end = place.points.at(-1);
  const tip = place.tip ?? end;
  const line = `M${points[0]}C${points.slice(1).join(" ")}`;
  const angle = (Math.atan2(tip.y - end.y, tip.x - end.x) * 180) / Math.PI;
  made.append(
    element("path", { class: "line", d: line, style: strokeOf(most) }),
    element("path", { class: "head", d: "M0,0L-10,-4.5L-10,4.5Z", style: `fill: ${colourOf(most)}`,
      transform: `translate(${tip.x} ${tip.y}) rotate(${angle || 0})` }),
    element("path", { class: "hit", d: line }),
  );
  const label = labelOf(arrow);
  if (place.label && label) {
    made.append(element("text", {
      class: `label halo${countOf(arrow) > 1 ? "" : " flow"}`, "text-anchor": "middle",
      x: place.label.x, y: place.label.y + 4,
    }, label));
  }
  return made;
}
