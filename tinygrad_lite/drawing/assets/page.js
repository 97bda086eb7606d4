"use strict";
// The page itself: drawing, opening and closing, pointing, search, stepping.

const MOST = 1500; // boxes: more take the layout too long
const MANY = 150; // boxes: with more, what is opened keeps the groups inside it closed
const closed = new Set(data.groups.filter((group) => group.closed).map((group) => group.id));
// Folds that have been closed: opened again they have a frame, by which to close them.
const framed = new Set(closed);
const view = { boxes: [], arrows: [], placed: null, steps: [], elements: new Map(), lines: new Map() };
let direction = data.direction;
let now = 0;
let viz = null;
let playing = null;
let hits = [];
let hit = -1;

// -- drawing -------------------------------------------------------------------------------------

function measured(className, text) {
  const shown = element("text", { class: className }, text);
  find("measure").append(shown);
  const width = shown.getComputedTextLength();
  shown.remove();
  return width;
}

function redraw({ keepStep = false } = {}) {
  const atEnd = !keepStep || now >= view.steps.length - 1;
  const fresh = visible(closed);
  const sizes = new Map();
  const made = new Map();
  for (const id of fresh.boxes) {
    const card = cardElement(id, groups.has(id) && !groups.get(id).sealed);
    sizes.set(id, card.size);
    made.set(id, card.made);
  }
  const labels = new Map();
  for (const arrow of fresh.arrows) {
    const label = labelOf(arrow);
    if (label) labels.set(arrow.id, { width: measured("label", label) + 10, height: 16 });
  }
  for (const group of data.groups) {
    labels.set(group.id, { width: measured("title", titleOf(group)) + 8, height: 18 });
  }
  const placed = positions(viz, dotOf(fresh, sizes, labels, closed, framed, direction));
  const before = new Map([...view.elements].map(([id, e]) => [id, e.style.transform]));
  Object.assign(view, fresh, { placed, elements: made, lines: new Map() });
  layers.frames.replaceChildren(...framesOf(placed));
  layers.cards.replaceChildren();
  for (const [id, card] of made) {
    const { x, y } = placed.boxes.get(id);
    const target = `translate(${x}px, ${y}px)`;
    card.style.transform = before.get(id) ?? target;
    layers.cards.append(card);
    if (before.has(id)) {
      card.getBoundingClientRect(); // so that the move starts from where the box was
      card.classList.add("moved");
      card.style.transform = target;
    }
  }
  layers.arrows.replaceChildren();
  for (const arrow of fresh.arrows) {
    const line = arrowElement(arrow, placed.arrows.get(arrow.id));
    view.lines.set(arrow.id, line);
    layers.arrows.append(line);
  }
  view.steps = stepsOf(view);
  find("step").max = view.steps.length - 1;
  setStep(atEnd ? view.steps.length - 1 : Math.min(now, view.steps.length - 1));
  mark();
}

const titleOf = (group) => `− ${group.title}`;

function framesOf(placed) {
  const frames = [...placed.frames].map(([id, place]) => {
    const group = groups.get(id);
    const title = element("text", {
      class: "title", x: place.x + 10, y: place.y + 19, tabindex: 0, role: "button",
      "aria-label": `Collapse ${group.title}`, "data-close": id,
    }, titleOf(group));
    return element("g", { class: `frame${group.fold ? " fold" : ""}` },
      element("rect", { x: place.x, y: place.y, width: place.width, height: place.height, rx: 10 }), title);
  });
  // Outer frames first, so that inner ones lie on top.
  const area = (frame) => frame.firstChild.width.baseVal.value * frame.firstChild.height.baseVal.value;
  return frames.sort((a, b) => area(b) - area(a));
}

// -- opening and closing -------------------------------------------------------------------------

function change(ids, close) {
  const before = new Set(closed);
  ids.forEach((id) => (close ? closed.add(id) : closed.delete(id)));
  if (!close && ids.length === 1 && visible(closed).boxes.length > MANY) {
    data.groups.filter((group) => group.home === ids[0]).forEach((group) => closed.add(group.id));
  }
  closed.forEach((id) => framed.add(id));
  const count = visible(closed).boxes.length;
  if (!close && count > MOST) {
    restore(before);
    notify(`That would be ${count.toLocaleString("en")} boxes; at most ${MOST.toLocaleString("en")} are drawn.`);
    return false;
  }
  try {
    redraw({ keepStep: true });
    return true;
  } catch (error) {
    restore(before);
    redraw({ keepStep: true });
    notify(`This could not be laid out: ${error.message}`);
    return false;
  }
}

