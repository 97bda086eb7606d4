"use strict";
// What is visible: cards and groups as they are open or closed. Everything shown comes from the
// embedded data as text, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const cards = new Map(data.cards.map((card) => [card.id, card]));
const groups = new Map(data.groups.map((group) => [group.id, group]));

// The group around a card or group, null outside of all.
const around = (id) => groups.get((cards.get(id) ?? groups.get(id)).home) ?? null;

// The outermost closed group around a card, or the card itself.
function boxOf(id, closed) {
  let box = id;
  for (let group = groups.get(id) ?? around(id); group; group = around(group.id)) {
    if (closed.has(group.id)) box = group.id;
  }
  return box;
}

// The text of a box: a card's own, or what a closed group says of itself.
const textOf = (id) => cards.get(id) ?? groups.get(id);

function visible(closed) {
  const sealed = data.groups.filter((group) => group.sealed); // their cards are not in the page
  const boxes = new Set([...data.cards, ...sealed].map((each) => boxOf(each.id, closed)));
  const merged = new Map();
  for (const edge of data.edges) {
    const source = boxOf(edge.source, closed);
    const target = boxOf(edge.target, closed);
    if (source === target) continue;
    const single = source === edge.source && target === edge.target;
    const key = single ? `${edge.id}` : `${source} ${target}`;
    const arrow = merged.get(key);
    if (arrow) {
      arrow.edges.push(edge);
    } else {
      merged.set(key, { id: `a${merged.size}`, source, target, edges: [edge] });
    }
  }
  return { boxes: [...boxes].sort((a, b) => textOf(a).at - textOf(b).at), arrows: [...merged.values()] };
}

// Of many edges the one that most needs to be seen: NaN before the largest.
function worst(edges) {
  const rank = (edge) => (edge.flow === "nan" ? Infinity : (edge.size ?? -1));
  return edges.reduce((a, b) => (rank(b) > rank(a) ? b : a));
}

const countOf = (arrow) => arrow.edges.reduce((sum, edge) => sum + edge.count, 0);

// The label of an arrow: the contribution along a single edge, the number of several.
function labelOf(arrow) {
  const count = countOf(arrow);
  return count > 1 ? `× ${count.toLocaleString("en")}` : arrow.edges[0].label;
}

function wordsOf(arrow) {
  if (arrow.edges.length === 1) return arrow.edges[0].words;
  const most = worst(arrow.edges);
  const count = countOf(arrow).toLocaleString("en");
  return most.label ? `${count} edges; the largest contribution is ${most.label}` : `${count} edges`;
}

// A number as the Python side writes it: four significant digits.
function numberText(number) {
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "-∞";
  return String(Number(number.toPrecision(4)));
}
