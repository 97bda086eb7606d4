"use strict";
// The legend, and the first picture.

function legend() {
  const row = (...parts) => {
    const made = document.createElement("div");
    made.className = "row";
    made.append(...parts);
    return made;
  };
  const span = (text, className = "") => {
    const made = document.createElement("span");
    made.textContent = text;
    made.className = className;
    return made;
  };
  const sample = (kind, text) => {
    const line = element("svg", { width: 30, height: 8 },
      element("path", { d: "M0,4H30", style: strokeOf({ flow: kind, step: 0 }) }));
    const made = span("");
    made.append(line, text);
    return made;
  };
  const rows = [];
  if (data.withGradients) {
    const ramp = span("");
    for (let step = 0; step < data.shades; step++) {
      const shade = document.createElement("i");
      shade.style.background = `var(--shade${step})`;
      ramp.append(shade);
    }
    rows.push(row(span("gradient along an arrow:", "faint"), sample("zero", "zero"),
      sample("vanishing", `below ${data.vanishing}`), ramp,
      sample("exploding", `above ${data.exploding}`), sample("nan", "NaN or ∞")));
  }
  for (const note of data.notes) rows.push(row(span(note, "faint")));
  find("legend").replaceChildren(...rows);
}

Viz.instance().then((instance) => {
  viz = instance;
  legend();
  redraw();
  firstSight();
  document.body.dataset.ready = "1";
});
