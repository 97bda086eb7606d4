"use strict";
// Where everything goes: Graphviz, compiled to WebAssembly, lays out boxes whose size is known.

const DIRECTIONS = ["LR", "TB", "RL", "BT"];

// DOT for boxes ({id: {width, height}} in pixels), arrows, and the frames of open groups; a fold
// has one only if it is in `framed`. Only our own ids are in it, so no name can break it.
function dotOf(view, sizes, labels, closed, framed, direction) {
  const inches = (pixels) => (pixels / 72).toFixed(3);
  const many = view.boxes.length > 300;
  const lines = [
    "digraph {",
    `rankdir=${direction} nodesep=0.3 ranksep=0.5 newrank=true`,
    many ? "nslimit=0.2 nslimit1=0.2 mclimit=0.1 splines=line" : "",
    'node [shape=box fixedsize=true label=""]',
  ];
  const inside = new Map(); // boxes and open groups, by the open group around them
  const enter = (id) => {
    let group = around(id);
    while (group?.fold && !framed.has(group.id)) group = around(group.id);
    const home = group?.id ?? "";
    if (!inside.has(home)) {
      inside.set(home, []);
      if (home) enter(home);
    }
    inside.get(home).push(id);
  };
  view.boxes.forEach(enter);
  const write = (id) => {
    for (const inner of inside.get(id) ?? []) {
      if (inside.has(inner) && !closed.has(inner)) {
        const size = labels.get(inner);
        lines.push(`subgraph cluster_${inner} { margin=12 labeljust=l label=${blank(size)}`);
        write(inner);
        lines.push("}");
      } else {
        const size = sizes.get(inner);
        lines.push(`${inner} [width=${inches(size.width)} height=${inches(size.height)}]`);
      }
    }
  };
  write("");
  for (const arrow of view.arrows) {
    const size = labels.get(arrow.id);
    const label = size && !many ? ` label=${blank(size)}` : "";
    lines.push(`${arrow.source} -> ${arrow.target} [id=${arrow.id}${label}]`);
  }
  lines.push("}");
  return lines.join("\n");
}

// A label that takes up room and shows nothing: the page writes the text itself.
function blank(size) {
  const [width, height] = [Math.ceil(size.width), Math.ceil(size.height)];
  return `<<TABLE BORDER="0" FIXEDSIZE="TRUE" WIDTH="${width}" HEIGHT="${height}"><TR><TD></TD></TR></TABLE>>`;
}

// Positions in pixels, y downwards: {width, height, boxes, frames, arrows}.
function positions(viz, dot) {
  const graph = JSON.parse(viz.renderString(dot, { format: "json0" }));
  const [, , width, height] = graph.bb.split(",").map(Number);
  const point = (text) => {
    const [x, y] = text.split(",").map(Number);
    return { x, y: height - y };
  };
  const placed = { width, height, boxes: new Map(), frames: new Map(), arrows: new Map() };
  for (const object of graph.objects ?? []) {
    if (object.name.startsWith("cluster_")) {
      const [left, bottom, right, top] = object.bb.split(",").map(Number);
      placed.frames.set(object.name.slice(8), {
        x: left, y: height - top, width: right - left, height: top - bottom,
      });
    } else {
      placed.boxes.set(object.name, point(object.pos));
    }
  }
  for (const edge of graph.edges ?? []) {
    const words = edge.pos.split(" ");
    let tip = null;
    while (/^[es],/.test(words[0])) {
      const word = words.shift();
      if (word[0] === "e") tip = point(word.slice(2));
    }
    placed.arrows.set(edge.id, {
      points: words.map(point), tip, label: edge.lp ? point(edge.lp) : null,
    });
  }
  return placed;
}
