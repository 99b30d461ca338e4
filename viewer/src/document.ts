// Reads and checks a document: what a page carries. Stands on `columns.ts`, `data.ts` and the
// readers of its parts in `reading/`.
//
// A document that `read` returns keeps the format's promises: each index is of something that
// exists, lifetimes lie within the steps of their map and bytes below its peak, no tensor lies
// within itself, steps of profiles and gaps ascend, and windows lie within their tensors. Nothing
// else of the viewer checks again.

import {
  Columns,
  type Fields,
  fields,
  integer,
  list,
  Malformed,
  natural,
  type Strings,
  text,
} from './columns';
import type {
  Document,
  HeapProfile,
  MapData,
  Mark,
  Operators,
  Saving,
  Tensors,
} from './data';
import { bodiesOf, NO_BODIES } from './reading/bodies';
import { callsOf, heapProfileOf } from './reading/calls';
import { profileOf } from './reading/curves';
import { executionOf } from './reading/execution';
import { groupsOf } from './reading/groups';
import { recordedOf } from './reading/recorded';
import { windowsOf } from './reading/windows';

export function read(buffer: ArrayBuffer): Document {
  const view = new DataView(buffer);
  if (buffer.byteLength < 12 || view.getUint32(0, true) !== 0x4750524f) {
    throw new Malformed('document', 'it does not begin with ORPG');
  }
  const version = view.getUint32(4, true);
  if (version !== 1) throw new Malformed('document', `version ${version} is unknown`);
  const end = 12 + view.getUint32(8, true);
  if (end > buffer.byteLength) throw new Malformed('header', 'the document ends within it');
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 12, end - 12)));
  } catch {
    throw new Malformed('header', 'it is no JSON');
  }
  const header = fields(json, 'header');
  const columns = new Columns(buffer, Math.ceil(end / 8) * 8);
  const strings = columns.strings(header['strings'], 'strings');
  const maps = list(header['maps'], 'maps');
  if (maps.length === 0) throw new Malformed('maps', 'there is none');
  const profiles = list(header['profiles'] ?? [], 'profiles').map((value, i) => {
    const place = `profiles[${i}]`;
    return heapProfileOf(fields(value, place), place, columns, strings.count, maps.length);
  });
  const mapAt = (value: unknown, i: number) =>
    map(fields(value, `maps[${i}]`), `maps[${i}]`, columns, strings, profiles);
  return {
    generator: text(header['generator'], 'generator'),
    kind: text(header['kind'], 'kind'),
    title: text(header['title'], 'title'),
    notes: list(header['notes'], 'notes').map((note, i) => text(note, `notes[${i}]`)),
    strings,
    maps: maps.map(mapAt),
    profiles,
  };
}

function map(
  value: Fields,
  place: string,
  columns: Columns,
  strings: Strings,
  profiles: readonly HeapProfile[],
): MapData {
  const at = (name: string): [unknown, string] => [value[name], `${place}.${name}`];
  const peak = natural(...at('peak'));
  const firstStep = integer(...at('first_step'));
  const endStep = integer(...at('end_step'));
  if (endStep < firstStep) throw new Malformed(`${place}.end_step`, 'it is before the first step');
  const tensors = tensorsOf(fields(...at('tensors')), `${place}.tensors`, columns, strings.count);
  checkPlaces(tensors, { peak, firstStep, endStep }, `${place}.tensors`);
  /** A part that a map need not have. */
  const part = <T>(name: string, read: (value: Fields, place: string) => T): T | null =>
    (value[name] ?? null) === null ? null : read(fields(...at(name)), `${place}.${name}`);
  const items = <T>(name: string, read: (value: Fields, place: string) => T): T[] =>
    list(...at(name)).map((item, i) => {
      const there = `${place}.${name}[${i}]`;
      return read(fields(item, there), there);
    });
  const recorded = part('recorded', (of, there) =>
    recordedOf(of, there, columns, firstStep, endStep, tensors.count),
  );
  const pools = recorded?.pools?.names.length ?? 0;
  const markAt = (of: Fields, there: string) => markOf(of, there, pools);
  return {
    title: text(...at('title')),
    memory: natural(value['memory'] ?? 0, `${place}.memory`),
    peak,
    load: natural(...at('load')),
    lowerBound: natural(...at('lower_bound')),
    isOptimal: value['is_optimal'] === true,
    strategy: text(...at('strategy')),
    alignment: natural(...at('alignment')),
    leastAlignment: natural(value['least_alignment'] ?? 1, `${place}.least_alignment`),
    capacity: (value['capacity'] ?? null) === null ? null : natural(...at('capacity')),
    firstStep,
    endStep,
    operators: part('operators', (of, there) =>
      operatorsOf(of, there, columns, strings.count, tensors.count),
    ),
    execution: part('execution', (of, there) => executionOf(of, there, columns, strings.count)),
    tensors,
    profile: profileOf(
      fields(...at('profile')),
      `${place}.profile`,
      columns,
      firstStep,
      endStep,
    ),
    recorded,
    groups: part('groups', (of, there) => groupsOf(of, there, columns, tensors.count)),
    streams: part('streams', (of, there) => groupsOf(of, there, columns, tensors.count)),
    calls: part('calls', (of, there) => callsOf(of, there, columns, profiles, tensors.count)),
    marks: (value['marks'] ?? null) === null ? [] : items('marks', markAt),
    savings: (value['savings'] ?? null) === null ? null : items('savings', savingOf),
  };
}