function restore(ids) {
  closed.clear();
  ids.forEach((id) => closed.add(id));
}

function toggle(id) {
  const group = groups.get(id);
  if (!group) return;
  if (closed.has(id) && group.sealed) {
    notify(`What is inside ${group.title} is too much for this page. Draw it with expand= or start=.`);
    return;
  }
  const was = view.placed.boxes.get(id);
  if (change([id], !closed.has(id)) && was) keepInSight(id);
}

function keepInSight(id) {
  const place = view.placed.frames.get(id);
  if (place) lookAt(place.x + place.width / 2, place.y + place.height / 2);
}

function notify(message) {
  const notice = find("notice");
  notice.textContent = message;
  notice.hidden = false;
  clearTimeout(notify.timer);
  notify.timer = setTimeout(() => (notice.hidden = true), 5000);
}

// -- pointing and clicking -----------------------------------------------------------------------

function activate(target) {
  const close = target.closest?.("[data-close]");
  const card = target.closest?.(".card");
  if (close) toggle(close.dataset.close);
  else if (card) toggle(card.dataset.id);
}

picture.addEventListener("click", (event) => {
  if (dragged < 6) activate(event.target);
});
picture.addEventListener("keydown", (event) => {
  if (event.key === "Enter") activate(event.target);
});
for (const name of ["pointerover", "focusin"]) {
  picture.addEventListener(name, (event) => tell(event.target));
}

function tell(target) {
  const detail = find("detail");
  const card = target.closest?.(".card");
  const line = target.closest?.(".arrow");
  detail.hidden = !card && !line;
  if (card) detail.replaceChildren(...cardDetail(textOf(card.dataset.id)));
  if (line) {
    const arrow = view.arrows.find((a) => a.id === line.dataset.id);
    detail.replaceChildren(...definitions(`${textOf(arrow.source).title} → ${textOf(arrow.target).title}`,
      wordsOf(arrow).split("; ").map((part) => ["", part])));
  }
}

function cardDetail(text) {
  const rows = [
    ["made by", text.call], ["type", text.typed], ["", (text.lines ?? []).join("; ")],
    ["data", text.data], ["gradient", text.gradient], ["", text.sum && `= ${text.sum}`],
    ["by hand", text.hand], ["", text.firstWrong ? "the first wrong gradient, seen from the output" : ""],
    ["line", text.where], ["in", text.scope],
  ];
  return definitions(text.full ?? text.title, rows);
}

function definitions(title, rows) {
  const heading = document.createElement("h2");
  heading.textContent = title;
  const list = document.createElement("dl");
  for (const [what, value] of rows) {
    if (!value) continue;
    const term = document.createElement("dt");
    const description = document.createElement("dd");
    term.textContent = what;
    description.textContent = value;
    list.append(term, description);
  }
  return [heading, list];
}

// -- search --------------------------------------------------------------------------------------

function search(next) {
  const wanted = find("search").value.trim().toLowerCase();
  const fits = (text) => [text.title, text.full, text.call, text.path].some((t) => t?.toLowerCase().includes(wanted));
  if (!next) {
    hits = wanted ? [...data.cards, ...data.groups.filter((g) => !g.fold)].filter(fits).map((c) => c.id) : [];
    hit = -1;
  } else if (hits.length) {
    hit = (hit + 1) % hits.length;
    reveal(hits[hit]);
  }
  find("found").textContent = !wanted ? "" : hit < 0 ? `${hits.length} found` : `${hit + 1} of ${hits.length}`;
  mark();
}

// Opens what hides a card, and brings it to the middle.
function reveal(id) {
  const hiding = [];
  for (let group = around(id); group; group = around(group.id)) {
    if (closed.has(group.id)) hiding.push(group.id);
  }
  const outermost = hiding.at(-1);
  if (hiding.length && !hiding.some((g) => groups.get(g).sealed)) change(hiding, false);
  const place = view.placed.boxes.get(id) ?? view.placed.frames.get(id) ?? view.placed.boxes.get(outermost);
  if (place) lookAt(place.x + (place.width ?? 0) / 2, place.y + (place.height ?? 0) / 2);
}

function mark() {
  const boxes = new Set(hits.map((id) => boxOf(id, closed)));
  const current = hit >= 0 ? boxOf(hits[hit], closed) : null;
  for (const [id, card] of view.elements) {
    card.classList.toggle("found", current ? id === current : boxes.has(id));
  }
}

