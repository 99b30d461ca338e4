// Documents for tests: what the command line puts into a page, written here by itself.
//
// Owns a second writer of the page's data, which shares no code with the reader in `src/`, and the
// samples: small ones with known positions, a network, random ones of any size, hostile names and
// broken documents. Invariant: a sample depends on its arguments alone, and no two of its tensors
// that are alive together share a byte, unless one lies within the other.

import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

export interface Tensor {
  name: string;
  lower: number;
  upper: number;
  offset: number;
  size: number;
  /** The tensor inside whose bytes it lies. */
  within?: number;
  shape?: string;
  element?: string;
  gaps?: [number, number][];
}

export interface Operator {
  name: string;
  type: string;
  reads: number[];
  writes: number[];
}

export interface Saving {
  kind: 'in-place' | 'views' | 'order' | 'both';
  load: number;
  saves: number;
  text: string;
}

/** How the model is executed; `operators` are names. */
export interface Execution {
  order: string;
  aliasing: string;
  fileLoad?: number;
  operators?: string[];
}

/** What an allocator had reserved, in bytes from each step to the next one listed. */
export interface Recorded {
  reserved: [number, number][];
  ranges: { lower: number; upper: number; offset: number; size: number }[];
  /** Of memory pages. */
  pageSize?: number;
  /** The range that each block begins in, or null. */
  range?: (number | null)[];
}

/** A call, within another one by its number or within none, and what it allocated itself. */
export interface Call {
  name: string;
  within: number | null;
  atPeak: number;
  atEnd: number;
  allocated: number;
  allocations: number;
}

export interface Sample {
  title: string;
  notes: string[];
  strategy: string;
  alignment: number;
  /** 1 unless it is given. */
  leastAlignment?: number;
  capacity?: number;
  firstStep: number;
  endStep: number;
  operators: Operator[] | null;
  tensors: Tensor[];
  savings: Saving[];
  execution?: Execution;
  recorded?: Recorded;
  marks?: { step: number; text: string }[];
  groups?: { names: string[]; of: number[] };
  streams?: { names: string[]; of: number[] };
  /** Bodies of control flow: their names, first steps, ends, and whether they are repeated. */
  bodies?: [string, number, number, boolean][];
  calls?: Call[];
}

/** The bytes alive at each step, summed box by box: the oracle of what the page says. */
export function loads(sample: Sample): number[] {
  const change = new Array<number>(sample.endStep - sample.firstStep + 1).fill(0);
  const alive = (lower: number, upper: number, size: number) => {
    if (lower >= upper) return;
    change[lower - sample.firstStep]! += size;
    change[upper - sample.firstStep]! -= size;
  };
  for (const tensor of sample.tensors) {
    if (tensor.within !== undefined) continue;
    alive(tensor.lower, tensor.upper, tensor.size);
    for (const [lower, upper] of tensor.gaps ?? []) alive(lower, upper, -tensor.size);
  }
  let load = 0;
  return change.slice(0, -1).map((difference) => (load += difference));
}

export function peak(sample: Sample): number {
  return sample.tensors.reduce(
    (most, { lower, upper, offset, size }) =>
      lower < upper && size > 0 ? Math.max(most, offset + size) : most,
    0,
  );
}

export function load(sample: Sample): number {
  return loads(sample).reduce((most, bytes) => Math.max(most, bytes), 0);
}

/** The tensors with bytes of their own that need them at a step, largest first. */
export function aliveAt(sample: Sample, step: number): Tensor[] {
  const needs = (t: Tensor) =>
    t.within === undefined &&
    t.size > 0 &&
    t.lower <= step &&
    step < t.upper &&
    !(t.gaps ?? []).some(([lower, upper]) => lower <= step && step < upper);
  return sample.tensors.filter(needs).sort((a, b) => b.size - a.size);
}

// --- The writer -------------------------------------------------------------------------------

type Type = 'u8' | 'u16' | 'u32' | 'f64';

export interface Column {
  type: Type;
  at: number;
  count: number;
  scale?: number;
  base?: number;
  delta?: true;
}

/** How columns are written: as small as possible, or always in one way that also is allowed. */
export type Form = 'smallest' | 'delta' | 'f64';

const WIDTH: Record<Type, number> = { u8: 1, u16: 2, u32: 4, f64: 8 };

function typeFor(largest: number): Type {
  return largest < 2 ** 8 ? 'u8' : largest < 2 ** 16 ? 'u16' : largest < 2 ** 32 ? 'u32' : 'f64';
}

function divisor(values: number[]): number {
  let common = 0;
  for (const value of values) {
    for (let rest = value; rest !== 0; ) [common, rest] = [rest, common % rest];
    if (common === 1) break;
  }
  return common || 1;
}

