// What does harm where it is trusted: names, and documents that break the format. Stands on the
// other files.

import { pack, packAll, type Spoil } from './document.ts';
import { arena, plain, recording, small, streams } from './known.ts';
import { KIB, type Recorded, type Sample, type Tensor } from './model.ts';

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
        {
          ...sample,
          operators: null,
          execution: { order: 'file', aliasing: 'off', operators: ['a'] },
        },
        'smallest',
        (header) => {
          header.maps[0].execution.operators.base = 1000;
        },
      ),
      place: /execution.operators/,
    },
    spoilt('a mark of a pool that is none', /marks\[0\].pool/, (header) => {
      header.maps[0].marks = [{ step: 1, text: 'refused', pool: 0 }];
    }),
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
