// Writes samples as documents and pages, as the command line does. Shares no code with the reader
// in `src/`. Stands on `model.ts`.

import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import {
  type Call,
  type Execution,
  load,
  loads,
  peak,
  type Recorded,
  type Sample,
  type Tensor,
} from './model.ts';

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
  const maps: any[] = samples.map((sample) =>
    mapOf(sample, isOnly ? '' : sample.title, columns, strings),
  );
  let profile = 0;
  samples.forEach(({ calls, callOf }, i) => {
    if (callOf !== undefined) maps[i].calls = { profile, of: columns.numbers(callOf) };
    profile += Number(calls !== undefined);
  });
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
  const windows = tensors.map((tensor) => tensor.windows ?? []);
  let [gapEnd, windowEnd] = [0, 0];
  const curve = loads(sample);
  const changes = curve.flatMap((bytes, i) => (i === 0 || bytes !== curve[i - 1] ? [i] : []));
  return {
    title,
    ...(sample.memory === undefined ? {} : { memory: sample.memory }),
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
      ...(windows.every((list) => list.length === 0)
        ? {}
        : {
            windows: {
              ends: columns.numbers(windows.map((list) => (windowEnd += list.length))),
              lower: columns.numbers(windows.flat().map(([lower]) => lower)),
              upper: columns.numbers(windows.flat().map(([, upper]) => upper)),
              first: columns.numbers(windows.flat().map(([, , first]) => first)),
              end: columns.numbers(windows.flat().map(([, , , end]) => end)),
            },
          }),
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
    ...(of.weights === undefined ? {} : { weights: of.weights }),
    ...(of.computed && {
      computed_constants: of.computed.count,
      computed_constants_bytes: of.computed.bytes,
    }),
    ...(of.operators === undefined ? {} : { operators: texts(of.operators) }),
  };
}

function groupsOf(field: string, of: Sample['groups'], columns: Columns): object {
  return of === undefined ? {} : { [field]: { names: of.names, of: columns.numbers(of.of) } };
}

function recordedOf(of: Recorded, columns: Columns): unknown {
  const { reserved, ranges, pageSize, range, pools } = of;
  const numbers = range?.map((number) => (number === null ? 0 : number + 1));
  return {
    ...(pageSize === undefined ? {} : { page_size: pageSize }),
    ...(numbers === undefined ? {} : { range: columns.numbers(numbers) }),
    ...groupsOf('pools', pools, columns),
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