class Columns {
  private readonly parts: Buffer[] = [];
  private length = 0;

  constructor(private readonly form: Form) {}

  bytes(): Buffer {
    return Buffer.concat(this.parts, this.length);
  }

  raw(type: Type, values: ArrayLike<number>): Column {
    const width = WIDTH[type];
    const part = Buffer.alloc(Math.ceil((values.length * width) / 8) * 8);
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (type === 'f64') part.writeDoubleLE(value, i * width);
      else part.writeUIntLE(value, i * width, width);
    }
    const column = { type, at: this.length, count: values.length };
    this.parts.push(part);
    this.length += part.length;
    return column;
  }

  numbers(values: number[]): Column {
    if (this.form === 'f64' || values.length === 0) return this.raw('f64', values);
    const base = values.reduce((least, value) => Math.min(least, value), Infinity);
    const scale = divisor(values.map((value) => value - base));
    const stored = values.map((value) => (value - base) / scale);
    const zigzag = stored.map((value, i) => {
      const difference = value - (i > 0 ? stored[i - 1]! : 0);
      return difference < 0 ? -2 * difference - 1 : 2 * difference;
    });
    const most = (of: number[]) => of.reduce((all, value) => Math.max(all, value), 0);
    const [plain, delta] = [typeFor(most(stored)), typeFor(most(zigzag))];
    const isDelta = delta !== 'f64' && (this.form === 'delta' || WIDTH[delta] < WIDTH[plain]);
    if (!isDelta && plain === 'f64') return this.raw('f64', values);
    const column = isDelta ? this.raw(delta, zigzag) : this.raw(plain, stored);
    if (base !== 0) column.base = base;
    if (scale !== 1) column.scale = scale;
    if (isDelta) column.delta = true;
    return column;
  }

  lists(lists: number[][]): { ends: Column; items: Column } {
    let end = 0;
    const ends = lists.map((list) => (end += list.length));
    return { ends: this.numbers(ends), items: this.numbers(lists.flat()) };
  }
}

class Strings {
  private readonly numbers = new Map<string, number>([['', 0]]);

  number(text: string): number {
    let number = this.numbers.get(text);
    if (number === undefined) this.numbers.set(text, (number = this.numbers.size));
    return number;
  }

  column(columns: Columns): { bytes: Column; ends: Column } {
    const texts = [...this.numbers.keys()].map((text) => Buffer.from(text, 'utf8'));
    let end = 0;
    const ends = texts.map((text) => (end += text.length));
    return { bytes: columns.raw('u8', Buffer.concat(texts)), ends: columns.numbers(ends) };
  }
}

/** Changes a header before it is written, to spoil it. */
export type Spoil = (header: any) => void;

/** The document of a sample, before compression. */
export function pack(sample: Sample, form: Form = 'smallest', spoil?: Spoil): Buffer {
  return packAll([sample], form, spoil);
}

/** The document of several samples, each of which is a map that has the title of the sample. */
export function packAll(samples: Sample[], form: Form = 'smallest', spoil?: Spoil): Buffer {
  const columns = new Columns(form);
  const strings = new Strings();
  const isOnly = samples.length === 1;
  const maps = samples.map((sample) => mapOf(sample, isOnly ? '' : sample.title, columns, strings));
  const profiles = samples.flatMap(({ calls }, i) =>
    calls === undefined ? [] : [profileOf(calls, i, columns, strings)],
  );
  const header: any = {
    generator: 'a test',
    kind: 'plan',
    title: isOnly ? samples[0]!.title : samples.map(({ title }) => title).join(' and '),
    notes: samples.flatMap(({ notes }) => notes),
    strings: strings.column(columns),
    maps,
    ...(profiles.length === 0 ? {} : { profiles }),
  };
  spoil?.(header);
  return withHeader(JSON.stringify(header), columns.bytes());
}

