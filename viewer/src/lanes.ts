// Streams as lanes: which lanes a map has, and what each of them has alive over the whole time.
// Stands on `curve.ts`, `radix.ts`, `map.ts` and `pieces.ts`.
//
// A lane is a stream. Where there are more than `LANES`, those with the least bytes have the last
// lane together. The loads of all lanes add up to that of the map.

import { Curve } from './curve';
import type { MemoryMap } from './map';
import { eachNeeded, mostNeeded } from './pieces';
import { ascending } from './radix';

/** How many lanes a map has at most. */
const LANES = 6;

export interface Lane {
  readonly name: string;
  /** The streams that it shows. */
  readonly streams: readonly number[];
}

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
  const capacity = 2 * mostNeeded(tensors);
  const changes = { step: new Float64Array(capacity), by: new Float64Array(capacity) };
  const lane = new Uint32Array(capacity);
  let count = 0;
  const change = (tensor: number, step: number, by: number) => {
    changes.step[count] = step - data.firstStep;
    changes.by[count] = by;
    lane[count++] = laneOf[data.streams!.of[tensor]];
  };
  for (let i = 0; i < tensors.count; i++) {
    if (!map.isRoot(i) || !map.occupies(i)) continue;
    eachNeeded(tensors, i, (lower, upper, bottom, top) => {
      change(i, lower, top - bottom);
      change(i, upper, bottom - top);
    });
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

/** The loads of the lanes of a map. */
export const loadsOf = (map: MemoryMap): readonly Curve[] =>
  once(LOADS_OF, map, () => (lanesOf(map).length === 0 ? [] : loadsOfLanes(map, lanesOf(map))));
