/** Where the stages of a network stand in a picture of it. */

import type { Place, Stage } from "../networks/network";

/** A map of a stage: a rectangle of neurons. */
export interface Tile {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Side of a neuron. */
  readonly cell: number;
}

export interface Layout {
  readonly width: number;
  readonly height: number;
  /** Whether stages follow from top to bottom, for narrow screens, or from left to right. */
  readonly downwards: boolean;
  /** By stage and map. */
  readonly tiles: readonly (readonly Tile[])[];
}

const NARROW = 560;
const GAP = 6;
const EDGE = 4;
/** The largest side of a digit's bulb, and of any other map. */
const LARGEST_BULB = 44;
const LARGEST_MAP = 250;

/**
 * Stages one after another by depth, those of the same depth beside each other. `length` is the way
 * from the picture to the digits, `breadth` across it. What the maps leave of the length is shared
 * among the gaps, where the connections are.
 */
export function layOut(stages: readonly Stage[], width: number): Layout {
  const downwards = width < NARROW;
  const groups = groupsOf(stages);
  const height = downwards
    ? 110 * groups.length + 90
    : Math.round(Math.min(460, Math.max(300, 0.62 * width)));
  const [length, breadth] = downwards ? [height, width] : [width, height];
  const grids = groups.map((group) => gridOf(group, stages, downwards));
  const wishes = grids.map(({ along, aside }, depth) => {
    const pitch = (breadth - 2 * EDGE) / aside;
    const largest = depth === groups.length - 1 ? LARGEST_BULB : LARGEST_MAP;
    return Math.min(pitch * along, largest * (along === 1 ? 1 : along / 2));
  });
  const gaps = Math.max(1, groups.length - 1);
  const least = Math.max(24, Math.min(110, (0.36 * length) / groups.length));
  const total = wishes.reduce((sum, wish) => sum + wish, 0);
  const scale = Math.min(1, (length - 2 * EDGE - least * gaps) / total);
  const between = (length - 2 * EDGE - total * scale) / gaps;

  const tiles: Tile[][] = stages.map(() => []);
  let start = EDGE;
  groups.forEach((group, depth) => {
    const { along, aside } = grids[depth];
    const pitch = Math.min((wishes[depth] * scale) / along, (breadth - 2 * EDGE) / aside);
    const offset = (breadth - pitch * aside) / 2;
    let place = 0;
    for (const k of group) {
      const { maps, width: across, height: down } = stages[k];
      for (let map = 0; map < maps; map++, place++) {
        const far = start + (downwards ? Math.floor(place / aside) : place % along) * pitch;
        const side = offset + (downwards ? place % aside : Math.floor(place / along)) * pitch;
        const [left, top] = downwards ? [side, far] : [far, side];
        const cell = (pitch - Math.min(GAP, 0.14 * pitch)) / Math.max(across, down);
        tiles[k].push({
          x: left + (pitch - cell * across) / 2,
          y: top + (pitch - cell * down) / 2,
          width: cell * across,
          height: cell * down,
          cell,
        });
      }
    }
    start += wishes[depth] * scale + between;
  });
  return { width, height, downwards, tiles };
}

/** Numbers of the stages of each depth. */
function groupsOf(stages: readonly Stage[]): number[][] {
  const groups: number[][] = [];
  stages.forEach((stage, k) => {
    groups[stage.depth] = [...(groups[stage.depth] ?? []), k];
  });
  return groups;
}

/** How many maps of a group stand one behind the other, and beside each other. */
function gridOf(group: readonly number[], stages: readonly Stage[], downwards: boolean) {
  const count = group.reduce((sum, k) => sum + stages[k].maps, 0);
  const last = group.includes(stages.length - 1);
  const single = last || count <= (downwards ? 8 : 6);
  const along = single ? 1 : count <= 16 ? 2 : count <= 40 ? 3 : Math.ceil(Math.sqrt(count / 2));
  const aside = Math.ceil(count / along);
  return { along, aside };
}

/** The middle of a neuron, or of a whole map. */
export function middleOf(layout: Layout, stages: readonly Stage[], place: Place): [number, number] {
  const tile = layout.tiles[place.stage][place.map];
  if (place.neuron === undefined) return [tile.x + tile.width / 2, tile.y + tile.height / 2];
  const across = stages[place.stage].width;
  return [
    tile.x + ((place.neuron % across) + 0.5) * tile.cell,
    tile.y + (Math.floor(place.neuron / across) + 0.5) * tile.cell,
  ];
}
