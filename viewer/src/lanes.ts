// Streams as lanes above a map: what each of them has alive, over the whole time. Stands on
// `curve.ts`, `radix.ts`, `scene.ts`, `theme.ts`, `pen.ts`, `map.ts` and `format.ts`.
//
// A lane is a stream. Where there are more than `LANES`, those with the least bytes have the last
// lane together. The loads of all lanes add up to that of the map.

import type { Window } from './boxes';
import { Curve } from './curve';
import { shortened } from './format';
import type { MemoryMap } from './map';
import { FONT, type Pen } from './pen';
import { ascending } from './radix';
import type { Scene } from './scene';
import type { Theme } from './theme';
import type { Area } from './viewport';

/** How many lanes a map has at most. */
const LANES = 6;
/** The height of a lane, and from one lane to the next. */
const HEIGHT = 12;
const PITCH = 14;
/** The least height of what is alive, in pixels. */
const LEAST = 1.5;

export interface Lane {
  readonly name: string;
  /** The streams that it shows. */
  readonly streams: readonly number[];
}

/** A lane as it is drawn. */
export interface DrawnLane {
  readonly name: string;
  readonly colour: string;
  readonly top: number;
  readonly path: Path2D;
}

/** The pixels that so many lanes take above a map. */
export const heightOfLanes = (count: number): number => (count === 0 ? 0 : count * PITCH + 4);

function foundLanes(map: MemoryMap): Lane[] {
  const { tensors, data } = map;
  const { streams } = data;
  if (streams === null) return [];
  const { names, of } = streams;
  const bytes = names.map(() => 0);
  for (let i = 0; i < tensors.count; i++) {
    if (map.isRoot(i) && map.occupies(i)) bytes[of[i]] += tensors.size[i];
  }
  const numbers = names.map((_, stream) => stream);
  if (names.length <= LANES) return numbers.map((of) => ({ name: names[of], streams: [of] }));
  const largest = [...numbers].sort((a, b) => bytes[b] - bytes[a] || a - b);
  const own = new Set(largest.slice(0, LANES - 1));
  const rest = numbers.filter((stream) => !own.has(stream));
  const lanes = numbers.filter((stream) => own.has(stream));
  const name = `${rest.length} others`;
  return [...lanes.map((of) => ({ name: names[of], streams: [of] })), { name, streams: rest }];
}

/** The bytes that each lane has alive at each step. */
export function loadsOfLanes(map: MemoryMap, lanes: readonly Lane[]): Curve[] {
  const { data, tensors } = map;
  const laneOf = new Uint32Array(data.streams!.names.length);
  lanes.forEach(({ streams }, lane) => {
    for (const stream of streams) laneOf[stream] = lane;
  });
  const { gaps, lower, upper, size } = tensors;
  const capacity = 2 * (tensors.count + gaps.lower.length);
  const changes = { step: new Float64Array(capacity), by: new Float64Array(capacity) };
  const lane = new Uint32Array(capacity);
  let count = 0;
  const change = (tensor: number, step: number, by: number) => {
    changes.step[count] = step - data.firstStep;
    changes.by[count] = by;
    lane[count++] = laneOf[data.streams!.of[tensor]];
  };
  for (let i = 0, gap = 0; i < tensors.count; i++) {
    const isDrawn = map.isRoot(i) && map.occupies(i);
    if (isDrawn) {
      change(i, lower[i], size[i]);
      change(i, upper[i], -size[i]);
    }
    for (; gap < gaps.ends[i]; gap++) {
      if (!isDrawn) continue;
      change(i, gaps.lower[gap], -size[i]);
      change(i, gaps.upper[gap], size[i]);
    }
  }
  const order = ascending(changes.step, Uint32Array.from({ length: count }, (_, i) => i));
  const points = lanes.map(() => ({ step: [] as number[], load: [] as number[], last: 0 }));
  for (const i of order) {
    const of = points[lane[i]];
    const step = changes.step[i] + data.firstStep;
    of.last += changes.by[i];
    if (of.step[of.step.length - 1] === step) of.load[of.load.length - 1] = of.last;
    else {
      of.step.push(step);
      of.load.push(of.last);
    }
  }
  return points.map(({ step, load }) => {
    return new Curve(Float64Array.from(step), Float64Array.from(load), data.endStep);
  });
}

