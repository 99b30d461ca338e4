// Columns of numbers, lists and strings, as a document stores them. Stands on nothing.
//
// Whatever a document says is checked here: a column lies within the bytes, each of its values is
// an integer that a double holds exactly, an index is below what it counts. What is wrong becomes
// a `Malformed` that names the place in the header, such as `maps[0].tensors.offset[7]`.

/** A document that breaks its format, and where. */
export class Malformed extends Error {
  constructor(
    readonly place: string,
    readonly problem: string,
  ) {
    super(`${place}: ${problem}`);
    this.name = 'Malformed';
  }
}

/** Lists of numbers one after another: list `i` is `items[ends[i - 1] or 0 .. ends[i]]`. */
export class Lists {
  constructor(
    readonly ends: Uint32Array,
    readonly items: Uint32Array,
  ) {}

  /** List `index`, which shares memory with `items`. */
  of(index: number): Uint32Array {
    return this.items.subarray(index === 0 ? 0 : this.ends[index - 1], this.ends[index]);
  }
}

/** Strings in UTF-8, decoded when they are asked for. */
export class Strings {
  readonly #decoder = new TextDecoder();
  readonly #decoded = new Map<number, string>();

  constructor(
    readonly bytes: Uint8Array,
    readonly ends: Uint32Array,
  ) {}

  get count(): number {
    return this.ends.length;
  }

  of(index: number): string {
    let text = this.#decoded.get(index);
    if (text === undefined) {
      const begin = index === 0 ? 0 : this.ends[index - 1];
      text = this.#decoder.decode(this.bytes.subarray(begin, this.ends[index]));
      this.#decoded.set(index, text);
    }
    return text;
  }
}

export type Fields = Readonly<Record<string, unknown>>;

export function fields(value: unknown, place: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Malformed(place, 'an object is expected');
  }
  return value as Fields;
}

export function integer(value: unknown, place: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
    throw new Malformed(place, 'an integer that a double holds exactly is expected');
  }
  return value;
}

/** An integer from 0. */
export function natural(value: unknown, place: string): number {
  const number = integer(value, place);
  if (number < 0) throw new Malformed(place, `${number} is negative`);
  return number;
}

type Stored = Uint8Array | Uint16Array | Uint32Array | Float64Array;

interface Kind<T extends Stored> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBuffer, at: number, count: number): T;
}

const KINDS: Readonly<Record<'u8' | 'u16' | 'u32' | 'f64', Kind<Stored>>> = {
  u8: Uint8Array,
  u16: Uint16Array,
  u32: Uint32Array,
  f64: Float64Array,
};

/** A column: its numbers are `base + scale * stored`, or that of the sums of the differences. */
interface Column {
  readonly stored: Stored;
  readonly scale: number;
  readonly base: number;
  readonly isDelta: boolean;
}

/** The columns of one document, which begin at byte `begin` of it. */
export class Columns {
  constructor(
    private readonly buffer: ArrayBuffer,
    private readonly begin: number,
  ) {}

