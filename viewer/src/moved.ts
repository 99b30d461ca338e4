// What moved from one map to another: a line of figures and a table of tensors. Stands on
// `changes.ts`, `table.ts`, `names.ts`, `alive.ts`, `elements.ts` and `format.ts`.

import { type ListedMap, nameCell } from './alive';
import {
  type Change,
  type Changes,
  settings,
  figure,
  lifetime,
  movement,
  type Order,
  signed,
  summary,
} from './changes';
import { breakable, byId, element, link, named, stepLink } from './elements';
import { bytes, exactBytes, plural, shortened, steps, titled, visible, whole } from './format';
import type { MemoryMap } from './map';
import { CutNames } from './names';
import { fillRows } from './table';

/** The letters of a name: about three lines of the first column. */
const LONG = 32;
/** The operators that are listed where these run in another order. */
const OPERATORS = 10;

/** Two maps, and whether there are more, so that these must be named. */
export interface Comparison {
  readonly before: ListedMap;
  readonly after: ListedMap;
  readonly changes: Changes;
}

/** Shows no comparison: there is one map of the memory. */
export function hideComparison(): void {
  for (const id of ['summary', 'moved']) byId(id, HTMLElement).hidden = true;
}

/** Shows the line of what changed between two maps. */
export function showSummary({ before, after, changes }: Comparison, isNamed: boolean): void {
  const line = byId('summary', HTMLElement);
  const [old, now] = [before.map, after.map];
  const parts = [headline(old, now)];
  if (old.fullest !== now.fullest) parts.push(figure('most bytes alive', old.fullest, now.fullest));
  parts.push(...settings(old, now), ...summary(changes, now.noun));
  const names = [old, now].map(({ title }) => visible(title));
  line.replaceChildren(
    isNamed ? element('span', 'faint', element('bdi', '', names.join(' → ')), ': ') : '',
    parts.join('; '),
  );
  line.hidden = false;
}

/** What became of the peak or, beside a recording, of what was reserved. */
function headline({ data, reserved, held }: MemoryMap, now: MemoryMap): string {
  if (reserved === null) return figure('Peak', data.peak, now.data.peak);
  const { most } = reserved;
  const change = most === 0 ? '' : ` (${signed(most, now.data.peak)})`;
  return `${titled(held)} ${bytes(most)} → planned ${bytes(now.data.peak)}${change}`;
}

const runs = (count: number): string =>
  `${plural(count, 'operator')} ${count === 1 ? 'runs' : 'run'}`;

/** The operators that moved furthest in another order, with their steps in both. */
function reorderedOf({ before, after, changes: { reordered } }: Comparison): Node[] {
  if (reordered.length === 0) return [];
  const earlier = reordered.filter((one) => one.after < one.before).length;
  const later = reordered.length - earlier;
  const ways = [[earlier, 'earlier'] as const, [later, 'later'] as const];
  const parts = ways.filter(([count]) => count > 0).map(([count, way], i) => {
    return i > 0 ? `${whole(count)} ${way}` : `${runs(count)} ${way}`;
  });
  const heading = element('h3', '', parts.join(', '));
  const items = reordered.slice(0, OPERATORS).map((one) => {
    const by = plural(Math.abs(one.after - one.before), 'step');
    const way = one.after < one.before ? 'earlier' : 'later';
    const [from, to] = [
      stepLink(one.before, before.actions, `step ${whole(one.before)}`),
      stepLink(one.after, after.actions),
    ];
    const name = named(shortened(after.map.strings.of(one.name) || 'an operator', 80));
    return element('li', '', name, ': ', from, ' → ', to, ` (${by} ${way})`);
  });
  const left = reordered.length - items.length;
  const more = left > 0 ? [element('p', '', `and ${whole(left)} more`)] : [];
  return [heading, element('ul', 'reordered', ...items), ...more];
}

/** Shows the table of tensors that differ between two maps. */
export function showMoved(two: Comparison): void {
  const { before, after, changes } = two;
  const section = byId('moved', HTMLElement);
  const heading = element('h2', '', 'What moved');
  heading.id = 'moved-title';
  const table = element('table', '');
  const { all, order } = changes;
  const names = [before.map, after.map].map(({ title }) => visible(title));
  const caption =
    all.length === 0
      ? `Every ${after.map.noun} is the same in ${names[1]} as in ${names[0]}.`
      : `${plural(all.length, after.map.noun)} ${all.length === 1 ? 'differs' : 'differ'}, ` +
        `largest first (${names.join(' → ')})`;
  const cuts = new CutNames((i) => {
    const change = all[i];
    return change.after === null ? before.map.name(change.before!) : after.map.name(change.after);
  }, LONG);
  fillRows(table, {
    caption,
    columns: [titled(after.map.noun), 'Size', 'Offset', 'Lifetime'],
    count: all.length,
    begin: cuts.begin,
    row: (i) => row(all[i], before, after, order, cuts.at(i).text),
  });
  section.replaceChildren(heading, ...reorderedOf(two), table);
  section.hidden = false;
}

function row(
  change: Change,
  before: ListedMap,
  after: ListedMap,
  order: Order,
  shown: string,
): HTMLTableRowElement {
  const { map, actions, colour } = change.after === null ? before : after;
  const tensor = (change.after ?? change.before)!;
  const size = element('td', 'number', bytes(map.tensors.size[tensor]));
  size.title = exactBytes(map.tensors.size[tensor]);
  const way = change.moved > 0 ? 'up' : change.moved < 0 ? 'down' : '';
  const place = element('td', `number ${way}`, movement(change));
  const isInBoth = change.before !== null && change.after !== null;
  const life = element('td', 'number life', isInBoth ? lifetime(change, order) : '–');
  if (isInBoth) {
    const both = [
      [before.map, change.before!],
      [after.map, change.after!],
    ] as const;
    place.title = both.map(([of, i]) => whole(of.tensors.offset[i])).join(' → ');
    const isHeld = change.holds && change.ends > 0;
    const why = isHeld ? ': its bytes live on for the tensors within it' : '';
    life.title = `${both.map(([of, i]) => alive(of, i)).join(' → ')}${why}`;
    if (change.grown !== 0) size.title = both.map(([of, i]) => inFull(of, i)).join(' → ');
  }
  const label = link(breakable(shown), () => actions.pin(tensor));
  const head = nameCell(map, tensor, colour(tensor), label);
  return element('tr', '', head, size, place, life);
}

const alive = ({ tensors: { lower, upper } }: MemoryMap, i: number): string =>
  steps(lower[i], upper[i]);

const inFull = ({ tensors: { size } }: MemoryMap, i: number): string => exactBytes(size[i]);
