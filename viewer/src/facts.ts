// Title, figures and notes: what the page says of its maps in words. Stands on `changes.ts`,
// `elements.ts`, `lanes.ts`, `peak.ts`, `search.ts`, `map.ts` and `format.ts`.

import { setting, strategyName } from './changes';
import type { Document } from './data';
import { byId, element } from './elements';
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
import { lanesOf } from './lanes';
import type { MemoryMap } from './map';
import { verdict } from './peak';
import { scope } from './search';

/** How many notes are seen at once, or as many lists that open. */
const NOTES = 3;
/** The letters of a title and of a note that are seen at once. */
const TITLE = 120;
const LONG = 400;

/** The title of the page, the figures of its only map, and the notes. */
export function sayPage(found: Document, maps: readonly MemoryMap[]): void {
  const { title, generator, maps: all } = found;
  const drawn = maps.length < all.length ? [`Only the first ${maps.length} maps are drawn.`] : [];
  const notes = [...found.notes, ...drawn];
  document.title = `${visible(title)} – memory plan`;
  const heading = element('h1', '', element('bdi', '', beginning(title, TITLE)));
  heading.title = `Made by ${visible(generator)}`;
  const facts = byId('facts', HTMLElement);
  facts.replaceChildren([...title].length > TITLE ? folded(heading, title) : heading);
  if (maps.length === 1) facts.append(figures(maps[0]));
  if (notes.length > 0) facts.append(noted(notes));
  /** What printing has opened. */
  let opened: HTMLDetailsElement[] = [];
  addEventListener('beforeprint', () => {
    opened = [...facts.querySelectorAll('details')].filter(({ open }) => !open);
    for (const folded of opened) folded.open = true;
  });
  addEventListener('afterprint', () => {
    for (const folded of opened) folded.open = false;
    opened = [];
  });
}

/** Notes, of which the first ones are seen at once; the others open. */
function noted(notes: readonly string[]): HTMLElement {
  const first = notes.length > NOTES ? NOTES - 1 : notes.length;
  const list = element('ul', 'notes', ...notes.slice(0, first).map(noteOf));
  list.setAttribute('aria-label', 'Notes');
  if (first < notes.length) {
    const summary = element('summary', '', `${whole(notes.length - first)} more notes`);
    const rest = element('ul', '', ...notes.slice(first).map(noteOf));
    list.append(element('li', '', element('details', '', summary, rest)));
  }
  return list;
}

/** A note; of a long one the beginning, which opens. */
function noteOf(note: string): HTMLLIElement {
  if ([...note].length <= LONG) return element('li', '', visible(note));
  return element('li', '', folded(beginning(note, LONG), note));
}

/** A text that opens below its beginning. */
const folded = (begun: Node | string, text: string): HTMLElement =>
  element('details', '', element('summary', '', begun), element('p', '', visible(text)));

/** The figures of a map. */
export function figures(map: MemoryMap): HTMLUListElement {
  const { data } = map;
  const list = element('ul', 'facts');
  const fact = (name: string, value: string, more: string) => {
    const item = element('li', '', element('span', 'faint', `${name} `));
    item.append(element('strong', '', value));
    item.title = more;
    list.append(item);
  };
  if (map.reserved !== null) {
    const { most } = map.reserved;
    fact(titled(map.held), bytes(most), `${exactBytes(most)} at most`);
    fact('Live', bytes(map.fullest), `${exactBytes(map.fullest)} at most`);
    const at = (step: number) => {
      const unused = map.unused?.at(step) ?? 0;
      return `${bytes(unused)} (${percent(unused, map.reserved?.at(step) ?? 0)})`;
    };
    const { leastUsedStep: least, peakStep: fullest } = map;
    const more = `Of the bytes ${map.held}, at step ${whole(least)}`;
    fact('Not in use', `${at(least)}${least === fullest ? '' : ' at most'}`, more);
    if (least !== fullest) {
      fact('When fullest', at(fullest), `Not in use at step ${whole(fullest)}, the fullest`);
    }
    if (data.recorded?.pageSize != null) {
      const more = 'All memory pages that had a block at some step';
      fact('Touched', bytes(map.touched), `${more}: ${exactBytes(map.touched)}`);
    }
    return list;
  }
  fact('Peak', bytes(data.peak), exactBytes(data.peak));
  fact('Lower bound', bytes(data.lowerBound), exactBytes(data.lowerBound));
  const above = data.peak - data.lowerBound;
  const state = element('li', data.isOptimal ? 'optimal' : 'above');
  state.append(
    data.isOptimal ? 'Optimal' : `${percent(above, data.lowerBound)} above the lower bound`,
  );
  state.title = verdict(map);
  list.append(state);
  if (data.execution !== null) {
    const { order, aliasing, fileLoad, weights, computed } = data.execution;
    const instead = fileLoad === null ? '' : ` (${bytes(fileLoad)} in the file's order)`;
    const more = 'The order of the operators, and the most bytes alive at once in that of the file';
    fact('Order', `${setting(order)}${instead}`, more);
    fact('Aliasing', setting(aliasing), 'Which tensors may lie within others');
    if (weights !== null) {
      const count = computed === null ? '' : plural(computed.count, 'tensor');
      const more = computed === null ? '' : ` and ${count} computed from constants, `;
      const all = `${bytes(weights)} of weights${more}${computed === null ? '' : bytes(computed.bytes)}`;
      list.append(element('li', 'faint', `${all}, not planned`));
    }
  }
  if (data.capacity !== null) fact('Capacity', bytes(data.capacity), exactBytes(data.capacity));
  if (data.strategy !== '') fact('Strategy', visible(strategyName(data.strategy)), 'How the plan was made');
  fact('Alignment', bytes(data.alignment), 'What offsets are multiples of');
  list.append(element('li', 'faint', `${scope(map)}, ${plural(map.steps, 'step')}`));
  return list;
}

/** What a screen reader says of a map. */
export function described(map: MemoryMap): string {
  const { data } = map;
  const named = map.title === '' ? '' : `, ${visible(map.title)}`;
  const most =
    map.reserved === null
      ? `The peak is ${bytes(data.peak)}, the lower bound ${bytes(data.lowerBound)}`
      : `At most ${bytes(map.reserved.most)} were ${map.held} and ${bytes(map.fullest)} live`;
  const streams = lanesOf(map).map(({ name }) => shortened(name, 40));
  const lanes = streams.length === 0 ? '' : `Lanes above it are streams: ${streams.join(', ')}. `;
  const marks = data.marks
    .slice(0, 3)
    .map(({ step, text }) => ` At step ${whole(step)} a request was refused: ${visible(text)}.`);
  return (
    `Map of the ${map.reserved === null ? 'planned' : 'recorded'} memory${named}: ` +
    `${scope(map)}, steps ${whole(data.firstStep)} to ${whole(data.endStep)} to the right, ` +
    `bytes upwards. ${lanes}${most}, and step ${whole(map.peakStep)} the fullest. ` +
    `The tables beside it say what is alive there and at the cursor.${marks.join('')}`
  );
}
