// The card of a tensor: beside the pointer while it is over a box, in the side column once it is
// pinned. Stands on `alive.ts`, `places.ts`, `elements.ts`, `boxes.ts`, `pairs.ts`, `map.ts`,
// `pieces.ts` and `format.ts`.
//
// At most one card is there; a pinned one stays while the pointer moves on. Where there are several
// maps it says where the tensor is in each of them, and of which map the rest is.

import type { ListedMap } from './alive';
import type { Calls } from './data';
import {
  byId,
  element,
  named,
  operatorLink,
  several,
  stepLink,
  stepsLinks,
  tensorLink,
} from './elements';
import {
  beginning,
  bytes,
  exactBytes,
  percent,
  plural,
  shortened,
  titled,
  visible,
  whole,
} from './format';
import type { Pairs } from './pairs';
import { eachSpared, hasWindows, neededAt } from './pieces';
import { inEach, type Tensor } from './places';

/** How many names a row has. */
const FEW = 3;
const MANY = 8;
/** The letters of a call. */
const CALL = 120;
/** How many tensors with the same bytes a pinned card has, most of them folded. */
const MOST = 200;

export class Card {
  readonly #card = byId('card', HTMLElement);
  readonly #stage = byId('stage', HTMLElement);
  readonly #side = byId('side', HTMLElement);
  #shown: (Tensor & { isPinned: boolean }) | null = null;

  constructor(
    readonly listed: readonly ListedMap[],
    readonly pairs: Pairs,
    readonly close: () => void,
  ) {}

  /** Shows a tensor in the side column. */
  pin(of: Tensor): void {
    this.#fill(of, true);
    this.#card.style.removeProperty('left');
    this.#card.style.removeProperty('top');
    if (this.#card.parentElement !== this.#side) this.#side.prepend(this.#card);
    this.#side.scrollTop = 0;
  }

  /** Shows a tensor beside a point of the stage. */
  hover(of: Tensor, x: number, y: number): void {
    this.#fill(of, false);
    if (this.#card.parentElement !== this.#stage) this.#stage.append(this.#card);
    const { offsetWidth, offsetHeight } = this.#card;
    const { clientWidth, clientHeight } = this.#stage;
    const left = x + 18 + offsetWidth < clientWidth ? x + 18 : x - 18 - offsetWidth;
    const top = Math.min(y + 14, clientHeight - offsetHeight - 6);
    this.#card.style.left = `${Math.max(left, 4)}px`;
    this.#card.style.top = `${Math.max(top, 4)}px`;
  }

  hide(): void {
    this.#shown = null;
    this.#card.hidden = true;
  }

  #fill(of: Tensor, isPinned: boolean): void {
    this.#card.hidden = false;
    const shown = this.#shown;
    const isSame = shown?.tensor === of.tensor && shown.map === of.map;
    if (isSame && shown.isPinned === isPinned) return;
    this.#shown = { ...of, isPinned };
    const name = visible(this.listed[of.map].map.name(of.tensor));
    this.#card.classList.toggle('pinned', isPinned);
    const noun = titled(this.listed[of.map].map.noun);
    this.#card.setAttribute('aria-label', `${noun} ${name.slice(0, 200)}`);
    const parts: Node[] = [element('h2', '', named(name))];
    const isAlone = this.pairs.ofMemory(of.map).length === 1;
    if (!isAlone) parts.push(inEach(this.listed, this.pairs, of));
    if (this.listed.length > 1) {
      const title = visible(this.listed[of.map].map.title);
      parts.push(element('h3', '', 'In ', element('bdi', '', title)));
    }
    const rows = element('dl', '');
    const list = new Rows(this.listed[of.map], isAlone);
    for (const [term, content] of list.of(of.tensor, isPinned ? MANY : FEW)) {
      rows.append(element('dt', '', term), element('dd', '', content));
    }
    this.#card.replaceChildren(...parts, rows);
    if (isPinned) {
      const button = element('button', 'close', '×');
      button.type = 'button';
      button.setAttribute('aria-label', 'Close (Escape)');
      button.title = 'Close (Escape)';
      button.addEventListener('click', this.close);
      this.#card.prepend(button);
    }
  }
}

/** The rows of a card, of a tensor in one map. */
class Rows {
  /** `hasPlace`: whether size, offset and lifetime are among them. */
  constructor(
    readonly listed: ListedMap,
    readonly hasPlace: boolean,
  ) {}

