// Long names of one list, cut so that they can be told apart. Stands on `format.ts`.
//
// Names of a model often begin and end alike and differ in the middle, as those of its layers do.
// A name that would look like another one of its list keeps the part in which they differ.

import { shortened, visible } from './format';

/** A name as it is shown. */
export interface Cut {
  readonly text: string;
  /** The letters before the part that tells it from others; null if its ends do. */
  readonly before: number | null;
}

/** The letters of a name that is taken apart; a longer one keeps its ends. */
const LONG = 1000;
/** The most letters by which a part grows to where the parts around it end. */
const GROWTH = 10;

const isSeparator = (letter: string | undefined): boolean => /[\s./:_#-]/.test(letter ?? '/');

/** The names in at most `limit` letters. */
export function tellApart(names: readonly string[], limit: number): Cut[] {
  const cuts: Cut[] = names.map((name) => ({ text: shortened(name, limit), before: null }));
  const alike = new Map<string, number[]>();
  cuts.forEach(({ text }, i) => alike.set(text, [...(alike.get(text) ?? []), i]));
  for (const group of alike.values()) {
    const different = [...new Set(group.map((i) => names[i]))];
    if (different.length < 2 || different.some((name) => name.length > LONG)) continue;
    const letters = different.map((name) => [...name]);
    const [same, tail] = [common(letters), common(letters.map((of) => [...of].reverse()))];
    const byName = new Map(different.map((name, i) => [name, cut(letters[i], same, tail, limit)]));
    for (const i of group) cuts[i] = byName.get(names[i])!;
  }
  return cuts;
}

/** The names of a table's rows: those that are made together can be told apart. */
export class CutNames {
  #cuts: Cut[] = [];
  #first = 0;

  constructor(
    readonly nameOf: (row: number) => string,
    readonly limit: number,
  ) {}

  /** Cuts the names of the rows `first..end`. */
  readonly begin = (first: number, end: number): void => {
    const rows = Array.from({ length: end - first }, (_, i) => first + i);
    this.#first = first;
    this.#cuts = tellApart(rows.map(this.nameOf), this.limit);
  };

  at(row: number): Cut {
    return this.#cuts[row - this.#first];
  }
}

/** How many letters lists begin with alike. */
function common(lists: readonly (readonly string[])[]): number {
  const [first] = lists;
  let count = 0;
  while (count < first.length && lists.every((of) => of[count] === first[count])) count += 1;
  return count;
}

/** A name that begins with `same` letters and ends with `tail` letters as others do. */
function cut(letters: readonly string[], same: number, tail: number, limit: number): Cut {
  const [from, to] = grown(letters, same, Math.max(letters.length - tail, same), limit - 4);
  const part = shortened(letters.slice(from, to).join(''), limit - 4);
  const room = Math.max(0, limit - [...part].length - 2);
  const end = Math.min(letters.length - to, Math.ceil((2 * room) / 3));
  const begin = Math.min(from, room - end);
  const head = [...letters.slice(0, begin), ...(begin < from ? ['…'] : [])];
  const rest = letters.length - to > end ? ['…'] : [];
  const foot = end > 0 ? letters.slice(-end) : [];
  const shown = visible(head.join(''));
  const text = `${shown}${part}${visible([...rest, ...foot].join(''))}`;
  return { text, before: [...shown].length };
}

/**
 * The part `from..to` of a name up to the separators around it, and one farther where it is a
 * number alone: `layers.7` says more than `7`. It stays as it is where none is near, or where it
 * would have more than `most` letters.
 */
function grown(
  letters: readonly string[],
  from: number,
  to: number,
  most: number,
): [from: number, to: number] {
  let [begin, end] = [separated(letters, from, -1), separated(letters, to, 1)];
  const isNumber = letters.slice(begin, end).every((letter) => /\d/.test(letter));
  if (isNumber && begin > 1) begin = separated(letters, begin - 1, -1);
  if (end - begin > most) [begin, end] = [from, to];
  return [begin, end];
}

/** The next place from `at` on, in steps of `way`, that is beside a separator; else `at`. */
function separated(letters: readonly string[], at: number, way: 1 | -1): number {
  const beside = way === 1 ? 0 : -1;
  for (let place = at, i = 0; i <= GROWTH; i++, place += way) {
    if (isSeparator(letters[place + beside])) return place;
  }
  return at;
}
