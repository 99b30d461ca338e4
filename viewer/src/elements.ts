// Makes the page's elements. Stands on `map.ts`, `names.ts` and `format.ts`.
//
// Text from a document becomes text nodes only, isolated from the direction of what is around it.

import { foldOf, shortened, visible, whole } from './format';
import type { MemoryMap } from './map';
import type { Cut } from './names';

/** What links on the page do. */
export interface LinkActions {
  pin(tensor: number): void;
  /** Moves the cursor to a step. */
  visit(step: number): void;
}

export function byId<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no #${id}`);
  return found;
}

/** Whether the page is under fingers, which have no keys. */
export const isTouched = (): boolean => matchMedia('(pointer: coarse)').matches;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  made.append(...children);
  return made;
}

/** The letters of a name in a link, and in its title. */
const LONG = 80;
const TITLE = 400;
/** The letters of a name that a line of a card has room for. */
const SHORT = 30;
/** The most letters at its end that are always seen in a table. */
const TAIL = 14;

/** A name from the document. */
export const named = (name: string): HTMLElement => element('bdi', 'name', visible(name));

/** A name that goes on in another line after a part of it, before it would within one. */
export function breakable(name: string): HTMLElement {
  // What separates the parts of names, which ends each but the last.
  const parts = visible(name).split(/(?<=[./_:-])(?=[^./_:-])/);
  const nodes = parts.flatMap((part, i) => (i === 0 ? [part] : [element('wbr', ''), part]));
  return element('bdi', 'name', ...nodes);
}

/**
 * A name of which the middle is hidden where there is too little room; of one that is cut already,
 * what stands before the part that tells it from others.
 */
function foldable(name: string, cut?: Cut): HTMLElement {
  const isCut = cut !== undefined && cut.before !== null;
  const letters = [...(isCut ? cut.text : shortened(name, LONG))];
  const at = isCut ? cut.before! : foldOf(letters, TAIL);
  if (at < 3) return named(letters.join(''));
  const [head, tail] = [letters.slice(0, at), letters.slice(at)];
  const parts = [head, tail].map((part) => element('span', '', part.join('')));
  return element('bdi', 'name folded', ...parts);
}

/** A name among others: one that a line has room for is never folded. */
const nameOf = (name: string): HTMLElement => (name.length > SHORT ? foldable(name) : named(name));

/** A button that looks like a link. */
export function link(content: Node | string, act: () => void): HTMLButtonElement {
  const button = element('button', 'link', content);
  button.type = 'button';
  button.addEventListener('click', act);
  return button;
}

export function tensorLink(map: MemoryMap, tensor: number, actions: LinkActions): HTMLElement {
  const name = map.name(tensor);
  const made = link(nameOf(name), () => actions.pin(tensor));
  made.title = shortened(name, TITLE);
  return made;
}

/** A link for a narrow column, with its name as it is cut there. */
export const narrowLink = (
  map: MemoryMap,
  tensor: number,
  actions: LinkActions,
  cut?: Cut,
): HTMLElement => link(foldable(map.name(tensor), cut), () => actions.pin(tensor));

export function operatorLink(map: MemoryMap, operator: number, actions: LinkActions): HTMLElement {
  // Operator i runs at step i.
  const name = map.operatorName(operator);
  const made = link(nameOf(name), () => actions.visit(operator));
  const type = shortened(map.operatorType(operator), LONG);
  const what = type === '' ? '' : `${type}, `;
  made.title = `${shortened(name, TITLE)}: ${what}step ${operator}`;
  return made;
}

/** The steps of a half-open range, whose ends lead there: "step 4", "steps 4 to 9". */
export function stepsLinks(lower: number, upper: number, actions: LinkActions): DocumentFragment {
  const all = document.createDocumentFragment();
  if (upper - lower === 1) all.append(stepLink(lower, actions, `step ${whole(lower)}`));
  else if (upper <= lower) all.append('no step');
  else all.append('steps ', stepLink(lower, actions), ' to ', stepLink(upper - 1, actions));
  return all;
}

/** The same range in a column: "4", "4–9". */
export function spanLinks(lower: number, upper: number, actions: LinkActions): DocumentFragment {
  const all = document.createDocumentFragment();
  all.append(upper > lower ? stepLink(lower, actions) : 'no step');
  if (upper - lower > 1) all.append('–', stepLink(upper - 1, actions));
  return all;
}

/** A link that moves the cursor to a step. */
export function stepLink(step: number, { visit }: LinkActions, text = whole(step)): HTMLElement {
  const made = link(text, () => visit(step));
  made.ariaLabel = `step ${whole(step)}`;
  return made;
}

/** Up to `limit` of some things, with commas, and how many more there are. */
export function several<T>(
  things: ArrayLike<T>,
  limit: number,
  make: (thing: T) => Node,
): DocumentFragment {
  const all = document.createDocumentFragment();
  const shown = Math.min(things.length, limit);
  for (let i = 0; i < shown; i++) {
    if (i > 0) all.append(' ');
    all.append(element('span', 'item', make(things[i]), i + 1 < shown ? ',' : ''));
  }
  if (things.length > limit) all.append(` and ${things.length - limit} more`);
  if (things.length === 0) all.append('–');
  return all;
}
