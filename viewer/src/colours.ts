// Colours, light and dark, and which one a tensor has. Stands on `data.ts`, `map.ts`, `pairs.ts`
// and `format.ts`.
//
// Maps of one page are coloured together, so that a colour means the same in each of them.
// Fills are calm enough that the theme's text can be read on each of them. What carries a meaning
// in every colouring (peak, bound, cursor, choice) has a colour that no fill has.

import type { Groups } from './data';
import { bytes, plural } from './format';
import type { MemoryMap } from './map';
import type { Pairs } from './pairs';
import type { Theme } from './theme';

export type Colouring = 'group' | 'stream' | 'type' | 'size' | 'age' | 'peak';
export const COLOURINGS: readonly Colouring[] = [
  'group',
  'stream',
  'type',
  'size',
  'age',
  'peak',
];

export interface Entry {
  readonly colour: string;
  readonly text: string;
  /** The group that the entry is of, which can be muted. */
  readonly group?: string;
}

/** A colour for each tensor of each map, as a pixel, and what the colours mean. */
export interface Colours {
  readonly pixels: readonly Uint32Array[];
  readonly legend: readonly Entry[];
}

/** The colours of the streams of all maps, which are the same in each colouring. */
export function streamColours(maps: readonly MemoryMap[], theme: Theme): Map<string, string> {
  return fillsOf(maps.map(({ data }) => data.streams), theme);
}

export function coloursOf(
  pairs: Pairs,
  colouring: Colouring,
  theme: Theme,
  muted: ReadonlySet<string> = new Set(),
): Colours {
  const { maps } = pairs;
  switch (colouring) {
    case 'group':
      return byGroup(maps.map(({ data }) => data.groups), maps, theme, muted);
    case 'stream':
      return byGroup(maps.map(({ data }) => data.streams), maps, theme, muted);
    case 'type':
      return byType(pairs, theme);
    case 'size': {
      const sizes = maps.map((map) => map.tensors.size);
      return byRamp(maps, theme, sizes, bytes);
    }
    case 'age': {
      const ages = maps.map(({ tensors: { lower, upper } }) =>
        Float64Array.from(lower, (step, i) => upper[i] - step),
      );
      return byRamp(maps, theme, ages, (age) => plural(age, 'step'));
    }
    case 'peak':
      return atPeak(maps, theme);
  }
}

/**
 * A fill for each type of a tensor at a peak, then for those that hold the most bytes over time, as
 * far as there are fills; the other types have one together.
 */
function byType(pairs: Pairs, theme: Theme): Colours {
  const { maps } = pairs;
  const { types, names } = typesOf(maps);
  const of = (which: number, tensor: number): number => {
    const writer = maps[which].writerOf(tensor);
    return writer === null ? 0 : types[which][writer];
  };
  // A map without operators has the types of another one, where a root may lie within others.
  const known = maps.findIndex((map) => map.operators !== null);
  const typeOf = (which: number, root: number): number => {
    if (known < 0 || maps[which].operators !== null) return of(which, root);
    const other = pairs.other(which, root, known);
    return other === null ? 0 : of(known, other);
  };
  const weights = names.map(() => 0);
  const peaks = names.map(() => 0);
  const kinds = maps.map((map, which) => {
    const { count, lower, upper, size, root } = map.tensors;
    const type = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      type[i] = typeOf(which, root[i]);
      if (root[i] !== i) continue;
      weights[type[i]] += size[i] * (upper[i] - lower[i]);
      peaks[type[i]] += map.bytesAt(i, map.peakStep);
    }
    return type;
  });
  const byWeight = (a: number, b: number) => weights[b] - weights[a] || a - b;
  const order = names.map((_, i) => i).filter((i) => weights[i] > 0).sort(byWeight);
  const own = order.length > theme.kinds.length ? theme.kinds.length - 1 : order.length;
  if (own < order.length) {
    order.sort((a, b) => peaks[b] - peaks[a] || byWeight(a, b));
    order.unshift(...order.splice(0, own).sort(byWeight));
  }
  const fill = new Uint32Array(names.length).fill(pixel(theme.kinds[theme.kinds.length - 1]));
  const legend: Entry[] = [];
  order.forEach((number, place) => {
    const colour = theme.kinds[Math.min(place, theme.kinds.length - 1)];
    fill[number] = pixel(colour);
    if (place < own) legend.push({ colour, text: names[number] || 'inputs' });
  });
  if (own < order.length) {
    const text = `${order.length - own} other types`;
    legend.push({ colour: theme.kinds[theme.kinds.length - 1], text });
  }
  return { pixels: kinds.map((type) => type.map((number) => fill[number])), legend };
}

/** A fill for each name of some groups; those beyond the fills have the last one together. */
function fillsOf(groups: readonly (Groups | null)[], theme: Theme): Map<string, string> {
  const names = [...new Set(groups.flatMap((of) => of?.names ?? []))];
  const last = theme.kinds.length - 1;
  return new Map(names.map((name, i) => [name, theme.kinds[Math.min(i, last)]]));
}

