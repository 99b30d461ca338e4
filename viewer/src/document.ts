// Unpacks and checks a document: what a page carries. Stands on `columns.ts`
// and `data.ts`.
//
// A document that `read` returns keeps the format's promises: each index is of something that
// exists, lifetimes lie within the steps of their map and bytes below its peak, no tensor lies
// within itself, and steps of profiles and gaps ascend. Nothing else of the viewer checks again.

import { Columns, type Fields, fields, integer, Malformed, natural, type Strings } from './columns';
import type {
  Bodies,
  Document,
  Groups,
  HeapProfile,
  MapData,
  Operators,
  Profile,
  Recorded,
  Tensors,
} from './data';

/** Bytes of a document from the base64 of its gzip stream. */
export async function unpack(base64: string): Promise<ArrayBuffer> {
  let letters: string;
  try {
    letters = atob(base64.trim());
  } catch {
    throw new Malformed('data', 'it is no base64');
  }
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return await new Response(stream).arrayBuffer();
  } catch {
    throw new Malformed('data', 'it is no complete gzip stream');
  }
}

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
  const maps = array(header['maps'], 'maps');
  if (maps.length === 0) throw new Malformed('maps', 'there is none');
  const profiles = array(header['profiles'] ?? [], 'profiles');
  return {
    generator: text(header['generator'], 'generator'),
    kind: text(header['kind'], 'kind'),
    title: text(header['title'], 'title'),
    notes: array(header['notes'], 'notes').map((note, i) => text(note, `notes[${i}]`)),
    strings,
    maps: maps.map((value, i) => map(fields(value, `maps[${i}]`), `maps[${i}]`, columns, strings)),
    profiles: profiles.map((value, i) => {
      const place = `profiles[${i}]`;
      return heapProfileOf(fields(value, place), place, columns, strings.count, maps.length);
    }),
  };
}

function map(value: Fields, place: string, columns: Columns, strings: Strings): MapData {
  const at = (name: string): [unknown, string] => [value[name], `${place}.${name}`];
  const peak = natural(...at('peak'));
  const firstStep = integer(...at('first_step'));
  const endStep = integer(...at('end_step'));
  if (endStep < firstStep) throw new Malformed(`${place}.end_step`, 'it is before the first step');
  const tensors = tensorsOf(fields(...at('tensors')), `${place}.tensors`, columns, strings.count);
  checkPlaces(tensors, { peak, firstStep, endStep }, `${place}.tensors`);
  const profile = profileOf(fields(...at('profile')), `${place}.profile`, columns);
  checkProfile(profile, firstStep, endStep, `${place}.profile`);
  const operators = value['operators'] ?? null;
  const recorded = value['recorded'] ?? null;
  const marks = value['marks'] ?? [];
  const groups = value['groups'] ?? null;
  return {
    title: text(...at('title')),
    peak,
    load: natural(...at('load')),
    lowerBound: natural(...at('lower_bound')),
    isOptimal: value['is_optimal'] === true,
    strategy: text(...at('strategy')),
    alignment: natural(...at('alignment')),
    capacity: (value['capacity'] ?? null) === null ? null : natural(...at('capacity')),
    firstStep,
    endStep,
    operators:
      operators === null
        ? null
        : operatorsOf(
            fields(operators, `${place}.operators`),
            `${place}.operators`,
            columns,
            strings.count,
            tensors.count,
          ),
    tensors,
    profile,
    recorded:
      recorded === null
        ? null
        : recordedOf(
            fields(recorded, `${place}.recorded`),
            `${place}.recorded`,
            columns,
            firstStep,
            endStep,
          ),
    groups:
      groups === null
        ? null
        : groupsOf(fields(groups, `${place}.groups`), `${place}.groups`, columns, tensors.count),
    marks: array(marks, `${place}.marks`).map((mark, i) => {
      const there = `${place}.marks[${i}]`;
      const { step, text: words } = fields(mark, there);
      return { step: integer(step, `${there}.step`), text: text(words, `${there}.text`) };
    }),
    savings: array(...at('savings')).map((saving, i) => {
      const there = `${place}.savings[${i}]`;
      const { kind, load: lower, saves, text: sentence } = fields(saving, there);
      return {
        kind: text(kind, `${there}.kind`),
        load: natural(lower, `${there}.load`),
        saves: natural(saves, `${there}.saves`),
        text: text(sentence, `${there}.text`),
      };
    }),
  };
}

function tensorsOf(value: Fields, place: string, columns: Columns, strings: number): Tensors {
  const name = columns.indices(value['name'], `${place}.name`, strings);
  const count = name.length;
  const numbers = (field: string) => columns.numbers(value[field], `${place}.${field}`, count);
  const within = columns.indices(value['within'], `${place}.within`, count + 1, count);
  const gaps = fields(value['gaps'], `${place}.gaps`);
  const gapLower = columns.numbers(gaps['lower'], `${place}.gaps.lower`);
  const gapCount = gapLower.length;
  return {
    count,
    name,
    shape: columns.indices(value['shape'], `${place}.shape`, strings, count),
    element: columns.indices(value['element'], `${place}.element`, strings, count),
    lower: numbers('lower'),
    upper: numbers('upper'),
    offset: numbers('offset'),
    size: numbers('size'),
    within,
    root: rootsOf(within, `${place}.within`),
    gaps: {
      ends: columns.ends(gaps['ends'], `${place}.gaps.ends`, gapCount, count),
      lower: gapLower,
      upper: columns.numbers(gaps['upper'], `${place}.gaps.upper`, gapCount),
    },
  };
}

