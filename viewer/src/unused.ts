// Where the free bytes of a recording are: at the cursor or, without one, where most is not in use:
// the ranges that were reserved and not in use, with the blocks that hold them. Stands on `free.ts`,
// `alive.ts`, `table.ts`, `elements.ts`, `map.ts` and `format.ts`.

import type { ListedMap } from './alive';
import { byId, element, link, narrowLink } from './elements';
import { bytes, exactBytes, plural, titled, visible, whole } from './format';
import { type Free, freeAt, type FreeRange, wordsOfFree } from './free';
import { fillRows } from './table';

/** Rows at first: they are high. */
const FIRST = 8;
/** The blocks that a row names. */
const FEW = 3;
/** The refused requests that are listed, the last ones. */
const REFUSED = 5;

/** Shows what was not in use; nothing of a map that is no recording. */
export function showUnused(listed: ListedMap, cursor: number | null): void {
  const section = byId('unused', HTMLElement);
  const { map, boxes } = listed;
  const step = cursor ?? map.leastUsedStep;
  const free = freeAt(map, boxes, step);
  section.hidden = free === null;
  if (free === null) return;
  const heading = element('h2', '', `${titled(map.held)}, not in use`);
  heading.id = 'unused-title';
  const isMost = map.unused?.at(step) === map.unused?.most;
  const what = [
    step === map.peakStep ? ', the fullest' : '',
    cursor === null && isMost ? ', where most is not in use' : '',
  ];
  const when = `At step ${whole(step)}${what.join('')}:`;
  const table = element('table', '');
  fillRows(table, {
    caption: free.ranges.length === 0 ? '' : 'Ranges by free bytes, and largest pieces',
    first: FIRST,
    columns: ['Held by', titled(map.held), 'Free', 'Largest'],
    count: free.ranges.length,
    row: (i) => row(listed, free.ranges[i]),
  });
  const said = element('p', '', `${when} ${summed(free)}`);
  section.replaceChildren(heading, said, ...others(listed, step), ...refused(listed), table);
}

/** The step at which most is not in use, and the fullest one, as far as they are others. */
function others({ map, actions }: ListedMap, shown: number): Node[] {
  const { unused, reserved, leastUsedStep, peakStep } = map;
  if (unused === null || reserved === null) return [];
  const line = (words: string, step: number) => {
    const there = link(`step ${whole(step)}`, () => actions.visit(step));
    const much = `${bytes(unused.at(step))} of ${bytes(reserved.at(step))}`;
    return element('p', '', words, there, `: ${much}.`);
  };
  const lines: Node[] = [];
  if (unused.most !== unused.at(shown)) lines.push(line('Most is not in use at ', leastUsedStep));
  else if (shown !== peakStep) lines.push(line('When fullest, at ', peakStep));
  return lines;
}

/** What is free, in words. */
export function summed(all: Free): string {
  const { ranges, reserved, held, free, largest, empty, emptyRanges } = all;
  if (reserved === 0) return `nothing is known to be ${held}.`;
  if (free === 0) return `all ${bytes(reserved)} ${held} are in use.`;
  const beside = ranges.length - emptyRanges;
  const parts: string[] = [];
  if (beside > 0) {
    const much = emptyRanges === 0 ? 'all' : bytes(free - empty);
    const alone = ranges.filter(({ blocks }) => blocks.length === 1).length;
    const where = `${much} beside blocks in ${plural(beside, 'range')}`;
    parts.push(`${where}${alone === 0 ? '' : `, ${ofThem(alone, beside)} with a single block`}`);
  }
  if (emptyRanges > 0) {
    const one = emptyRanges === 1 ? 'an empty range' : `${whole(emptyRanges)} empty ranges`;
    parts.push(`${bytes(empty)} in ${one}, which could be given back`);
  }
  return (
    `${bytes(free)} of ${bytes(reserved)} ${held} are free: ${parts.join(', and ')}. ` +
    `The largest free piece is ${bytes(largest)}.`
  );
}

const ofThem = (some: number, all: number): string => {
  if (all === 1) return 'one';
  return some === all ? 'each' : `${whole(some)} of them`;
};

/** The last refused requests, and what was free at each. */
function refused({ map, boxes, actions }: ListedMap): Node[] {
  const { marks } = map.data;
  if (marks.length === 0) return [];
  const list = element('ul', 'refused');
  for (const mark of marks.slice(-REFUSED)) {
    const there = link(`Step ${whole(mark.step)}`, () => actions.visit(mark.step));
    const words = [visible(mark.text), ...wordsOfFree(map, boxes, mark)];
    list.append(element('li', '', there, `: ${words.join('; ')}`));
  }
  return [list];
}

function row(
  { map, actions, colour }: ListedMap,
  { bottom, top, free, largest, blocks }: FreeRange,
): HTMLTableRowElement {
  const holders = blocks.slice(0, FEW).map((block) => {
    const swatch = element('span', 'swatch');
    swatch.style.backgroundColor = colour(block);
    return element('div', '', swatch, narrowLink(map, block, actions));
  });
  const head = element('th', '', ...holders);
  head.scope = 'row';
  head.title = `Bytes ${whole(bottom)} to ${whole(top - 1)} of the map`;
  if (blocks.length === 0) head.append(element('span', 'faint', 'no block'));
  if (blocks.length > FEW) {
    head.append(element('span', 'faint', `and ${whole(blocks.length - FEW)} more`));
  }
  const figures = [top - bottom, free, largest].map((number) => {
    const cell = element('td', 'number', bytes(number));
    cell.title = exactBytes(number);
    return cell;
  });
  return element('tr', '', head, ...figures);
}
