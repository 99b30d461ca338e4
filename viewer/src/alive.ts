// Tables of tensors by size, and the one of what is alive at the cursor. Stands on `elements.ts`,
// `boxes.ts`, `map.ts` and `format.ts`.
//
// A table has all of its tensors in order, but only the first rows as elements; a button adds more.

import { aliveAt, type BoxesOfMap } from './boxes';
import {
  type Acts,
  byId,
  element,
  narrowLink,
  operatorLink,
  several,
  tensorLink,
} from './elements';
import { bytes, exactBytes, percent, plural, shortened, steps, visible, whole } from './format';
import type { MemoryMap } from './map';

/** Rows at first, and rows that the button adds. */
const FIRST = 24;
const MORE = 200;
/** Names in the line of an operator. */
const NAMES = 12;

export interface Listing {
  readonly caption: string;
  readonly tensors: readonly number[];
  /** The bytes that shares are of. */
  readonly total: number;
  readonly colour: (tensor: number) => string;
}

export function fillTable(
  table: HTMLTableElement,
  map: MemoryMap,
  acts: Acts,
  { caption, tensors, total, colour }: Listing,
): void {
  const body = element('tbody', '');
  const head = element('tr', '');
  for (const [title, kind] of [
    ['Tensor', ''],
    ['Size', 'number'],
    ['Share', 'number'],
    ['Alive', 'number'],
  ]) {
    const cell = element('th', kind, title);
    cell.scope = 'col';
    head.append(cell);
  }
  const foot = element('tfoot', '');
  let shown = 0;
  const more = (count: number) => {
    const end = Math.min(tensors.length, shown + count);
    for (; shown < end; shown++) {
      body.append(row(map, acts, tensors[shown], total, colour(tensors[shown])));
    }
    if (shown === tensors.length) foot.replaceChildren();
  };
  if (tensors.length > FIRST) {
    const button = element('button', 'link', `Show more of ${whole(tensors.length)}`);
    button.type = 'button';
    button.addEventListener('click', () => more(MORE));
    const cell = element('td', '', button);
    cell.colSpan = 4;
    foot.append(element('tr', '', cell));
  }
  more(FIRST);
  const parts = [element('caption', tensors.length === 0 ? 'hint' : '', caption)];
  if (tensors.length === 0) table.replaceChildren(...parts);
  else table.replaceChildren(...parts, element('thead', '', head), body, foot);
}

function row(
  map: MemoryMap,
  acts: Acts,
  tensor: number,
  total: number,
  colour: string,
): HTMLTableRowElement {
  const { size, lower, upper } = map.tensors;
  const swatch = element('span', 'swatch');
  swatch.style.backgroundColor = colour;
  const name = element('th', '', element('div', '', swatch, narrowLink(map, tensor, acts)));
  name.scope = 'row';
  name.title = shortened(map.name(tensor), 400);
  const bar = element('span', 'bar');
  bar.style.width = `${total === 0 ? 0 : (100 * size[tensor]) / total}%`;
  const long = element('td', 'number', bytes(size[tensor]));
  long.title = exactBytes(size[tensor]);
  const life = element('td', 'number', `${whole(lower[tensor])}–${whole(upper[tensor] - 1)}`);
  life.title = steps(lower[tensor], upper[tensor]);
  const share = element('td', 'number share', percent(size[tensor], total), bar);
  return element('tr', '', name, long, share, life);
}

export class AliveList {
  readonly #table = byId('alive', HTMLTableElement);
  readonly #line = byId('operator', HTMLElement);

  constructor(
    readonly map: MemoryMap,
    readonly boxes: BoxesOfMap,
    readonly acts: Acts,
  ) {}

  show(step: number | null, colour: (tensor: number) => string): void {
    const { map, acts } = this;
    if (step === null) {
      const hint = 'No cursor. Click the map, or press [ or ], to list what is alive at a step.';
      this.#line.replaceChildren();
      fillTable(this.#table, map, acts, { caption: hint, tensors: [], total: 0, colour });
      return;
    }
    const tensors = aliveAt(map, this.boxes, step);
    const load = map.loadAt(step);
    const caption =
      `Alive at step ${whole(step)}: ${plural(tensors.length, 'tensor')}, ${bytes(load)}` +
      (load > 0 && step !== map.peakStep ? ` (${percent(load, map.fullest)} of the fullest)` : '');
    this.#line.replaceChildren(...this.#operator(step));
    fillTable(this.#table, map, acts, { caption, tensors, total: load, colour });
  }

  /** The operator that runs at a step, with what it reads and writes. */
  #operator(step: number): (Node | string)[] {
    const { map, acts } = this;
    const operator = map.operatorAt(step);
    if (operator === null || map.operators === null) return [];
    const { reads, writes } = map.operators;
    const tensors = (list: Uint32Array) =>
      several(list, NAMES, (tensor: number) => tensorLink(map, tensor, acts));
    const type = visible(map.operatorType(operator)).slice(0, 60);
    return [
      element('strong', '', type),
      ' ',
      operatorLink(map, operator, acts),
      element('span', 'part', element('span', 'faint', 'reads '), tensors(reads.of(operator))),
      element('span', 'part', element('span', 'faint', 'writes '), tensors(writes.of(operator))),
    ];
  }
}