/** The end of each tensor's chain of `within`. */
export function rootsOf(within: Uint32Array, place: string): Uint32Array {
  const root = new Uint32Array(within.length);
  const isKnown = new Uint8Array(within.length);
  for (let i = 0; i < within.length; i++) {
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

const NO_BODIES: Bodies = {
  count: 0,
  name: new Uint32Array(),
  lower: new Float64Array(),
  upper: new Float64Array(),
  repeated: new Uint32Array(),
};

/** Bodies of operators, of which two lie within each other or apart. */
function bodiesOf(
  value: Fields,
  place: string,
  columns: Columns,
  strings: number,
  operators: number,
): Bodies {
  const name = columns.indices(value['name'], `${place}.name`, strings);
  const count = name.length;
  const lower = columns.numbers(value['lower'], `${place}.lower`, count);
  const upper = columns.numbers(value['upper'], `${place}.upper`, count);
  const around: number[] = [];
  for (let i = 0; i < count; i++) {
    while (around.length > 0 && around[around.length - 1] <= lower[i]) around.pop();
    const isAfter = i === 0 || lower[i - 1] <= lower[i];
    const end = around[around.length - 1] ?? operators;
    if (!(isAfter && lower[i] >= 0 && lower[i] < upper[i] && upper[i] <= end)) {
      const steps = `${lower[i]}..${upper[i]}`;
      throw new Malformed(`${place}.lower[${i}]`, `${steps} is neither within nor after the others`);
    }
    around.push(upper[i]);
  }
  const repeated = columns.indices(value['repeated'], `${place}.repeated`, 2, count);
  return { count, name, lower, upper, repeated };
}

function profileOf(value: Fields, place: string, columns: Columns): Profile {
  const step = columns.numbers(value['step'], `${place}.step`);
  return { step, load: columns.numbers(value['load'], `${place}.load`, step.length) };
}

function groupsOf(value: Fields, place: string, columns: Columns, tensors: number): Groups {
  const names = array(value['names'], `${place}.names`).map((name, i) =>
    text(name, `${place}.names[${i}]`),
  );
  return { names, of: columns.indices(value['of'], `${place}.of`, names.length, tensors) };
}

function recordedOf(
  value: Fields,
  place: string,
  columns: Columns,
  first: number,
  end: number,
): Recorded {
  const reserved = fields(value['reserved'], `${place}.reserved`);
  const step = columns.numbers(reserved['step'], `${place}.reserved.step`);
  const bytes = columns.numbers(reserved['bytes'], `${place}.reserved.bytes`, step.length);
  checkProfile({ step, load: bytes }, first, end, `${place}.reserved`);
  const ranges = fields(value['ranges'], `${place}.ranges`);
  const lower = columns.numbers(ranges['lower'], `${place}.ranges.lower`);
  const numbers = (name: string) =>
    columns.numbers(ranges[name], `${place}.ranges.${name}`, lower.length);
  const [upper, offset, size] = [numbers('upper'), numbers('offset'), numbers('size')];
  for (let i = 0; i < lower.length; i++) {
    if (offset[i] < 0 || size[i] < 0 || !(first <= lower[i] && lower[i] <= upper[i])) {
      throw new Malformed(`${place}.ranges.lower[${i}]`, 'it is no range of steps and bytes');
    }
  }
  return { reserved: { step, bytes }, ranges: { lower, upper, offset, size } };
}

function heapProfileOf(
  value: Fields,
  place: string,
  columns: Columns,
  strings: number,
  maps: number,
): HeapProfile {
  const map = natural(value['map'], `${place}.map`);
  if (map >= maps) throw new Malformed(`${place}.map`, `${map} is not in 0..${maps}`);
  const name = columns.indices(value['name'], `${place}.name`, strings);
  const count = name.length;
  const parent = columns.indices(value['parent'], `${place}.parent`, count + 1, count);
  for (let i = 0; i < count; i++) {
    if (parent[i] > i) throw new Malformed(`${place}.parent[${i}]`, 'it is not before its call');
  }
  const numbers = (field: string) => {
    const column = columns.numbers(value[field], `${place}.${field}`, count);
    let sum = 0;
    for (let i = 0; i < count; i++) {
      natural(column[i], `${place}.${field}[${i}]`);
      sum += column[i];
    }
    integer(sum, `${place}.${field}`);
    return column;
  };
  const [atPeak, atEnd] = [numbers('at_peak'), numbers('at_end')];
  const [allocated, allocations] = [numbers('allocated'), numbers('allocations')];
  return { map, count, parent, name, atPeak, atEnd, allocated, allocations };
}

function checkProfile({ step, load }: Profile, first: number, end: number, place: string): void {
  for (let i = 0; i < step.length; i++) {
    const isAfter = i === 0 ? step[i] >= first : step[i] > step[i - 1];
    if (!isAfter || step[i] > end) {
      throw new Malformed(`${place}.step[${i}]`, `${step[i]} does not ascend in ${first}..${end}`);
    }
    if (load[i] < 0) throw new Malformed(`${place}.load[${i}]`, `${load[i]} is negative`);
  }
}

function text(value: unknown, place: string): string {
  if (typeof value !== 'string') throw new Malformed(place, 'text is expected');
  return value;
}

function array(value: unknown, place: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Malformed(place, 'a list is expected');
  return value;
}