function mapOf(sample: Sample, title: string, columns: Columns, strings: Strings): unknown {
  const { tensors, operators } = sample;
  const numbers = (of: (tensor: Tensor) => number) => columns.numbers(tensors.map(of));
  const texts = (all: string[]) => columns.numbers(all.map((text) => strings.number(text)));
  const gaps = tensors.map((tensor) => tensor.gaps ?? []);
  let gapEnd = 0;
  const curve = loads(sample);
  const changes = curve.flatMap((bytes, i) => (i === 0 || bytes !== curve[i - 1] ? [i] : []));
  return {
    title,
    peak: peak(sample),
    load: load(sample),
    lower_bound: load(sample),
    is_optimal: peak(sample) === load(sample),
    strategy: sample.strategy,
    alignment: sample.alignment,
    least_alignment: sample.leastAlignment ?? 1,
    ...(sample.capacity === undefined ? {} : { capacity: sample.capacity }),
    first_step: sample.firstStep,
    end_step: sample.endStep,
    operators: operators && {
      name: texts(operators.map((operator) => operator.name)),
      type: texts(operators.map((operator) => operator.type)),
      reads: columns.lists(operators.map((operator) => operator.reads)),
      writes: columns.lists(operators.map((operator) => operator.writes)),
      ...(sample.bodies && {
        bodies: {
          name: texts(sample.bodies.map(([name]) => name)),
          lower: columns.numbers(sample.bodies.map(([, lower]) => lower)),
          upper: columns.numbers(sample.bodies.map(([, , upper]) => upper)),
          repeated: columns.numbers(sample.bodies.map(([, , , is]) => Number(is))),
        },
      }),
    },
    tensors: {
      name: texts(tensors.map((tensor) => tensor.name)),
      lower: numbers((tensor) => tensor.lower),
      upper: numbers((tensor) => tensor.upper),
      offset: numbers((tensor) => tensor.offset),
      size: numbers((tensor) => tensor.size),
      within: numbers((tensor) => (tensor.within === undefined ? 0 : tensor.within + 1)),
      shape: texts(tensors.map((tensor) => tensor.shape ?? '')),
      element: texts(tensors.map((tensor) => tensor.element ?? '')),
      gaps: {
        ends: columns.numbers(gaps.map((list) => (gapEnd += list.length))),
        lower: columns.numbers(gaps.flat().map(([lower]) => lower)),
        upper: columns.numbers(gaps.flat().map(([, upper]) => upper)),
      },
    },
    profile: {
      step: columns.numbers(changes.map((i) => sample.firstStep + i)),
      load: columns.numbers(changes.map((i) => curve[i]!)),
    },
    savings: sample.savings,
    ...(sample.execution && { execution: executionOf(sample.execution, texts) }),
    ...(sample.recorded === undefined ? {} : { recorded: recordedOf(sample.recorded, columns) }),
    ...groupsOf('groups', sample.groups, columns),
    ...groupsOf('streams', sample.streams, columns),
    ...(sample.marks === undefined ? {} : { marks: sample.marks }),
  };
}

function executionOf(of: Execution, texts: (all: string[]) => Column): unknown {
  return {
    order: of.order,
    aliasing: of.aliasing,
    ...(of.fileLoad === undefined ? {} : { file_load: of.fileLoad }),
    ...(of.operators === undefined ? {} : { operators: texts(of.operators) }),
  };
}

function groupsOf(field: string, of: Sample['groups'], columns: Columns): object {
  return of === undefined ? {} : { [field]: { names: of.names, of: columns.numbers(of.of) } };
}

function recordedOf({ reserved, ranges, pageSize, range }: Recorded, columns: Columns): unknown {
  const numbers = range?.map((number) => (number === null ? 0 : number + 1));
  return {
    ...(pageSize === undefined ? {} : { page_size: pageSize }),
    ...(numbers === undefined ? {} : { range: columns.numbers(numbers) }),
    reserved: {
      step: columns.numbers(reserved.map(([step]) => step)),
      bytes: columns.numbers(reserved.map(([, bytes]) => bytes)),
    },
    ranges: {
      lower: columns.numbers(ranges.map(({ lower }) => lower)),
      upper: columns.numbers(ranges.map(({ upper }) => upper)),
      offset: columns.numbers(ranges.map(({ offset }) => offset)),
      size: columns.numbers(ranges.map(({ size }) => size)),
    },
  };
}

function profileOf(calls: Call[], map: number, columns: Columns, strings: Strings): unknown {
  const numbers = (of: (call: Call) => number) => columns.numbers(calls.map(of));
  return {
    map,
    peak_step: 0,
    parent: numbers(({ within }) => (within === null ? 0 : within + 1)),
    name: numbers(({ name }) => strings.number(name)),
    at_peak: numbers(({ atPeak }) => atPeak),
    at_end: numbers(({ atEnd }) => atEnd),
    allocated: numbers(({ allocated }) => allocated),
    allocations: numbers(({ allocations }) => allocations),
  };
}

/** A document of this header and these columns. */
export function withHeader(header: string, columns: Buffer): Buffer {
  const text = Buffer.from(header, 'utf8');
  const padding = (8 - ((12 + text.length) % 8)) % 8;
  const start = Buffer.alloc(12);
  start.write('ORPG', 0, 'latin1');
  start.writeUInt32LE(1, 4);
  start.writeUInt32LE(text.length, 8);
  return Buffer.concat([start, text, Buffer.alloc(padding), columns]);
}

/** The text between the script tags. */
export function encode(document: Buffer): string {
  return gzipSync(document, { level: 9 }).toString('base64');
}

export const PLACEHOLDER = '<!--ORIONRT-DATA-->';

