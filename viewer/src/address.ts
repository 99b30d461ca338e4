// The page's address: its fragment keeps what is seen, so that a link shows the same to another
// reader. Stands on `boxes.ts`.
//
// Each part of the page has fields of its own in the fragment, and what is as at the beginning has
// none. What cannot be read in a fragment is absent; whether the rest exists is checked by its
// part.

import type { Window } from './boxes';

/** What a fragment says. */
export interface Fragment {
  /** The steps and bytes that the maps show. */
  readonly view?: Window;
  readonly cursor?: number;
  /** The map that lists are of, and in which `tensor` is. */
  readonly map?: number;
  readonly tensor?: number;
  readonly colour?: string;
  /** The groups whose tensors have no colour. */
  readonly muted?: readonly string[];
  /** `light` or `dark`; the system's theme if it is absent. */
  readonly theme?: string;
  /** `stacks` if the call stacks are shown instead of the maps. */
  readonly tab?: string;
  /** Which profile, or which two, the call stacks are of. */
  readonly profile?: number;
  readonly measure?: string;
  /** The call that is zoomed. */
  readonly call?: number;
  /** What is searched among the calls. */
  readonly find?: string;
}

/** A fragment in the making. */
export type Draft = { -readonly [Field in keyof Fragment]: Fragment[Field] };

/** A part of the page whose state the address keeps. */
export interface Kept {
  /** What the fragment is to say of it. */
  kept(): Fragment;
  /** Shows what a fragment says. */
  restore(fragment: Fragment): void;
}

const NATURALS = ['cursor', 'map', 'tensor', 'profile', 'call'] as const;
const WORDS = ['colour', 'theme', 'tab', 'measure'] as const;

/** The most letters of a search that the address keeps. */
const SEARCH = 200;

export function toFragment({ view, muted = [], find = '', ...rest }: Fragment): string {
  const parts: string[] = [];
  if (view !== undefined) {
    const steps = [view.lower, view.upper].map((step) => Number(step.toFixed(4)));
    const bytes = [view.bottom, view.top].map(Math.round);
    parts.push(`view=${[...steps, ...bytes].join(',')}`);
  }
  for (const name of [...NATURALS, ...WORDS]) {
    const value = rest[name];
    if (value !== undefined) parts.push(`${name}=${value}`);
  }
  // Names from a document can have any letters, and so can what is searched.
  const search = [...find].slice(0, SEARCH).join('');
  if (search !== '') parts.push(new URLSearchParams({ find: search }).toString());
  for (const name of muted) parts.push(new URLSearchParams({ muted: name }).toString());
  return parts.join('&');
}

export function fromFragment(text: string): Fragment {
  const fields = new URLSearchParams(text.replace(/^#/, ''));
  const found: Draft = {};
  const numbers = (fields.get('view') ?? '').split(',').map(Number);
  const [lower, upper, bottom, top] = numbers;
  if (numbers.length === 4 && numbers.every(Number.isFinite) && lower < upper && bottom < top) {
    found.view = { lower, upper, bottom, top };
  }
  for (const name of NATURALS) {
    // Steps may be negative.
    const isNumber = name === 'cursor' ? /^-?\d{1,15}$/ : /^\d{1,15}$/;
    const value = fields.get(name);
    if (value !== null && isNumber.test(value)) found[name] = Number(value);
  }
  for (const name of WORDS) {
    const value = fields.get(name);
    if (value !== null) found[name] = value;
  }
  const search = fields.get('find');
  if (search !== null) found.find = search;
  const muted = fields.getAll('muted');
  if (muted.length > 0) found.muted = muted;
  return found;
}

/** Milliseconds after a change until the fragment says it. */
const PAUSE = 200;

export class Address {
  readonly #parts: Kept[] = [];
  #timer = 0;

  constructor() {
    addEventListener('hashchange', () => {
      for (const part of this.#parts) this.#restore(part);
    });
  }

  /** Takes a part of the page, which shows what the fragment says of it. */
  add(part: Kept): void {
    this.#parts.push(part);
    this.#restore(part);
  }

  /** Has the fragment say what is seen, once nothing has changed for a while. */
  note(): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => {
      const all: Fragment = Object.assign({}, ...this.#parts.map((part) => part.kept()));
      const fragment = `#${toFragment(all)}`;
      if (fragment !== (location.hash || '#')) history.replaceState(null, '', fragment);
    }, PAUSE);
  }

  #restore(part: Kept): void {
    part.restore(fromFragment(location.hash));
    // What is restored is in the fragment already.
    clearTimeout(this.#timer);
  }
}