  of(tensor: number, limit: number): [string, Node | string][] {
    const { map, actions } = this.listed;
    const { lower, upper, offset, size, within, element: elements, shape } = map.tensors;
    const rows: [string, Node | string][] = [];
    const type = [elements[tensor], shape[tensor]].map((s) => visible(map.strings.of(s)));
    if (type.some((text) => text !== '')) rows.push(['Type', type.join(' ').trim()]);
    const { groups, streams } = map.data;
    if (groups !== null) rows.push(['Model', visible(groups.names[groups.of[tensor]])]);
    if (streams !== null) rows.push(['Stream', shortened(streams.names[streams.of[tensor]], 200)]);
    if (this.hasPlace) {
      rows.push(['Size', inFull(size[tensor])]);
      rows.push(['Offset', inFull(offset[tensor])]);
      const life = plural(upper[tensor] - lower[tensor], 'step');
      const when = element('span', '', stepsLinks(lower[tensor], upper[tensor], actions));
      if (upper[tensor] - lower[tensor] > 1) when.append(` (${life})`);
      rows.push(['Alive', when]);
    }
    this.#around(tensor, rows);
    this.#gaps(tensor, rows);
    this.#windows(tensor, rows);
    const { calls } = map.data;
    if (calls !== null) rows.push(['Allocated in', this.#stack(calls, tensor, limit)]);
    if (map.operators !== null) {
      const operator = (number: number) => this.#operator(number);
      const writers = map.writersOf(tensor);
      rows.push([
        'Written by',
        writers.length === 0 ? 'no operator: an input' : several(writers, limit, operator),
      ]);
      rows.push(['Read by', several(map.readersOf(tensor), limit, operator)]);
    }
    const other = (number: number) => tensorLink(map, number, actions);
    if (within[tensor] !== 0) rows.push(['Lies in', other(within[tensor] - 1)]);
    const views = map.viewsOf(tensor);
    if (views.length > 0) rows.push(['Within it', several(views, limit, other)]);
    if (map.occupies(tensor)) {
      rows.push(['At the fullest step', this.#atPeak(tensor, limit)]);
      this.#sharing(tensor, Math.floor(limit / 2), rows);
    }
    return rows;
  }

  #operator(operator: number): Node {
    const { map, actions } = this.listed;
    const type = map.operatorType(operator);
    const made = element('span', '', operatorLink(map, operator, actions));
    if (type !== '') made.append(' ', element('span', 'faint', beginning(type, 40)));
    return made;
  }

  #gaps(tensor: number, rows: [string, Node | string][]): void {
    const { ends, lower, upper } = this.listed.map.tensors.gaps;
    const begin = tensor === 0 ? 0 : ends[tensor - 1];
    if (begin === ends[tensor]) return;
    const { actions } = this.listed;
    const gaps = Array.from({ length: ends[tensor] - begin }, (_, i) => begin + i);
    const item = (gap: number) =>
      element('span', '', element('span', '', stepsLinks(lower[gap], upper[gap], actions)));
    rows.push([gaps.length === 1 ? 'Gap' : 'Gaps', several(gaps, MANY, item)]);
  }

  /** What is needed of a tensor at the steps at which it is not needed whole. */
  #windows(tensor: number, rows: [string, Node | string][]): void {
    const { map, actions } = this.listed;
    const { windows, size } = map.tensors;
    if (windows === null) return;
    const { ends, lower, upper, first, end } = windows;
    const parts: number[] = [];
    for (let i = tensor === 0 ? 0 : ends[tensor - 1]; i < ends[tensor]; i++) {
      if (end[i] - first[i] < size[tensor]) parts.push(i);
    }
    if (parts.length === 0) return;
    const item = (i: number) => {
      const where = `${bytes(end[i] - first[i])} from ${bytes(first[i])}, `;
      return element('span', '', where, stepsLinks(lower[i], upper[i], actions));
    };
    rows.push([parts.length === 1 ? 'Window' : 'Windows', several(parts, MANY, item)]);
  }

  /** The padding above a tensor, and the segment that it lies in. */
  #around(tensor: number, rows: [string, Node | string][]): void {
    const { map, actions } = this.listed;
    const padding = map.padding(tensor);
    const unit = bytes(map.data.leastAlignment);
    if (padding > 0) rows.push(['Padding', `${bytes(padding)} up to a multiple of ${unit}`]);
    const range = map.rangeOf(tensor);
    if (range === null) return;
    const { lower, upper, offset, size } = map.data.recorded!.ranges;
    const when = stepsLinks(lower[range], upper[range], actions);
    const where = `${bytes(size[range])} from ${bytes(offset[range])}, `;
    rows.push(['Segment', element('span', '', where, when)]);
  }