/** The page as the command line makes it, of what `encode` returns. */
export function page(template: string, data: string): string {
  const parts = template.split(PLACEHOLDER);
  if (parts.length !== 2) throw new Error(`${parts.length - 1} placeholders in the template`);
  const script = `<script id="orionrt-data" type="application/octet-stream">${data}</script>`;
  return parts.join(script);
}

export function template(): string {
  return readFileSync(process.env.ORIONRT_TEMPLATE ?? '../cli/assets/viewer.html', 'utf8');
}

// --- Samples ----------------------------------------------------------------------------------

/** Random numbers that are the same on every machine (mulberry32). */
export class Dice {
  constructor(private state: number) {}

  /** From 0 up to 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** An integer below `count`. */
  below(count: number): number {
    return Math.floor(this.next() * count);
  }
}

const plain = (title: string): Sample => ({
  title,
  notes: [],
  strategy: 'greedy by size',
  alignment: 64,
  firstStep: 0,
  endStep: 0,
  operators: null,
  tensors: [],
  savings: [],
});

const KIB = 1024;

/**
 * Seven tensors whose places are known: bytes in KiB to the top, steps to the right.
 *
 *     10 │        ┌──late──┐
 *      7 │     ┌──┴───┬────┴──┐   the view `half` lies in the upper half of `wide`
 *        │     │ wide (half)  │
 *      4 │┌────┴───┬──┴───────┴───┐
 *        ││ first  │              │
 *      2 ││        ├─────last─────┤
 *      0 │└────────┴──────────────┘
 *         0    2   4  5  7    8   10
 */
export function small(): Sample {
  return {
    ...plain('small.onnx'),
    notes: ['1 tensor is left out: its size is unknown'],
    alignment: 1024,
    capacity: 12 * KIB,
    endStep: 10,
    tensors: [
      { name: 'first', lower: 0, upper: 4, offset: 0, size: 4 * KIB, shape: '1x1024' },
      { name: 'wide', lower: 2, upper: 8, offset: 4 * KIB, size: 3 * KIB, element: 'f32' },
      { name: 'last', lower: 4, upper: 10, offset: 0, size: 2 * KIB, shape: '512' },
      { name: 'late', lower: 3, upper: 6, offset: 7 * KIB, size: 3 * KIB, element: 'u8' },
      { name: 'half', lower: 5, upper: 7, offset: 5.5 * KIB, size: 1.5 * KIB, within: 1 },
      // Its bytes are free in between, and `guest` uses some of them.
      {
        name: 'resting',
        lower: 4,
        upper: 10,
        offset: 2 * KIB,
        size: 2 * KIB,
        gaps: [[6, 8]],
      },
      { name: 'guest', lower: 6, upper: 8, offset: 3 * KIB, size: KIB },
    ],
    operators: Array.from({ length: 10 }, (_, i) => ({
      name: `operator_${i}`,
      type: ['Conv', 'Relu', 'MatMul'][i % 3]!,
      reads: { 3: [0], 5: [3], 6: [4], 7: [1, 6], 9: [2, 5] }[i] ?? [],
      writes: { 0: [0], 2: [1], 3: [3], 4: [2, 5], 5: [4], 6: [6] }[i] ?? [],
    })),
    savings: [
      { kind: 'in-place', load: 8 * KIB, saves: 2 * KIB, text: 'Write late over first' },
      { kind: 'order', load: 9 * KIB, saves: KIB, text: 'Run operator_4 before operator_3' },
    ],
  };
}

/** Places tensors one after the other, largest first, each at the lowest offset that is free. */
function place(tensors: Tensor[], alignment: number): void {
  const placed: Tensor[] = [];
  const roots = tensors.filter((tensor) => tensor.within === undefined);
  for (const tensor of roots.sort((a, b) => b.size - a.size || a.lower - b.lower)) {
    const others = placed
      .filter((other) => other.lower < tensor.upper && tensor.lower < other.upper)
      .sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const other of others) {
      if (other.offset - offset >= tensor.size) break;
      const end = other.offset + other.size;
      offset = Math.max(offset, Math.ceil(end / alignment) * alignment);
    }
    tensor.offset = offset;
    placed.push(tensor);
  }
}

/**
 * A network of residual blocks: convolutions, normalisations over their operand in place, reshapes
 * as views, and additions that keep a tensor alive over a block. Some tensors have gaps.
 */
