// Why this peak: the fullest step, what is alive there, and what would lower it. Stands on
// `alive.ts`, `breakdown.ts`, `elements.ts`, `map.ts` and `format.ts`.

import { fillTable, type ListedMap } from './alive';
import { breakdownOf } from './breakdown';
import {
  type LinkActions,
  byId,
  element,
  link,
  operatorLink,
  stepsLinks,
  tensorLink,
} from './elements';
import {
  beginning,
  bytes,
  exactBytes,
  percent,
  plural,
  titled,
  visible,
  whole,
} from './format';
import type { MemoryMap } from './map';

/** How many gaps are listed each. */
const GAPS = 4;

export function showPeak({ map, actions, colour }: ListedMap): void {
  const section = byId('peak', HTMLElement);
  const heading = element('h2', '', 'Why this peak');
  heading.id = 'peak-title';
  const step = map.peakStep;
  const tensors = map.aliveAt(step);
  if (tensors.length === 0) {
    const none = element('p', '', `No ${map.noun} occupies bytes at any step.`);
    section.replaceChildren(heading, none);
    return;
  }
  const fullest = element('p', '', link(`Step ${whole(step)}`, () => actions.visit(step)));
  fullest.append(
    ` is the fullest: ${plural(tensors.length, map.noun)} with ${bytes(map.fullest)} `,
    tensors.length === 1 ? 'is alive' : 'are alive',
  );
  const operator = map.operatorAt(step);
  if (operator !== null) {
    const type = beginning(map.operatorType(operator), 60);
    const what = type === '' ? '' : `${type} `;
    fullest.append(` while ${what}`, operatorLink(map, operator, actions), ' runs');
  }
  fullest.append('. ', verdict(map), ...highest(map, actions));
  const table = element('table', '');
  const caption = `Alive at step ${whole(step)}, by size`;
  fillTable(table, map, actions, { caption, tensors, step, total: map.fullest, colour });
  const parts = [...sum(map, tensors, actions), ...savings(map)];
  section.replaceChildren(heading, fullest, ...parts, table);
}

/** How the peak compares with what no plan can be below. */
export function verdict({ data, reserved, fullest }: MemoryMap): string {
  if (reserved !== null) {
    const more = bytes(reserved.most - fullest);
    const page = data.recorded?.pageSize ?? null;
    if (page !== null) {
      const pages = `${bytes(reserved.most)} of memory pages of ${bytes(page)}`;
      return `Blocks lay in up to ${pages}, ${more} more than was ever live.`;
    }
    return `The allocator reserved up to ${bytes(reserved.most)}, ${more} more than was ever live.`;
  }
  const above = data.peak - data.lowerBound;
  if (above <= 0) return 'The peak equals the lower bound: no plan of these lifetimes is smaller.';
  const share = percent(above, data.lowerBound);
  return `The peak is ${bytes(above)} (${share}) above the lower bound.`;
}

/** What the peak is the sum of at the fullest step, if tensors alone are not all of it. */
function sum(map: MemoryMap, alive: readonly number[], actions: LinkActions): Node[] {
  if (map.reserved !== null) return [];
  const { tensors, padding, gaps } = breakdownOf(map, alive, map.peakStep);
  if (padding === 0 && gaps.length === 0) return [];
  const list = element('dl', 'sum');
  const line = (term: (Node | string)[], number: number) => {
    list.append(element('dt', '', ...term), element('dd', 'number', exactBytes(number)));
  };
  line([titled(`${map.noun}s`)], tensors);
  if (padding > 0) line([`Padding up to multiples of ${bytes(map.data.leastAlignment)}`], padding);
  for (const { bytes, below } of gaps.slice(0, GAPS)) {
    const end = below === null ? 'the peak' : tensorLink(map, below, actions);
    line(['Gap below ', end], bytes);
  }
  const rest = gaps.slice(GAPS);
  const left = rest.reduce((all, { bytes }) => all + bytes, 0);
  if (rest.length > 0) line([plural(rest.length, 'smaller gap')], left);
  line([element('strong', '', 'Peak')], map.data.peak);
  return [list];
}

/** Where a plan has its peak, if that is above the lower bound: with which tensor, and when. */
function highest(map: MemoryMap, actions: LinkActions): (Node | string)[] {
  const { data, tensors, reserved } = map;
  if (reserved !== null || data.peak <= data.lowerBound) return [];
  const { count, lower, upper, offset, size } = tensors;
  let found = -1;
  for (let i = 0; i < count; i++) {
    const isTop = map.isRoot(i) && map.occupies(i) && offset[i] + size[i] === data.peak;
    if (isTop && (found < 0 || lower[i] < lower[found])) found = i;
  }
  if (found < 0) return [];
  const when = stepsLinks(lower[found], upper[found], actions);
  return [' The plan reaches its peak with ', tensorLink(map, found, actions), ', at ', when, '.'];
}

/** The settings that lower the lower bound, or that none of those which were tried does. */
function savings({ data: { savings: all, load, lowerBound } }: MemoryMap): Node[] {
  if (all === null) return [];
  if (all.length === 0) {
    return [element('p', '', 'No other order or aliasing that was tried lowers the lower bound.')];
  }
  // A bound above the load need not fall with it.
  const what = lowerBound === load ? 'the lower bound falls' : 'the most bytes alive at once fall';
  const items = [...all].sort((a, b) => b.saves - a.saves).map((saving) => {
    const less = element('strong', '', `${bytes(saving.saves)} less`);
    const change = `${what} from ${bytes(load)} to ${bytes(saving.load)} (`;
    return element('li', '', visible(saving.text), ': ', change, less, ').');
  });
  return [element('h3', '', 'What would lower it'), element('ul', 'savings', ...items)];
}
