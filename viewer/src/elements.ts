// Makes the page's elements. Stands on `map.ts` and `format.ts`.
//
// Text from a document becomes text nodes only, isolated from the direction of what is around it.

import { foldOf, shortened, visible, whole } from './format';
import type { MemoryMap } from './map';

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

/** The letters of a name in a link. */
const LONG = 80;
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

/** A name of which the middle is hidden where there is too little room. */
function foldable(name: string): HTMLElement {
  const letters = [...shortened(name, LONG)];
  const at = foldOf(letters, TAIL);
  if (at < 3) return named(letters.join(''));
  const [head, tail] = [letters.slice(0, at), letters.slice(at)];
  const parts = [head, tail].map((part) => element('span', '', part.join('')));
  return element('bdi', 'name folded', ...parts);
}

/** A button that looks like a link. */
export function link(content: Node | string, act: () => void): HTMLButtonElement {
  const button = element('button', 'link', content);
  button.type = 'button';
  button.addEventListener('click', act);
  return button;
}

export function tensorLink(map: MemoryMap, tensor: number, actions: LinkActions): HTMLElement {
  const name = shortened(map.name(tensor), LONG);
  const made = link(named(name), () => actions.pin(tensor));
  made.title = name;
  return made;
}

/** A link for a narrow column. */
export const narrowLink = (map: MemoryMap, tensor: number, actions: LinkActions): HTMLElement =>
  link(foldable(map.name(tensor)), () => actions.pin(tensor));

export function operatorLink(map: MemoryMap, operator: number, actions: LinkActions): HTMLElement {
  // Operator i runs at step i.
  const name = named(shortened(map.operatorName(operator), LONG));
  const made = link(name, () => actions.visit(operator));
  made.title = `${shortened(map.operatorType(operator), LONG)}, step ${operator}`;
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