export function network(blocks = 60): Sample {
  const dice = new Dice(7);
  const tensors: Tensor[] = [];
  const operators: Operator[] = [];
  const add = (type: string, name: string, reads: number[], size: number, within?: number) => {
    const step = operators.length;
    const index = tensors.length;
    const element = 'f32';
    const shape = `1x${size / 256}x8x8`;
    const tensor = { name: `${name}/output`, lower: step, upper: step + 1, offset: 0, size };
    tensors.push({ ...tensor, shape, element, ...(within === undefined ? {} : { within }) });
    for (const read of reads) {
      for (let of: number | undefined = read; of !== undefined; of = tensors[of]!.within) {
        tensors[of]!.upper = step + 1;
      }
    }
    // A root lives as long as what lies within it.
    for (let of = within; of !== undefined; of = tensors[of]!.within) tensors[of]!.upper = step + 1;
    operators.push({ name, type, reads, writes: [index] });
    return index;
  };
  let last = add('Conv', 'stem/conv', [], 256 * 512);
  for (let block = 0; block < blocks; block++) {
    const size = 256 * (16 + 8 * dice.below(64));
    const conv = add('Conv', `block_${block}/conv_a`, [last], size);
    const norm = add('BatchNormalization', `block_${block}/norm`, [conv], size, conv);
    const view = add('Reshape', `block_${block}/reshape`, [norm], size / 2, norm);
    const other = add('Conv', `block_${block}/conv_b`, [view], 256 * (8 + dice.below(32)));
    last = add('Add', `block_${block}/add`, [last, other], 256 * (32 + dice.below(128)));
  }
  add('Softmax', 'head/softmax', [last], 4096);
  place(tensors, 64);
  for (const tensor of tensors) {
    const { within } = tensor;
    if (within !== undefined) tensor.offset = tensors[within]!.offset;
  }
  // A view of the upper half of its root, where it is a half.
  for (const tensor of tensors) {
    const root = tensor.within === undefined ? undefined : tensors[tensor.within]!;
    if (root && root.size === 2 * tensor.size) tensor.offset = root.offset + tensor.size;
  }
  const within = new Set(tensors.map((tensor) => tensor.within));
  tensors.forEach((tensor, i) => {
    const length = tensor.upper - tensor.lower;
    if (tensor.within !== undefined || within.has(i) || length < 5) return;
    tensor.gaps = [[tensor.lower + 2, tensor.upper - 1]];
  });
  const sample = { ...plain('network.onnx'), endStep: operators.length, operators, tensors };
  const saves = 4096;
  return {
    ...sample,
    notes: ['2 operators are left out: NonZero has a size that depends on data'],
    savings: [{ kind: 'views', load: load(sample) - saves, saves, text: 'Views need no copy' }],
  };
}

/**
 * Boxes of all sizes: the rectangle of all steps and bytes, cut at random until there are `count`
 * pieces. A few of them are left a little shorter, so that there is padding between them.
 */
export function random(count: number, seed = 1): Sample {
  const dice = new Dice(seed);
  const steps = Math.max(16, Math.round(Math.sqrt(count) * 16));
  const blocks = Math.max(16, Math.round(Math.sqrt(count) * 64));
  const tensors: Tensor[] = [];
  const stack = [{ lower: 0, upper: steps, from: 0, to: blocks, count }];
  while (stack.length > 0) {
    const box = stack.pop()!;
    const [width, height] = [box.upper - box.lower, box.to - box.from];
    if (box.count === 1 || (width < 2 && height < 2)) {
      const size = (box.to - box.from) * 64 - (dice.below(4) === 0 ? 32 : 0);
      const name = `tensor_${tensors.length}`;
      tensors.push({ name, lower: box.lower, upper: box.upper, offset: box.from * 64, size });
      continue;
    }
    const share = 0.2 + 0.6 * dice.next();
    const some = Math.min(box.count - 1, Math.max(1, Math.round(box.count * share)));
    const inSteps = height < 2 || (width >= 2 && dice.next() * (width * 4 + height) < width * 4);
    const middle = Math.min(
      (inSteps ? width : height) - 1,
      Math.max(1, Math.round((inSteps ? width : height) * share)),
    );
    if (inSteps) {
      stack.push({ ...box, lower: box.lower + middle, count: box.count - some });
      stack.push({ ...box, upper: box.lower + middle, count: some });
    } else {
      stack.push({ ...box, from: box.from + middle, count: box.count - some });
      stack.push({ ...box, to: box.from + middle, count: some });
    }
  }
  const types = ['Conv', 'MatMul', 'Add', 'Gelu'];
  const operators = Array.from({ length: steps }, (_, i): Operator => {
    return { name: `node_${i}`, type: types[i % 4]!, reads: [], writes: [] };
  });
  tensors.forEach((tensor, i) => {
    operators[tensor.lower]!.writes.push(i);
    operators[tensor.upper - 1]!.reads.push(i);
  });
  return { ...plain(`random-${count}`), endStep: steps, operators, tensors };
}