/** The lanes of each map, which take a walk over all tensors, and so do their loads. */
const LANES_OF = new WeakMap<MemoryMap, readonly Lane[]>();
const LOADS_OF = new WeakMap<MemoryMap, readonly Curve[]>();

/** The value of a map, made when it is first asked for. */
function once<T>(known: WeakMap<MemoryMap, T>, map: MemoryMap, make: () => T): T {
  const found = known.get(map) ?? make();
  known.set(map, found);
  return found;
}

/** The lanes of a map, in the order of its streams; none of a map without streams. */
export const lanesOf = (map: MemoryMap): readonly Lane[] =>
  once(LANES_OF, map, () => foundLanes(map));

/** That of its stream; of several streams the one for all others, muted if all of them are. */
export function colourOfLane(
  names: readonly string[],
  colours: ReadonlyMap<string, string>,
  { kinds, muted }: Theme,
): string {
  const own = names.map((name) => colours.get(name) ?? muted);
  if (own.length === 1 || own.every((colour) => colour === muted)) return own[0];
  return kinds[kinds.length - 1];
}

/** The lanes of a map as they are drawn: each as high as its bytes, on one scale. */
export function drawnLanes(
  map: MemoryMap,
  colours: ReadonlyMap<string, string>,
  theme: Theme,
  whole: Window,
  { left, top, width }: Area,
): DrawnLane[] {
  const lanes = lanesOf(map);
  const loads = once(LOADS_OF, map, () => (lanes.length === 0 ? [] : loadsOfLanes(map, lanes)));
  const most = Math.max(1, ...loads.map((load) => load.most));
  const steps = (whole.upper - whole.lower) / width;
  return lanes.map(({ name, streams }, lane) => {
    const path = new Path2D();
    const bottom = top + lane * PITCH + HEIGHT;
    for (let x = 0; x < width; x++) {
      const from = whole.lower + x * steps;
      const load = loads[lane].largest(from, from + steps);
      if (load === 0) continue;
      const height = Math.max(LEAST, (load / most) * HEIGHT);
      path.rect(left + x, bottom - height, 1, height);
    }
    const names = streams.map((stream) => map.data.streams!.names[stream]);
    return { name, colour: colourOfLane(names, colours, theme), top: top + lane * PITCH, path };
  });
}

/** A name in so many pixels: names often differ at their ends. */
function fitted(pen: Pen, name: string, room: number): string {
  const full = shortened(name, 40);
  const width = pen.widthOf(full);
  if (width <= room) return full;
  return pen.cut(name, Math.floor((full.length * room) / width), room, shortened, FONT);
}

export function drawLanes(
  { pen, theme, view, highlights }: Scene,
  { left, top, width, height }: Area,
  lanes: readonly DrawnLane[],
): void {
  const { context } = pen;
  for (const lane of lanes) {
    context.fillStyle = theme.plot;
    context.fillRect(left, lane.top, width, HEIGHT);
    context.fillStyle = lane.colour;
    context.fill(lane.path);
    context.fillStyle = theme.faint;
    context.textAlign = 'right';
    context.fillText(fitted(pen, lane.name, left - 12), left - 8, lane.top + HEIGHT / 2);
  }
  if (highlights.cursor === null || lanes.length === 0) return;
  const { whole } = view;
  const part = (highlights.cursor + 0.5 - whole.lower) / (whole.upper - whole.lower);
  context.fillStyle = theme.cursor;
  context.fillRect(left + part * width - 0.75, top, 1.5, height - PITCH + HEIGHT);
}
