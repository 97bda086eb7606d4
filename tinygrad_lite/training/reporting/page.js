"use strict";

const root = document.documentElement;
const button = document.getElementById("theme");
const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  return root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches;
}

function nameButton() {
  button.textContent = isDark() ? "Light" : "Dark";
}

button.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  nameButton();
});
prefersDark.addEventListener("change", nameButton);
nameButton();

for (const section of document.querySelectorAll("section[id]")) {
  const link = document.createElement("a");
  link.href = `#${section.id}`;
  link.textContent = section.querySelector("h2").textContent;
  document.querySelector("nav").append(link);
}

function nearest(points, x) {
  return points.reduce((best, point) =>
    Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best);
}

function listen(figure) {
  const chart = JSON.parse(figure.dataset.chart);
  const [left, right, low, high] = chart.x;
  const svg = figure.querySelector(":scope > svg");
  const cross = svg.querySelector(".cross");
  const output = figure.querySelector("output");
  const lines = Object.entries(chart.lines);

  function show(event) {
    const box = svg.getBoundingClientRect();
    const unit = box.width / svg.viewBox.baseVal.width;
    const share = ((event.clientX - box.left) / unit - left) / (right - left);
    const wanted = low + Math.min(Math.max(share, 0), 1) * (high - low);
    const x = nearest(lines.flatMap(([, points]) => points), wanted)[0];
    const place = left + ((x - low) / (high - low || 1)) * (right - left);
    cross.setAttribute("x1", place);
    cross.setAttribute("x2", place);
    const told = lines.map(([name, points]) => {
      const y = nearest(points, x)[1];
      return lines.length > 1 ? `${name}: ${y}` : `${y}`;
    });
    output.textContent = [`${chart.label} ${x}`, ...told].join("\n");
    const inside = svg.offsetLeft ?? 0;
    const from = box.left - figure.getBoundingClientRect().left + inside + place * unit;
    const room = figure.clientWidth - output.offsetWidth - 8;
    output.style.left = `${Math.max(8, Math.min(from + 10, room))}px`;
    output.style.top = `${box.top - figure.getBoundingClientRect().top + 4}px`;
    cross.style.visibility = output.style.visibility = "visible";
  }

  function hide() {
    cross.style.visibility = output.style.visibility = "hidden";
  }

  svg.addEventListener("pointermove", show);
  svg.addEventListener("pointerdown", show);
  svg.addEventListener("pointerleave", hide);
}

document.querySelectorAll("[data-chart]").forEach(listen);

// A picture wider than the screen begins where its computation does, which may be at the right.
for (const pane of document.querySelectorAll("details .scroll")) {
  const boxes = [...pane.querySelectorAll(".node")].map((node) => node.getBoundingClientRect())
    .filter((box) => box.width);
  if (boxes.length && pane.scrollWidth > pane.clientWidth) {
    const first = boxes.reduce((top, box) => (box.top < top.top ? box : top));
    const middle = (first.left + first.right) / 2 - pane.getBoundingClientRect().left;
    pane.scrollLeft = middle - pane.clientWidth / 2;
  }
}
document.body.dataset.ready = "";