/** Names that do harm where they are taken for anything but text. Each sets `window.hacked`. */
export const HOSTILE_NAMES = [
  `"quotes" and 'quotes'`,
  `<img src=x onerror="window.hacked=1">`,
  `</script><script>window.hacked=1</script>`,
  `<!--<script>window.hacked=1`,
  `" onmouseover="window.hacked=1" x="`,
  `javascript:window.hacked=1`,
  "${window.hacked=1}`",
  `&lt;b&gt;&amp;`,
  '\u202Eright to left\u202C שלום',
  'bell\u0007 escape\u001b[31m null\u0000 line\nbreak\ttab \u2028 \uFEFF',
  '__proto__',
  'constructor',
  '😀 e\u0301 \u{1F468}\u200D\u{1F469}\u200D\u{1F467}',
  'long '.padEnd(10_000, 'x'),
];

export function hostile(): Sample {
  const size = 64 * KIB;
  const tensors = HOSTILE_NAMES.map((name, i): Tensor => {
    return { name, lower: i, upper: i + 2, offset: (i % 2) * size, size, shape: name };
  });
  return {
    ...plain(HOSTILE_NAMES[2]!),
    notes: HOSTILE_NAMES.slice(0, 10),
    strategy: HOSTILE_NAMES[1]!,
    endStep: HOSTILE_NAMES.length + 1,
    tensors,
    operators: Array.from({ length: HOSTILE_NAMES.length + 1 }, (_, i) => {
      const name = HOSTILE_NAMES[i % HOSTILE_NAMES.length]!;
      const writes = i < tensors.length ? [i] : [];
      return { name, type: name, reads: i > 0 ? [i - 1] : [], writes };
    }),
    savings: [{ kind: 'order', load: size, saves: size, text: HOSTILE_NAMES[1]! }],
  };
}

/** The small sample at other steps, which may be negative. */
export function shifted(by: number): Sample {
  const sample = small();
  const moved = sample.tensors.map((tensor): Tensor => ({
    ...tensor,
    lower: tensor.lower + by,
    upper: tensor.upper + by,
    gaps: (tensor.gaps ?? []).map(([lower, upper]) => [lower + by, upper + by]),
  }));
  const [firstStep, endStep] = [sample.firstStep + by, sample.endStep + by];
  return { ...sample, title: `steps from ${by}`, firstStep, endStep, tensors: moved };
}

/**
 * The small sample, and another plan of nearly the same tensors: four lie elsewhere, `first` dies a
 * step earlier, `guest` is larger, `half` and `resting` are gone, and `extra` is new.
 *
 *      8 │     ┌──wide──────┐
 *      5 │┌────┴┬────┬──last┴─────┐   `first` in 0..4 KiB at steps 0 to 2, then `late`, `guest`
 *      3 ││first├late┼─guest┬extra┤   and `extra` above 0
 *      0 │└─────┴────┴──────┴─────┘
 *         0     3    6      8    10
 */
export function pair(): [Sample, Sample] {
  const before: Sample = { ...small(), title: 'before', notes: [] };
  const after: Sample = { ...small(), title: 'after', notes: [], strategy: 'search', savings: [] };
  delete before.capacity;
  delete after.capacity;
  after.tensors = [
    { name: 'last', lower: 4, upper: 10, offset: 3 * KIB, size: 2 * KIB, shape: '512' },
    { name: 'first', lower: 0, upper: 3, offset: 0, size: 4 * KIB, shape: '1x1024' },
    { name: 'wide', lower: 2, upper: 8, offset: 5 * KIB, size: 3 * KIB, element: 'f32' },
    { name: 'late', lower: 3, upper: 6, offset: 0, size: 3 * KIB, element: 'u8' },
    { name: 'guest', lower: 6, upper: 8, offset: 0, size: 2 * KIB },
    { name: 'extra', lower: 8, upper: 10, offset: 0, size: KIB },
  ];
  const uses = (list: number[], step: number) => {
    const names = list.map((i) => before.tensors[i]!.name);
    const numbers = names.map((name) => after.tensors.findIndex((tensor) => tensor.name === name));
    return numbers.filter((i) => i >= 0 && step < after.tensors[i]!.upper);
  };
  after.operators = before.operators!.map(({ name, type, reads, writes }, step) => {
    return { name, type, reads: uses(reads, step), writes: uses(writes, step) };
  });
  return [before, after];
}

/**
 * A recording and a plan of it: 16 KiB are reserved from step 2 on and 8 KiB before, of which 4 to
 * 8 KiB are live. A request at step 7 is refused.
 */
