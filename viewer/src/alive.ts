// Tables of tensors by size, and the one of what is alive at the cursor. Stands on `table.ts`,
// `elements.ts`, `names.ts`, `parts.ts`, `map.ts` and `format.ts`.

import {
  type LinkActions,
  byId,
  element,
  isTouched,
  narrowLink,
  operatorLink,
  several,
  tensorLink,
} from './elements';
import {
  beginning,
  bytes,
  exactBytes,
  percent,
  plural,
  shortened,
  steps,
  titled,
  whole,
} from './format';
import type { MemoryMap } from './map';
import { type Cut, CutNames } from './names';
import { aliveAt, type BoxesOfMap } from './parts';
import { fillRows } from './table';

/** Names in the line of an operator. */
const NAMES = 12;
/** The letters of a name in a table that looks like another one. */
const NAME = 20;

export interface Listing {
  readonly caption: string;
  readonly tensors: readonly number[];
  /** The step at which they are alive. */
  readonly step: number;
  /** The bytes that shares are of. */
  readonly total: number;
  readonly colour: (tensor: number) => string;
}

export function fillTable(
  table: HTMLTableElement,
  map: MemoryMap,
  actions: LinkActions,
  { caption, tensors, step, total, colour }: Listing,
): void {
  const names = new CutNames((i) => map.name(tensors[i]), NAME);
  fillRows(table, {
    caption,
    columns: [titled(map.noun), 'Size', 'Share', 'Alive'],
    count: tensors.length,
    begin: names.begin,
    row: (i) => row(map, actions, { tensor: tensors[i], step, total, cut: names.at(i) }, colour),
  });
}

function row(
  map: MemoryMap,
  actions: LinkActions,
  { tensor, step, total, cut }: { tensor: number; step: number; total: number; cut: Cut },
  colour: (tensor: number) => string,
): HTMLTableRowElement {
  const { lower, upper } = map.tensors;
  const size = map.bytesAt(tensor, step);
  const label = narrowLink(map, tensor, actions, cut);
  const name = nameCell(map, tensor, colour(tensor), label);
  const bar = element('span', 'bar');
  bar.style.width = `${total === 0 ? 0 : (100 * size) / total}%`;
  const long = element('td', 'number', bytes(size));
  long.title = exactBytes(size);
  const life = element('td', 'number', `${whole(lower[tensor])}–${whole(upper[tensor] - 1)}`);
  life.title = steps(lower[tensor], upper[tensor]);
  const share = element('td', 'number share', percent(size, total), bar);
  return element('tr', '', name, long, share, life);
}

/** The first cell of a tensor's row: its colour and its name, which `label` shows. */
export function nameCell(
  map: MemoryMap,
  tensor: number,
  colour: string,
  label: HTMLElement,
): HTMLTableCellElement {
  const swatch = element('span', 'swatch');
  swatch.style.backgroundColor = colour;
  const name = element('th', '', element('div', '', swatch, label));
  name.scope = 'row';
  name.title = shortened(map.name(tensor), 400);
  return name;
}

/** A map, what its links do, and the colours of its tensors. */
export interface ListedMap {
  readonly map: MemoryMap;
  readonly boxes: BoxesOfMap;
  readonly actions: LinkActions;
  readonly colour: (tensor: number) => string;
}

/** Fills the table of what is alive at the cursor. */
export function showAlive(listed: ListedMap, step: number | null): void {
  const table = byId('alive', HTMLTableElement);
  const line = byId('operator', HTMLElement);
  const { map, actions, colour } = listed;
  if (step === null) {
    const how = isTouched() ? 'Tap the map' : 'Click the map, or press [ or ],';
    const hint = `No cursor. ${how} to list what is alive at a step.`;
    line.replaceChildren();
    fillTable(table, map, actions, { caption: hint, tensors: [], step: 0, total: 0, colour });
    return;
  }
  const tensors = aliveAt(map, listed.boxes, step);
  const load = map.loadAt(step);
  const caption =
    `Alive at step ${whole(step)}: ${plural(tensors.length, map.noun)}, ${bytes(load)}` +
    (load > 0 && step !== map.peakStep ? ` (${percent(load, map.fullest)} of the fullest)` : '');
  line.replaceChildren(...operatorLine(map, actions, step), ...ofEachStream(map, tensors, step));
  fillTable(table, map, actions, { caption, tensors, step, total: load, colour });
}

/** The bytes that each stream has alive, the most first. */
function ofEachStream(map: MemoryMap, alive: number[], step: number): Node[] {
  const { streams } = map.data;
  if (streams === null || alive.length === 0) return [];
  const sums = new Map<number, number>();
  for (const i of alive) {
    sums.set(streams.of[i], (sums.get(streams.of[i]) ?? 0) + map.bytesAt(i, step));
  }
  const most = [...sums].sort(([, a], [, b]) => b - a);
  const item = ([stream, sum]: [number, number]) =>
    document.createTextNode(`${shortened(streams.names[stream], 40)} ${bytes(sum)}`);
  const all = several(most, NAMES, item);
  return [element('span', 'part', element('span', 'faint', 'by stream '), all)];
}

/** The operator that runs at a step, with what it reads and writes. */
function operatorLine(map: MemoryMap, actions: LinkActions, step: number): (Node | string)[] {
  const operator = map.operatorAt(step);
  if (operator === null) return [];
  // A plan's file has the names of the operators alone.
  if (map.operators === null) return [operatorLink(map, operator, actions)];
  const { reads, writes } = map.operators;
  const tensors = (list: Uint32Array) =>
    several(list, NAMES, (tensor: number) => tensorLink(map, tensor, actions));
  const type = beginning(map.operatorType(operator), 60);
  return [
    element('strong', '', type),
    ' ',
    operatorLink(map, operator, actions),
    element('span', 'part', element('span', 'faint', 'reads '), tensors(reads.of(operator))),
    element('span', 'part', element('span', 'faint', 'writes '), tensors(writes.of(operator))),
  ];
}