  /** What the header says of a column, and its numbers as they are stored. */
  #column(value: unknown, place: string, count?: number): Column {
    const column = fields(value, place);
    const type = column['type'];
    if (type !== 'u8' && type !== 'u16' && type !== 'u32' && type !== 'f64') {
      throw new Malformed(`${place}.type`, 'u8, u16, u32 or f64 is expected');
    }
    const stored = this.#stored(KINDS[type], column, place, count);
    const scale = 'scale' in column ? integer(column['scale'], `${place}.scale`) : 1;
    const base = 'base' in column ? integer(column['base'], `${place}.base`) : 0;
    const isDelta = column['delta'] === true;
    if (isDelta && type === 'f64') {
      throw new Malformed(`${place}.type`, 'differences are u8, u16 or u32');
    }
    return { stored, scale, base, isDelta };
  }

  /** A column of integers; of `count` ones, where that is known. */
  numbers(value: unknown, place: string, count?: number): Float64Array {
    const { stored, scale, base, isDelta } = this.#column(value, place, count);
    const numbers = isDelta ? sums(stored) : new Float64Array(stored);
    if (scale !== 1 || base !== 0) {
      for (let i = 0; i < numbers.length; i++) numbers[i] = base + scale * numbers[i];
    }
    if (!isDelta && isBounded(stored, scale, base)) return numbers;
    const wrong = firstOutside(numbers, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
    if (wrong >= 0) {
      throw new Malformed(`${place}[${wrong}]`, `${numbers[wrong]} is no integer below 2^53`);
    }
    return numbers;
  }

  /** A column of integers in `0..below`. */
  indices(value: unknown, place: string, below: number, count?: number): Uint32Array {
    const { stored, scale, base, isDelta } = this.#column(value, place, count);
    const refuse = (i: number, number: number): never => {
      throw new Malformed(`${place}[${i}]`, `${number} is not in 0..${below}`);
    };
    if (isDelta && scale === 1 && base === 0) {
      // The ends of lists and strings, of which there may be millions.
      const indices = new Uint32Array(stored.length);
      const wrong = addUp(new Uint32Array(stored), below, indices);
      if (wrong === null) return indices;
      return refuse(...wrong);
    }
    if (isDelta || scale !== 1 || base !== 0 || stored instanceof Float64Array) {
      const numbers = this.numbers(value, place, count);
      const wrong = firstOutside(numbers, 0, below - 1);
      return wrong >= 0 ? refuse(wrong, numbers[wrong]) : new Uint32Array(numbers);
    }
    // What is stored in 32 bits is used where it is.
    const indices = stored instanceof Uint32Array ? stored : new Uint32Array(stored);
    for (let i = 0; i < indices.length; i++) if (indices[i] >= below) refuse(i, indices[i]);
    return indices;
  }

  /** The ends of `count` lists, of which the last one is `total`. */
  ends(value: unknown, place: string, total: number, count?: number): Uint32Array {
    const ends = this.indices(value, place, total + 1, count);
    for (let i = 1; i < ends.length; i++) {
      if (ends[i] < ends[i - 1]) {
        throw new Malformed(`${place}[${i}]`, `${ends[i]} is below the one before`);
      }
    }
    const last = ends.length === 0 ? 0 : ends[ends.length - 1];
    if (last !== total) {
      throw new Malformed(place, `the last end is ${last}, but there are ${total} items`);
    }
    return ends;
  }

  /** `count` lists of integers in `0..below`. */
  lists(value: unknown, place: string, count: number, below: number): Lists {
    const list = fields(value, place);
    const items = this.indices(list['items'], `${place}.items`, below);
    return new Lists(this.ends(list['ends'], `${place}.ends`, items.length, count), items);
  }

  strings(value: unknown, place: string): Strings {
    const table = fields(value, place);
    const column = fields(table['bytes'], `${place}.bytes`);
    const isScaled = (column['scale'] ?? 1) !== 1 || (column['base'] ?? 0) !== 0;
    if (column['type'] !== 'u8' || isScaled || column['delta'] === true) {
      throw new Malformed(`${place}.bytes`, 'a plain column of type u8 is expected');
    }
    const bytes = this.#stored(Uint8Array, column, `${place}.bytes`);
    const ends = this.ends(table['ends'], `${place}.ends`, bytes.length);
    if (ends.length === 0 || ends[0] !== 0) throw new Malformed(place, 'string 0 is not empty');
    return new Strings(bytes, ends);
  }

  /** The values of a column as they are stored, in place. */
  #stored<T extends Stored>(
    kind: Kind<T>,
    column: Fields,
    place: string,
    expected?: number,
  ): T {
    const at = natural(column['at'], `${place}.at`);
    const count = natural(column['count'], `${place}.count`);
    if (at % 8 !== 0) throw new Malformed(`${place}.at`, `${at} is no multiple of 8`);
    const end = this.begin + at + count * kind.BYTES_PER_ELEMENT;
    if (end > this.buffer.byteLength) {
      const there = this.buffer.byteLength;
      throw new Malformed(place, `the column ends at byte ${end} of a document of ${there}`);
    }
    if (expected !== undefined && count !== expected) {
      throw new Malformed(`${place}.count`, `${count} values where ${expected} are expected`);
    }
    return new kind(this.buffer, this.begin + at, count);
  }
}

// Each of the loops below sees one type of array, which makes it fast for millions of numbers.

/** The sums of zigzag-coded differences. */
function sums(stored: Stored): Float64Array {
  const differences = new Uint32Array(stored);
  const numbers = new Float64Array(differences.length);
  let sum = 0;
  for (let i = 0; i < differences.length; i++) {
    sum += (differences[i] >>> 1) ^ -(differences[i] & 1);
    numbers[i] = sum;
  }
  return numbers;
}

/** Sums of zigzag-coded differences in `0..below`, or the first one that is not, and its place. */
function addUp(
  differences: Uint32Array,
  below: number,
  sums: Uint32Array,
): [place: number, sum: number] | null {
  let sum = 0;
  for (let i = 0; i < differences.length; i++) {
    sum += (differences[i] >>> 1) ^ -(differences[i] & 1);
    if (!(sum >= 0 && sum < below)) return [i, sum];
    sums[i] = sum;
  }
  return null;
}

/** Whether all numbers of a column are integers that a double holds, whichever are stored. */
function isBounded(stored: Stored, scale: number, base: number): boolean {
  if (stored instanceof Float64Array) return false;
  const far = Math.abs(scale) * 2 ** (8 * stored.BYTES_PER_ELEMENT) + Math.abs(base);
  return far < Number.MAX_SAFE_INTEGER;
}

/** The first of some numbers that is no integer in `least..=most`; -1 if there is none. */
function firstOutside(numbers: Float64Array, least: number, most: number): number {
  for (let i = 0; i < numbers.length; i++) {
    const number = numbers[i];
    if (!(number >= least && number <= most && Math.floor(number) === number)) return i;
  }
  return -1;
}

/** A text of the header. */
export function text(value: unknown, place: string): string {
  if (typeof value !== 'string') throw new Malformed(place, 'text is expected');
  return value;
}

/** A list of the header. */
export function list(value: unknown, place: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Malformed(place, 'a list is expected');
  return value;
}
