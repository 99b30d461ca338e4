// The search for tensors and operators by name or type. Stands on `elements.ts`, `map.ts`,
// `pairs.ts` and `format.ts`.
//
// Names are compared as UTF-8 with the letters A to Z folded, where they lie in the document: a
// million names need not be decoded. What is found is in order of how well it fits. A tensor that
// is in several maps is found once, in the first of them, and so is an operator.

import type { Strings } from './columns';
import { byId, element, isTouched, named } from './elements';
import { beginning, bytes, plural, shortened, whole } from './format';
import type { MemoryMap } from './map';
import type { Pairs } from './pairs';

const LIMIT = 60;
/** Between the list and the edge of the window, in pixels. */
const MARGIN = 8;

/** How well a string fits: it is the query, a word of it begins so, it has it within, or not. */
const EXACT = 0;
const WORD = 1;
const INSIDE = 2;
const NOT = 3;

export interface Found {
  readonly kind: 'tensor' | 'operator';
  /** The number of its map. */
  readonly map: number;
  readonly index: number;
}

const FOLD = Uint8Array.from({ length: 256 }, (_, code) =>
  code >= 65 && code <= 90 ? code + 32 : code,
);

const isOfWord = (code: number): boolean =>
  code >= 128 || (code >= 48 && code <= 57) || (code >= 97 && code <= 122);

/** For each string, how well it fits a query. */
export function fits({ bytes: letters, ends }: Strings, query: string): Uint8Array {
  const needle = Uint8Array.from(new TextEncoder().encode(query), (code) => FOLD[code]);
  const found = new Uint8Array(ends.length).fill(NOT);
  if (needle.length === 0) return found;
  const first = needle[0];
  for (let string = 0, begin = 0; string < ends.length; begin = ends[string++]) {
    const last = ends[string] - needle.length;
    for (let at = begin; at <= last; at++) {
      if (FOLD[letters[at]] !== first) continue;
      let length = 1;
      while (length < needle.length && FOLD[letters[at + length]] === needle[length]) length++;
      if (length < needle.length) continue;
      const isWhole = at === begin && at === last;
      const isWord = at === begin || !isOfWord(FOLD[letters[at - 1]]);
      const fit = isWhole ? EXACT : isWord ? WORD : INSIDE;
      if (fit < found[string]) found[string] = fit;
      if (fit <= WORD) break;
    }
  }
  return found;
}

/** The tensors and operators that fit best, and how many fit at all. */
export function find(pairs: Pairs, query: string): { best: Found[]; count: number } {
  const { maps } = pairs;
  const fit = fits(maps[0].strings, query);
  const byFit: Found[][] = [[], [], []];
  let count = 0;
  const add = (kind: Found['kind'], map: number, index: number, how: number) => {
    if (how === NOT) return;
    count += 1;
    if (byFit[how].length < LIMIT) byFit[how].push({ kind, map, index });
  };
  const names = new Set<number>();
  maps.forEach(({ operators, order }, map) => {
    for (let i = 0; order !== null && i < order.length; i++) {
      const name = order[i];
      if (map > 0 && name !== 0 && names.has(name)) continue;
      const ofType = operators === null ? NOT : fit[operators.type[i]] || WORD;
      add('operator', map, i, Math.min(fit[name], ofType));
    }
    if (maps.length > 1) order?.forEach((name) => names.add(name));
  });
  maps.forEach(({ tensors }, map) => {
    const earlier = maps.slice(0, map).map((_, other) => pairs.between(map, other));
    for (let i = 0; i < tensors.count; i++) {
      const how = fit[tensors.name[i]];
      if (how !== NOT && earlier.every((others) => others[i] < 0)) add('tensor', map, i, how);
    }
  });
  return { best: byFit.flat().slice(0, LIMIT), count };
}

export class Search {
  readonly #input = byId('search', HTMLInputElement);
  readonly #list = byId('found', HTMLElement);
  #found: Found[] = [];
  #chosen = 0;

  /** `nothing` is what is said where nothing is found. */
  constructor(
    readonly pairs: Pairs,
    readonly nothing: string,
    readonly choose: (found: Found) => void,
  ) {
    this.#input.addEventListener('input', () => this.#search());
    this.#input.addEventListener('focus', () => this.#search());
    this.#input.addEventListener('keydown', (event) => this.#key(event));
    this.#input.addEventListener('blur', () => this.close());
  }