export function recording(): [Sample, Sample] {
  const tensors: Tensor[] = [
    { name: 'old', lower: 0, upper: 4, offset: 0, size: 4 * KIB },
    { name: 'new', lower: 2, upper: 8, offset: 8 * KIB, size: 4 * KIB },
    { name: 'last', lower: 5, upper: 10, offset: 12 * KIB, size: 4 * KIB },
  ];
  const marks = [{ step: 7, text: 'out of memory: asked for 8.00 KiB' }];
  const ranges = [
    { lower: 0, upper: 10, offset: 0, size: 8 * KIB },
    { lower: 2, upper: 10, offset: 8 * KIB, size: 8 * KIB },
  ];
  const recorded: Recorded = { reserved: [[0, 8 * KIB], [2, 16 * KIB]], ranges };
  const common = { ...plain('as allocated'), endStep: 10, marks };
  const offsets = [0, 4 * KIB, 0];
  const planned = tensors.map((tensor, i) => ({ ...tensor, offset: offsets[i]! }));
  return [
    { ...common, tensors, recorded },
    { ...common, title: 'as planned', tensors: planned },
  ];
}

/** The same recording as one of a heap, whose blocks lie in memory pages of 8 KiB. */
export function heap(): [Sample, Sample] {
  const [allocated, planned] = recording();
  const ranges = [
    { lower: 0, upper: 4, offset: 0, size: 8 * KIB },
    { lower: 2, upper: 10, offset: 8 * KIB, size: 8 * KIB },
  ];
  const reserved: [number, number][] = [[0, 8 * KIB], [2, 16 * KIB], [4, 8 * KIB]];
  const recorded: Recorded = { pageSize: 8 * KIB, reserved, ranges };
  return [{ ...allocated, marks: [], recorded }, { ...planned, marks: [] }];
}

/** The same recording, of two segments, with blocks of two streams. */
export function streams(): [Sample, Sample] {
  const [allocated, planned] = recording();
  const streams = { names: ['stream 0', 'stream 0x7f00'], of: [0, 1, 1] };
  const recorded: Recorded = { ...allocated.recorded!, range: [0, 1, null] };
  return [{ ...allocated, recorded, streams }, { ...planned, streams }];
}

/**
 * Tensors at multiples of 1 KiB: 768 bytes above `low` and 512 above `next` belong to none. At the
 * top nothing is lost.
 *
 *   2.3 │     ┌──top──────┐
 *     2 │     ├──full─────┤
 *     1 │┈┈┈┈┈┴┈┈┐┈┈┈┈┈┈┈┈│
 *       │┌──low──┤──next──┤
 *     0 │└───────┴────────┘
 *        0    2  4        6
 */
export function padded(): Sample {
  return {
    ...plain('padded.csv'),
    alignment: KIB,
    leastAlignment: KIB,
    endStep: 6,
    tensors: [
      { name: 'low', lower: 0, upper: 4, offset: 0, size: 256 },
      { name: 'full', lower: 2, upper: 6, offset: KIB, size: KIB },
      { name: 'next', lower: 4, upper: 6, offset: 0, size: 512 },
      { name: 'top', lower: 2, upper: 6, offset: 2 * KIB, size: 300 },
    ],
  };
}

/** Two models in one arena, one after the other, beside a region for each of them. */
export function arena(): [Sample, Sample] {
  const tensors: Tensor[] = [
    { name: 'ears/in', lower: 0, upper: 3, offset: 0, size: 4 * KIB },
    { name: 'ears/out', lower: 2, upper: 5, offset: 4 * KIB, size: 2 * KIB },
    { name: 'eyes/in', lower: 5, upper: 8, offset: 6 * KIB, size: 4 * KIB },
    { name: 'eyes/out', lower: 7, upper: 10, offset: 10 * KIB, size: 2 * KIB },
  ];
  const common = { ...plain('apart'), endStep: 10 };
  const groups = { names: ['ears', 'eyes'], of: [0, 0, 1, 1] };
  const shared = tensors.map((tensor) => ({ ...tensor, offset: tensor.offset % (6 * KIB) }));
  return [
    { ...common, tensors, groups },
    { ...common, title: 'shared', tensors: shared, groups },
  ];
}

/** The small sample with a loop at steps 1 to 7, in which there are two branches. */
export function looped(): Sample {
  return {
    ...small(),
    bodies: [
      ['loop', 1, 8, true],
      ['loop/body/if/then_branch', 2, 4, false],
      ['loop/body/if/else_branch', 4, 7, false],
    ],
  };
}

/** A sample of nothing: no tensors, no steps. */
export function empty(): Sample {
  return plain('empty.csv');
}

/** What a broken document is called, its bytes, and a word of the place that its error names. */
export interface Broken {
  name: string;
  document: Buffer;
  place: RegExp;
}