// -- stepping ------------------------------------------------------------------------------------

function setStep(wanted) {
  now = Math.min(Math.max(wanted, 0), view.steps.length - 1);
  const end = now === view.steps.length - 1;
  const known = knownAt(view.steps, now);
  const step = view.steps[now];
  for (const [id, card] of view.elements) {
    const text = textOf(id);
    const given = cards.has(id) && text.kind !== "operation";
    card.classList.toggle("later", !given && !known.computed.has(id));
    card.classList.toggle("now", !end && step.id === id);
    const gradient = end ? text.gradient : gradientAt(id, view, known);
    for (const row of card.querySelectorAll(".gradient")) {
      const whole = gradient === text.gradient;
      row.classList.toggle("later", !gradient || (row.classList.contains("sum") && !whole));
      if (!row.classList.contains("sum")) {
        const value = row.querySelector(".value");
        value.dataset.whole ??= value.textContent;
        value.textContent = whole ? value.dataset.whole : gradient;
        row.querySelector(".chip").style.visibility = whole ? "" : "hidden";
      }
    }
  }
  for (const arrow of view.arrows) {
    const line = view.lines.get(arrow.id);
    const reached = known.computed.has(arrow.target);
    line.classList.toggle("later", !reached);
    line.classList.toggle("pending", data.withGradients && !known.pulled.has(arrow.target));
    line.classList.toggle("now", !end && step.kind === "backward" && arrow.target === step.id);
  }
  find("step").value = now;
  find("step").setAttribute("aria-valuetext", toldOf(view.steps, now, view));
  find("told").textContent = end ? `${data.hidden}. Step back to see how it came about.` : toldOf(view.steps, now, view);
  for (const [id, off] of [["first", now === 0], ["back", now === 0], ["next", end], ["last", end]]) {
    find(id).disabled = off;
  }
}

// A step of the reader's: what it computes is brought into sight.
function goTo(wanted) {
  setStep(wanted);
  const place = view.placed.boxes.get(view.steps[now].id);
  if (!place) return;
  const [x, y] = [place.x * eye.scale + eye.x, place.y * eye.scale + eye.y];
  if (x < 40 || y < 40 || x > picture.clientWidth - 40 || y > picture.clientHeight - 90) lookAt(place.x, place.y);
}

function play() {
  if (playing) {
    clearInterval(playing);
    playing = null;
  } else {
    if (now === view.steps.length - 1) goTo(0);
    playing = setInterval(() => {
      goTo(now + 1);
      if (now === view.steps.length - 1) play();
    }, 900);
  }
  find("play").textContent = playing ? "Pause" : "Play";
}

const BUTTONS = {
  first: () => goTo(0), back: () => goTo(now - 1), next: () => goTo(now + 1),
  last: () => goTo(view.steps.length - 1), play,
  smaller: () => zoom(1 / 1.3), larger: () => zoom(1.3), fit,
  theme: () => {
    const root = document.documentElement;
    const dark = getComputedStyle(root).getPropertyValue("--is-dark").trim() === "1";
    root.dataset.theme = dark ? "light" : "dark";
  },
  turn: () => {
    direction = DIRECTIONS[(DIRECTIONS.indexOf(direction) + 1) % DIRECTIONS.length];
    redraw({ keepStep: true });
    fit();
  },
  expand: () => {
    const open = data.groups.filter((group) => !group.sealed).map((group) => group.id);
    if (change(open, false)) fit();
  },
  collapse: () => {
    change(data.groups.map((group) => group.id), true);
    fit();
  },
};
for (const [id, act] of Object.entries(BUTTONS)) find(id).addEventListener("click", act);
find("step").addEventListener("input", (event) => goTo(Number(event.target.value)));
find("search").addEventListener("input", () => search(false));
find("search").addEventListener("keydown", (event) => {
  if (event.key === "Enter") search(true);
});
window.addEventListener("keydown", (event) => {
  if (event.target.matches("input, button")) return;
  const act = {
    ArrowRight: "next", ArrowLeft: "back", Home: "first", End: "last", " ": "play",
    "+": "larger", "-": "smaller", 0: "fit",
  }[event.key];
  if (act) {
    event.preventDefault();
    BUTTONS[act]();
  } else if (event.key === "/") {
    event.preventDefault();
    find("search").focus();
  }
});