function markOf(value: Fields, place: string, pools: number): Mark {
  const { step, text: words, pool: number = null } = value;
  const pool = number === null ? null : natural(number, `${place}.pool`);
  if (pool !== null && pool >= pools) {
    throw new Malformed(`${place}.pool`, `${pool} is not in 0..${pools}`);
  }
  return { step: integer(step, `${place}.step`), text: text(words, `${place}.text`), pool };
}

const savingOf = ({ kind, load, saves, text: words }: Fields, place: string): Saving => ({
  kind: text(kind, `${place}.kind`),
  load: natural(load, `${place}.load`),
  saves: natural(saves, `${place}.saves`),
  text: text(words, `${place}.text`),
});

function tensorsOf(value: Fields, place: string, columns: Columns, strings: number): Tensors {
  const name = columns.indices(value['name'], `${place}.name`, strings);
  const count = name.length;
  const numbers = (field: string) => columns.numbers(value[field], `${place}.${field}`, count);
  const within = columns.indices(value['within'], `${place}.within`, count + 1, count);
  const gaps = fields(value['gaps'], `${place}.gaps`);
  const gapLower = columns.numbers(gaps['lower'], `${place}.gaps.lower`);
  const gapCount = gapLower.length;
  const sides = { lower: numbers('lower'), upper: numbers('upper'), size: numbers('size') };
  const windows = value['windows'] ?? null;
  const windowsAt = `${place}.windows`;
  return {
    ...sides,
    count,
    name,
    shape: columns.indices(value['shape'], `${place}.shape`, strings, count),
    element: columns.indices(value['element'], `${place}.element`, strings, count),
    offset: numbers('offset'),
    within,
    root: rootsOf(within, `${place}.within`),
    gaps: {
      ends: columns.ends(gaps['ends'], `${place}.gaps.ends`, gapCount, count),
      lower: gapLower,
      upper: columns.numbers(gaps['upper'], `${place}.gaps.upper`, gapCount),
    },
    windows:
      windows === null
        ? null
        : windowsOf(fields(windows, windowsAt), windowsAt, columns, { count, ...sides }),
  };
}

/** The end of each tensor's chain of `within`. */
export function rootsOf(within: Uint32Array, place: string): Uint32Array {
  const root = new Uint32Array(within.length);
  const isKnown = new Uint8Array(within.length);
  for (let i = 0; i < within.length; i++) {
    if (within[i] === 0) {
      root[i] = i;
      isKnown[i] = 1;
      continue;
    }
    let end = i;
    let length = 0;
    while (isKnown[end] === 0 && within[end] !== 0) {
      end = within[end] - 1;
      if (++length > within.length) throw new Malformed(`${place}[${i}]`, 'it lies within itself');
    }
    const found = isKnown[end] === 0 ? end : root[end];
    for (let t = i; isKnown[t] === 0; t = within[t] - 1) {
      root[t] = found;
      isKnown[t] = 1;
      if (within[t] === 0) break;
    }
  }
  return root;
}

/** Lifetimes within the map's steps, bytes below its peak, and gaps that ascend in lifetimes. */
function checkPlaces(
  { count, lower, upper, offset, size, gaps }: Tensors,
  map: { peak: number; firstStep: number; endStep: number },
  place: string,
): void {
  for (let i = 0, gap = 0; i < count; i++) {
    if (!(map.firstStep <= lower[i] && lower[i] <= upper[i] && upper[i] <= map.endStep)) {
      const steps = `${map.firstStep}..${map.endStep}`;
      throw new Malformed(`${place}.upper[${i}]`, `${lower[i]}..${upper[i]} is not in ${steps}`);
    }
    if (offset[i] < 0) throw new Malformed(`${place}.offset[${i}]`, `${offset[i]} is negative`);
    if (size[i] < 0) throw new Malformed(`${place}.size[${i}]`, `${size[i]} is negative`);
    if (size[i] > 0 && lower[i] < upper[i] && offset[i] + size[i] > map.peak) {
      const end = offset[i] + size[i];
      throw new Malformed(`${place}.size[${i}]`, `it ends at ${end}, above the peak ${map.peak}`);
    }
    for (let from = lower[i]; gap < gaps.ends[i]; gap++) {
      if (!(from <= gaps.lower[gap] && gaps.lower[gap] <= gaps.upper[gap])) {
        throw new Malformed(`${place}.gaps.lower[${gap}]`, 'it is not after what precedes it');
      }
      from = gaps.upper[gap];
      if (from > upper[i]) throw new Malformed(`${place}.gaps.upper[${gap}]`, 'it is after death');
    }
  }
}

function operatorsOf(
  value: Fields,
  place: string,
  columns: Columns,
  strings: number,
  tensors: number,
): Operators {
  const name = columns.indices(value['name'], `${place}.name`, strings);
  const count = name.length;
  const bodies = value['bodies'] ?? null;
  return {
    count,
    name,
    bodies:
      bodies === null
        ? NO_BODIES
        : bodiesOf(fields(bodies, `${place}.bodies`), `${place}.bodies`, columns, strings, count),
    type: columns.indices(value['type'], `${place}.type`, strings, count),
    reads: columns.lists(value['reads'], `${place}.reads`, count, tensors),
    writes: columns.lists(value['writes'], `${place}.writes`, count, tensors),
  };
}