/** A fill for each group of tensors. */
function byGroup(
  groups: readonly (Groups | null)[],
  maps: readonly MemoryMap[],
  theme: Theme,
  muted: ReadonlySet<string>,
): Colours {
  const all = fillsOf(groups, theme);
  const last = theme.kinds.length - 1;
  const pixels = groups.map((group, which) => {
    // A map without groups beside one that has some.
    if (group === null) {
      return new Uint32Array(maps[which].tensors.count).fill(pixel(theme.kinds[last]));
    }
    const fills = group.names.map((name) => pixel(muted.has(name) ? theme.muted : all.get(name)!));
    return Uint32Array.from(group.of, (of) => fills[of]);
  });
  const legend = [...all].map(([name, colour]) => ({ colour, text: name, group: name }));
  return { pixels, legend };
}

/** The types of the operators of each map, numbered: 0 is that of no operator. */
function typesOf(maps: readonly MemoryMap[]): { types: Uint32Array[]; names: string[] } {
  const names = [''];
  const numbers = new Map([['', 0]]);
  const numbered = (name: string): number => {
    let number = numbers.get(name);
    if (number === undefined) {
      number = names.length;
      numbers.set(name, number);
      names.push(name);
    }
    return number;
  };
  const types = maps.map((map) => {
    const count = map.operators?.count ?? 0;
    return Uint32Array.from({ length: count }, (_, i) => numbered(map.operatorType(i)));
  });
  return { types, names };
}

/** From little to much on a logarithmic scale. */
function byRamp(
  maps: readonly MemoryMap[],
  theme: Theme,
  values: readonly Float64Array[],
  text: (value: number) => string,
): Colours {
  let least = Infinity;
  let most = 0;
  maps.forEach((map, which) => {
    for (let i = 0; i < values[which].length; i++) {
      if (!map.occupies(i)) continue;
      least = Math.min(least, values[which][i]);
      most = Math.max(most, values[which][i]);
    }
  });
  if (most === 0) return { pixels: values.map((all) => new Uint32Array(all.length)), legend: [] };
  const SHADES = 32;
  const shades = Array.from({ length: SHADES }, (_, i) => {
    return mixed(theme.ramp[0], theme.ramp[1], i / (SHADES - 1));
  });
  const fills = Uint32Array.from(shades, pixel);
  const span = Math.log2(most / least) || 1;
  const part = (value: number): number =>
    most === least ? 1 : Math.min(Math.log2(Math.max(value, least) / least) / span, 1);
  const pixels = values.map((all) =>
    Uint32Array.from(all, (value) => fills[Math.round(part(value) * (SHADES - 1))]),
  );
  const legend = marksOf(maps, values, least, most).map((value) => ({
    colour: shades[Math.round(part(value) * (SHADES - 1))],
    text: text(value),
  }));
  return { pixels, legend };
}

/** The least and the most of some values, and those closest to what divides the scale in three. */
function marksOf(
  maps: readonly MemoryMap[],
  values: readonly Float64Array[],
  least: number,
  most: number,
): number[] {
  const [lowest, span] = [Math.log2(least), Math.log2(most / least)];
  const marks = [0, 1 / 3, 2 / 3, 1].map((part) => lowest + part * span);
  const closest = marks.map(() => least);
  const distance = marks.map(() => Infinity);
  maps.forEach((map, which) => {
    values[which].forEach((value, i) => {
      if (!map.occupies(i)) return;
      const place = Math.log2(value);
      marks.forEach((mark, m) => {
        if (Math.abs(place - mark) >= distance[m]) return;
        distance[m] = Math.abs(place - mark);
        closest[m] = value;
      });
    });
  });
  return [...new Set(closest)];
}

function atPeak(maps: readonly MemoryMap[], theme: Theme): Colours {
  const strong = pixel(theme.strong);
  const muted = pixel(theme.muted);
  const pixels = maps.map((map) =>
    map.tensors.root.map((root) => (map.isAlive(root, map.peakStep) ? strong : muted)),
  );
  const legend = [
    { colour: theme.strong, text: 'alive at the fullest step' },
    { colour: theme.muted, text: 'not alive there' },
  ];
  return { pixels, legend };
}

const channels = (colour: string): number[] =>
  [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));

/** `#rrggbb` as the bytes red, green, blue and opaque of a pixel. */
export function pixel(colour: string): number {
  const [red, green, blue] = channels(colour);
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** A pixel as `#rrggbb`. */
export const colourOf = (value: number): string =>
  `#${[value, value >>> 8, value >>> 16]
    .map((channel) => (channel & 255).toString(16).padStart(2, '0'))
    .join('')}`;

function mixed(from: string, to: string, part: number): string {
  const ends = channels(to);
  return `#${channels(from)
    .map((channel, i) => Math.round(channel + (ends[i] - channel) * part))
    .map((channel) => channel.toString(16).padStart(2, '0'))
    .join('')}`;
}