export function broken(): Broken[] {
  const sample = small();
  const good = pack(sample);
  const spoilt = (name: string, place: RegExp, spoil: Spoil): Broken => ({
    name,
    document: pack(sample, 'smallest', spoil),
    place,
  });
  const changed = (name: string, place: RegExp, change: (tensors: Tensor[]) => void): Broken => {
    const other = small();
    change(other.tensors);
    return { name, document: pack(other), place };
  };
  const bytes = (name: string, place: RegExp, change: (document: Buffer) => Buffer): Broken => ({
    name,
    document: change(Buffer.from(good)),
    place,
  });
  const put = (text: string) => (document: Buffer) => {
    document.write(text, 0, 'latin1');
    return document;
  };
  const number = (value: number, at: number) => (document: Buffer) => {
    document.writeUInt32LE(value, at);
    return document;
  };
  const recorded = (name: string, place: RegExp, change: (recorded: Recorded) => void): Broken => {
    const [other] = recording();
    change(other.recorded!);
    return { name, document: pack(other), place };
  };
  return [
    recorded('bytes reserved before the first step', /recorded.*reserved/, ({ reserved }) => {
      reserved[0]![0] = -1;
    }),
    recorded('a range that ends before it begins', /recorded.*ranges/, ({ ranges }) => {
      ranges[1]!.upper = 1;
    }),
    {
      name: 'a block in no range',
      document: packAll(streams(), 'smallest', (header) => {
        header.maps[0].recorded.range.base = 7;
      }),
      place: /recorded.range/,
    },
    {
      name: 'a tensor of no stream',
      document: packAll(streams(), 'smallest', (header) => {
        header.maps[1].streams.names = ['stream 0'];
      }),
      place: /streams/,
    },
    {
      name: 'a tensor of no group',
      document: packAll(arena(), 'smallest', (header) => {
        header.maps[1].groups.names = ['ears'];
      }),
      place: /groups/,
    },
    spoilt('an execution without an order', /execution/, (header) => {
      header.maps[0].execution = { aliasing: 'off' };
    }),
    {
      name: 'operators of an execution that are no strings',
      document: pack(
        { ...sample, operators: null, execution: { order: 'file', aliasing: 'off', operators: ['a'] } },
        'smallest',
        (header) => {
          header.maps[0].execution.operators.base = 1000;
        },
      ),
      place: /execution.operators/,
    },
    spoilt('a mark without words', /marks/, (header) => {
      header.maps[0].marks = [{ step: 1 }];
    }),
    bytes('nothing', /begin|empty|short|truncated|end/i, () => Buffer.alloc(0)),
    bytes('wrong magic', /magic|ORPG/i, put('ELF?')),
    bytes('a later version', /version/i, number(2, 4)),
    bytes('a header beyond the end', /header/i, number(0xffffffff, 8)),
    bytes('a header that is not JSON', /header/i, (document) => document.fill('{', 12, 20)),
    bytes('truncated columns', /column|end|beyond/i, (document) => document.subarray(0, -64)),
    spoilt('a column beyond the end', /tensors.*size/i, (header) => {
      header.maps[0].tensors.size.at = 1 << 30;
    }),
    spoilt('a column at a negative place', /tensors.*size/i, (header) => {
      header.maps[0].tensors.size.at = -8;
    }),
    spoilt('a column that is not aligned', /tensors.*size/i, (header) => {
      header.maps[0].tensors.size.at += 1;
    }),
    spoilt('a column of no known type', /tensors.*lower/i, (header) => {
      header.maps[0].tensors.lower.type = 'i7';
    }),
    spoilt('a column too long', /tensors.*upper/i, (header) => {
      header.maps[0].tensors.upper.count += 1;
    }),
    spoilt('no column of offsets', /tensors.*offset/i, (header) => {
      delete header.maps[0].tensors.offset;
    }),
    spoilt('a count that is not whole', /tensors.*offset/i, (header) => {
      header.maps[0].tensors.offset.count = 1.5;
    }),
    spoilt('sizes of 2^53 and beyond', /tensors.*size/i, (header) => {
      header.maps[0].tensors.size.base = 2 ** 53;
    }),
    spoilt('sizes that are not numbers', /tensors.*size/i, (header) => {
      header.maps[0].tensors.size.scale = 'x';
    }),
    spoilt('names that are no strings', /tensors.*name/i, (header) => {
      header.maps[0].tensors.name.base = 1000;
    }),
    spoilt('no maps', /maps/i, (header) => {
      header.maps = [];
    }),
    spoilt('a profile outside of the steps', /profile/i, (header) => {
      header.maps[0].profile.step.base = 99;
    }),
    spoilt('a reader that is no tensor', /reads/i, (header) => {
      header.maps[0].operators.reads.items.base = 7;
    }),
    changed('a tensor within itself', /within/i, (tensors) => {
      tensors[4]!.within = 4;
    }),
    changed('tensors within each other', /within/i, (tensors) => {
      tensors[1]!.within = 4;
    }),
    changed('a tensor within none', /within/i, (tensors) => {
      tensors[4]!.within = 99;
    }),
  ];
}