  /** The calls that allocated a tensor, the innermost first. */
  #stack({ profile, of }: Calls, tensor: number, limit: number): Node {
    const { strings } = this.listed.map;
    const stack: number[] = [];
    for (let call = of[tensor] + 1; call > 0; call = profile.parent[call - 1]) stack.push(call - 1);
    const items = (calls: readonly number[]) =>
      calls.map((call) => {
        const name = strings.of(profile.name[call]);
        return element('li', '', named(shortened(name, CALL)));
      });
    const list = element('ol', 'stack', ...items(stack.slice(0, limit)));
    const rest = stack.slice(limit);
    if (rest.length === 0) return list;
    const count = plural(rest.length, 'outer call');
    if (limit < MANY) return element('div', '', list, `and ${count}`);
    const more = element('ol', 'stack', ...items(rest.slice(0, MOST)));
    if (rest.length > MOST) more.append(element('li', '', `and ${whole(rest.length - MOST)} more`));
    const folded = element('details', 'more', element('summary', '', count), more);
    return element('div', '', list, folded);
  }

  /** What had the same bytes last before a tensor, has them where it needs none of them, and first
   * after it. */
  #sharing(tensor: number, limit: number, rows: [string, Node | string][]): void {
    const { map, actions, boxes } = this.listed;
    const { solid } = boxes;
    const { lower, upper, offset, size, root } = map.tensors;
    const bottom = offset[tensor];
    const top = bottom + size[tensor];
    const most = limit < MANY / 2 ? limit : MOST;
    const item = (box: number) => {
      const link = tensorLink(map, solid.tensor[box], actions);
      const shared = Math.min(top, solid.top[box]) - Math.max(bottom, solid.bottom[box]);
      const part = shared < top - bottom ? `, ${bytes(shared)} of it` : '';
      const when = stepsLinks(solid.lower[box], solid.upper[box], actions);
      return element('li', '', link, ' ', element('span', 'faint', when, part));
    };
    const add = (term: string, boxes: readonly number[], what: string) => {
      if (boxes.length === 0) return;
      const rest = boxes.slice(limit);
      const parts: (Node | string)[] = [lines(boxes.slice(0, limit), item)];
      if (rest.length > 0 && most > limit) parts.push(folded(rest, most - limit, what, item));
      else if (rest.length > 0) parts.push(`and ${what}s`);
      rows.push([term, element('div', '', ...parts)]);
    };
    const window = { lower: lower[tensor], upper: upper[tensor], bottom, top };
    const near = (side: 'before' | 'after') =>
      solid.nearest(side, window, most + 1, root[tensor]);
    add('Same bytes earlier', near('before'), 'earlier one');
    const within = new Set<number>();
    let areas = 0;
    eachSpared(map.tensors, tensor, (lower, upper, bottom, top) => {
      areas += 1;
      if (within.size > most) return;
      solid.meeting({ lower, upper, bottom, top }, (box) => {
        if (solid.tensor[box] !== root[tensor]) within.add(box);
        return within.size <= most;
      });
    });
    const gap = areas > 1 ? 'Same bytes in its gaps' : 'Same bytes in its gap';
    add(hasWindows(map.tensors, tensor) ? 'Same bytes meanwhile' : gap, [...within], 'other');
    add('Same bytes later', near('after'), 'later one');
  }

  #atPeak(tensor: number, limit: number): Node | string {
    const { map, actions, boxes } = this.listed;
    const root = map.tensors.root[tensor];
    const step = map.peakStep;
    if (!map.isAlive(root, step)) {
      const there = stepLink(step, actions, `step ${whole(step)}`);
      return element('span', '', 'not alive at ', there, ', the fullest');
    }
    const { offset } = map.tensors;
    const share = percent(map.bytesAt(root, step), map.fullest);
    const end = neededAt(map.tensors, root, step).reduce((most, [, top]) => Math.max(most, top), 0);
    const above = new Set<number>();
    const { solid } = boxes;
    const window = { lower: step, upper: step + 1, bottom: end, top: Infinity };
    solid.meeting(window, (box) => {
      above.add(solid.tensor[box]);
    });
    const text = element('span', '', `${share} of the load; `);
    if (above.size === 0) text.append('nothing above it');
    else {
      const upwards = [...above].sort((a, b) => offset[a] - offset[b]);
      const links = several(upwards, limit, (other) => tensorLink(map, other, actions));
      text.append('above it ', links);
    }
    return text;
  }
}

/** Bytes in a unit and, where that hides some, to the byte. */
function inFull(number: number): string {
  return number < 1024 ? bytes(number) : `${bytes(number)} (${exactBytes(number)})`;
}

/** A list with a line for each box. */
const lines = (boxes: readonly number[], item: (box: number) => HTMLLIElement): HTMLElement =>
  element('ul', 'lines', ...boxes.map(item));

/** "27 earlier ones", which opens a list of them: of more than `most`, the first. */
function folded(
  boxes: readonly number[],
  most: number,
  what: string,
  item: (box: number) => HTMLLIElement,
): HTMLElement {
  const count =
    boxes.length <= most ? plural(boxes.length, what) : `${plural(most, what)} (more are not listed)`;
  const summary = element('summary', '', count);
  return element('details', 'more', summary, lines(boxes.slice(0, most), item));
}