  /** Says what is searched. */
  label(what: string): void {
    const key = isTouched() ? '' : ' (/)';
    this.#input.title = `Search ${what}${key}`;
    if (isTouched()) this.#input.placeholder = 'Search';
  }

  focus(): void {
    this.#input.focus();
    this.#input.select();
  }

  get isOpen(): boolean {
    return !this.#list.hidden;
  }

  close(): void {
    this.#list.hidden = true;
    this.#input.setAttribute('aria-expanded', 'false');
    this.#input.removeAttribute('aria-activedescendant');
  }

  #search(): void {
    const query = this.#input.value.trim();
    if (query === '') {
      this.#found = [];
      this.close();
      return;
    }
    const { best, count } = find(this.pairs, query);
    this.#found = best;
    this.#chosen = 0;
    const rest = count - best.length;
    const options = best.map((found, i) => this.#option(found, i));
    const note =
      count === 0 ? this.nothing : rest > 0 ? `and ${whole(rest)} more` : '';
    this.#list.replaceChildren(...options);
    if (note !== '') this.#list.append(element('div', 'note', note));
    this.#list.hidden = false;
    this.#keepInWindow();
    this.#input.setAttribute('aria-expanded', 'true');
    this.#mark();
  }

  /** Moves the list, which ends where the field does, to the right if it begins left of the window. */
  #keepInWindow(): void {
    this.#list.style.right = '0px';
    const outside = MARGIN - this.#list.getBoundingClientRect().left;
    if (outside > 0) this.#list.style.right = `${-outside}px`;
  }

  #option({ kind, map: which, index }: Found, place: number): HTMLElement {
    const map = this.pairs.maps[which];
    const isTensor = kind === 'tensor';
    const name = isTensor ? map.name(index) : map.operatorName(index);
    const about = isTensor
      ? bytes(map.tensors.size[index])
      : [beginning(map.operatorType(index), 40), `step ${index}`].filter((s) => s !== '').join(', ');
    // What is in the first map needs no word; it is found there and in the others.
    const where = which === 0 ? '' : ` in ${shortened(map.title, 24)}`;
    const option = element(
      'div',
      'option',
      element('span', `kind ${kind}`, kind),
      named(name),
      element('span', 'faint', `${about}${where}`),
    );
    option.id = `found-${place}`;
    option.setAttribute('role', 'option');
    option.addEventListener('pointerdown', (event) => {
      event.preventDefault();
      this.#take(place);
    });
    return option;
  }

  #mark(): void {
    [...this.#list.querySelectorAll('.option')].forEach((option, i) => {
      option.setAttribute('aria-selected', String(i === this.#chosen));
      if (i !== this.#chosen) return;
      option.scrollIntoView({ block: 'nearest' });
      this.#input.setAttribute('aria-activedescendant', option.id);
    });
  }

  #take(place: number): void {
    const found = this.#found[place];
    if (found === undefined) return;
    this.close();
    this.#input.blur();
    this.choose(found);
  }

  #key(event: KeyboardEvent): void {
    const count = this.#found.length;
    if (event.key === 'Escape') {
      if (this.isOpen) this.close();
      else this.#input.blur();
    } else if (event.key === 'Enter') {
      this.#take(this.#chosen);
    } else if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && count > 0) {
      const way = event.key === 'ArrowDown' ? 1 : count - 1;
      this.#chosen = (this.#chosen + way) % count;
      this.#mark();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}

/** What a search says that finds nothing; `kind` is that of the page. */
export function nothingOf(kind: string, maps: readonly MemoryMap[]): string {
  if (maps.some(({ operators }) => operators !== null)) return 'Nothing has this name.';
  const isOfModel = kind === 'check' || maps.some(({ data }) => data.execution !== null);
  const hasNames = maps.some(({ order }) => order !== null);
  const what = hasNames ? 'no types of operators' : 'no operators';
  const how =
    `This page has ${what}: make it from the model, or with ` +
    '`orionrt check PLAN --model MODEL --html FILE`.';
  const nothing = hasNames ? 'Nothing has this name.' : 'No tensor has this name.';
  return `${nothing}${isOfModel ? ` ${how}` : ''}`;
}

/** What a screen reader says of the search: "12 tensors and 3 operators". */
export const scope = (map: MemoryMap): string => {
  const tensors = plural(map.tensors.count, map.noun);
  const { order } = map;
  return order === null ? tensors : `${tensors} and ${plural(order.length, 'operator')}`;
};
