// Numbers and names as people read them. Stands on nothing.
//
// A name can be anything, so whatever is shown of one has passed `visible`: control characters and
// those that turn the direction of text around stand as signs, and can neither hide nor reorder.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Formats of numbers of so many digits after the point, made when they are first needed. */
const FORMATS = new Map<number, Intl.NumberFormat>();

function formatted(number: number, digits: number): string {
  let format = FORMATS.get(digits);
  if (format === undefined) {
    format = new Intl.NumberFormat('en-US', { maximumFractionDigits: digits });
    FORMATS.set(digits, format);
  }
  return format.format(number);
}

/** 12345678 as "12,345,678". */
export const whole = (number: number): string => formatted(number, 0);

/**
 * A number with so many digits after the point. Of two that are as near, the even one is taken: the
 * command line does so, and its figures stand beside those of the page.
 */
function rounded(value: number, digits: number): string {
  const scaled = value * 10 ** digits;
  const below = Math.floor(scaled);
  const isTie = scaled - below === 0.5;
  const nearest = isTie ? below + (below % 2) : Math.round(scaled);
  return (nearest / 10 ** digits).toFixed(digits);
}

/** Bytes in three digits and a binary unit: "11.8 MiB". */
export function bytes(number: number): string {
  let unit = 0;
  let value = number;
  // What would round to 1,024 of a unit is 1 of the next.
  while (value >= (unit === 0 ? 1024 : 1023.5) && unit + 1 < UNITS.length) {
    value /= 1024;
    unit += 1;
  }
  if (unit === 0) return `${whole(number)} B`;
  const digits = value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  const text = rounded(value, digits);
  return `${text.includes('.') ? text.replace(/\.?0+$/, '') : text} ${UNITS[unit]}`;
}

/** Bytes to the byte: "12,345,678 bytes". */
export const exactBytes = (number: number): string => plural(number, 'byte');

/**
 * A round position on an axis of bytes whose ticks are `tick` bytes apart: in the unit that `bytes`
 * takes, or in a smaller one where two digits after the point would not tell ticks apart.
 */
export function tickBytes(position: number, tick: number): string {
  const largest = Math.min(position, 64 * tick);
  let unit = 0;
  while (unit + 1 < UNITS.length && 1024 ** (unit + 1) <= largest) unit += 1;
  return position === 0 ? '0' : `${formatted(position / 1024 ** unit, 2)} ${UNITS[unit]}`;
}

/** "1 tensor", "2 tensors". */
export const plural = (number: number, noun: string): string =>
  `${whole(number)} ${noun}${number === 1 ? '' : 's'}`;

/** A noun as a title: "Tensor". */
export const titled = (noun: string): string => noun.slice(0, 1).toUpperCase() + noun.slice(1);

/** A part of a whole: "12.3 %". */
export function percent(part: number, of: number): string {
  if (of === 0) return '–';
  const value = (100 * part) / of;
  if (part > 0 && value < 0.1) return '< 0.1 %';
  return `${value.toFixed(value >= 99.95 || value === 0 ? 0 : 1)} %`;
}

/** The steps of a half-open range: "step 4", "steps 4 to 9". */
export function steps(lower: number, upper: number): string {
  if (upper - lower === 1) return `step ${whole(lower)}`;
  return upper <= lower ? 'no step' : `steps ${whole(lower)} to ${whole(upper - 1)}`;
}

/** The steps of a half-open range that is not empty, in a column: "4", "4–9". */
export const span = (lower: number, upper: number): string =>
  upper - lower === 1 ? whole(lower) : `${whole(lower)}–${whole(upper - 1)}`;

/** A name as it may be shown: letters without a glyph of their own as the command line has them. */
export const visible = (name: string): string =>
  name.replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Cn}\u2028\u2029]/gu, escaped);

const escaped = (letter: string): string => `\\u{${letter.codePointAt(0)!.toString(16)}}`;

/** The beginning of a visible name, of at most `limit` letters with an ellipsis. */
export function beginning(name: string, limit: number): string {
  const letters = [...name.slice(0, 2 * limit + 2)];
  return visible(letters.length <= limit ? name : `${letters.slice(0, limit - 1).join('')}…`);
}

/** A visible name of at most `limit` letters: the beginning, an ellipsis and the end. */
export function shortened(name: string, limit: number): string {
  const letters = name.length > 4 * limit ? edges(name, 2 * limit) : [...name];
  if (letters.length <= limit) return visible(name);
  const tail = Math.floor((limit - 1) / 2);
  const head = letters.slice(0, limit - 1 - tail).join('');
  return visible(`${head}…${tail > 0 ? letters.slice(-tail).join('') : ''}`);
}

/**
 * Titles that can be told apart wherever they are shortened to `limit` letters or more: those that
 * look alike then have their numbers in front.
 */
export function apart(titles: readonly string[], limit: number): string[] {
  const isNumbered = titles.map(() => false);
  // A number can make a title look like another one, which then has its own number too. Titles that
  // all have their numbers begin in different ways.
  for (;;) {
    const all = titles.map((title, i) => (isNumbered[i] ? `${i + 1}: ${title}` : title));
    const looks = all.map((title) => shortened(title, limit));
    const counts = new Map<string, number>();
    for (const look of looks) counts.set(look, (counts.get(look) ?? 0) + 1);
    const alike = looks.flatMap((look, i) => (!isNumbered[i] && counts.get(look)! > 1 ? [i] : []));
    if (alike.length === 0) return all;
    for (const i of alike) isNumbered[i] = true;
  }
}

/**
 * Where the end of a name begins that is always seen: at most `tail` letters, which begin after a
 * separator or with the first one that more than two letters follow, if there is one.
 */
export function foldOf(letters: readonly string[], tail: number): number {
  const first = Math.max(0, letters.length - tail);
  const isBetween = (i: number) => /[\s./:_#-]/.test(letters[i] ?? '');
  if (isBetween(first - 1)) return first;
  for (let i = first; i < letters.length - 3; i++) {
    if (isBetween(i)) return i;
  }
  return first;
}

/** The first and last letters of a name that is far too long to be taken apart as a whole. */
function edges(name: string, units: number): string[] {
  return [...[...name.slice(0, units)], ...[...name.slice(-units)]];
}
