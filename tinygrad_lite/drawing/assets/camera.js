"use strict";
// What part of the picture is seen: panning, zooming, and fitting it in.

const find = (id) => document.getElementById(id);
const picture = find("picture");
const camera = element("g");
const layers = { frames: element("g"), arrows: element("g"), cards: element("g") };
camera.append(layers.frames, layers.arrows, layers.cards);
picture.append(camera, element("g", { id: "measure", visibility: "hidden" }));

const eye = { x: 0, y: 0, scale: 1 };

function look() {
  camera.setAttribute("transform", `translate(${eye.x} ${eye.y}) scale(${eye.scale})`);
}

function zoom(factor, x = picture.clientWidth / 2, y = picture.clientHeight / 2) {
  const scale = Math.min(Math.max(eye.scale * factor, 0.02), 8);
  eye.x = x - ((x - eye.x) * scale) / eye.scale;
  eye.y = y - ((y - eye.y) * scale) / eye.scale;
  eye.scale = scale;
  look();
}

function fit() {
  const { width, height } = view.placed;
  const [w, h] = [picture.clientWidth, picture.clientHeight];
  eye.scale = Math.max(Math.min((w - 40) / width, (h - 90) / height, 1.25), 0.02);
  eye.x = (w - width * eye.scale) / 2;
  eye.y = Math.max((h - 50 - height * eye.scale) / 2, 20);
  look();
}

// At first everything, unless that is too small to read: then turned, else from the start on.
function firstSight() {
  const turned = { LR: "TB", TB: "LR", RL: "BT", BT: "RL" };
  const turn = () => {
    direction = turned[direction];
    view.elements.clear(); // nothing to move from
    redraw();
    fit();
  };
  fit();
  if (eye.scale >= 0.6) return;
  const before = eye.scale;
  turn();
  if (eye.scale <= before) turn();
  if (eye.scale >= 0.6) return;
  eye.scale = 0.6;
  const across = direction === "LR" || direction === "RL";
  const [width, height] = [view.placed.width * 0.6, view.placed.height * 0.6];
  eye.x = across ? 20 : (picture.clientWidth - width) / 2;
  eye.y = across ? Math.max((picture.clientHeight - 50 - height) / 2, 20) : 20;
  look();
}

function lookAt(x, y) {
  eye.x = picture.clientWidth / 2 - x * eye.scale;
  eye.y = picture.clientHeight / 2 - y * eye.scale;
  look();
}

const fingers = new Map();
let dragged = 0;

picture.addEventListener("pointerdown", (event) => {
  fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  dragged = 0;
});
window.addEventListener("pointermove", (event) => {
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const [dx, dy] = [event.clientX - before.x, event.clientY - before.y];
  dragged += Math.abs(dx) + Math.abs(dy);
  const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
  if (other) {
    const spread = (p) => Math.hypot(p.x - other.x, p.y - other.y);
    const corner = picture.getBoundingClientRect();
    zoom(spread({ x: event.clientX, y: event.clientY }) / Math.max(spread(before), 1),
      other.x - corner.left, other.y - corner.top);
  } else {
    eye.x += dx;
    eye.y += dy;
    look();
  }
  fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
});
for (const name of ["pointerup", "pointercancel"]) {
  window.addEventListener(name, (event) => fingers.delete(event.pointerId));
}
picture.addEventListener("wheel", (event) => {
  event.preventDefault();
  const corner = picture.getBoundingClientRect();
  zoom(Math.exp(-event.deltaY * 0.0015), event.clientX - corner.left, event.clientY - corner.top);
}, { passive: false });
