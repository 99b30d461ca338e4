// Samples of any size, the same on every machine. Stand on `model.ts` and `known.ts`.

import { plain } from './known.ts';
import { load, type Operator, type Sample, type Tensor } from './model.ts';

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

/** Places tensors one after the other, largest first, each at the lowest offset that is free. */
export function place(tensors: Tensor[], alignment: number): void {
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

/** Boxes of all sizes, some of which are needed in part: at some steps, a range or two of them. */
export function withWindows(count: number, seed = 1): Sample {
  const dice = new Dice(seed);
  const sample = random(count, seed);
  for (const tensor of sample.tensors) {
    const { lower, upper, size } = tensor;
    if (upper - lower < 3 || size < 8 || dice.below(2) === 0) continue;
    const from = lower + 1 + dice.below(upper - lower - 2);
    const to = from + 1 + dice.below(upper - from);
    const cuts = [0, 1, 2, 3].map((i) => Math.floor((size * (i + 0.9 * dice.next())) / 4));
    const ranges = dice.below(2) === 0 ? [cuts.slice(1, 3)] : [cuts.slice(0, 2), cuts.slice(2)];
    tensor.windows = [[lower, from, 0, size]];
    for (const [first, end] of ranges) tensor.windows.push([from, to, first!, end!]);
    if (to < upper && dice.below(2) === 0) tensor.windows.push([to, upper, 0, size]);
    else if (to < upper) tensor.gaps = [[to, upper]];
  }
  return { ...sample, title: `windows-${count}` };
}
