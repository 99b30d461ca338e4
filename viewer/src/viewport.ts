// What of a map is visible: a window of steps × bytes on a rectangle of the canvas, how it moves,
// and where its ticks are. Stands on `boxes.ts`.
//
// The window is never empty, never larger than the whole and never outside of it. All maps of a
// page share one, so that they show the same steps, and those of one memory the same bytes. A map of
// another memory shows the same part of its own bytes: a small device would not be seen beside a
// large one. Positions on a canvas are in CSS pixels from its upper left corner, and bytes grow
// upwards.

import type { Window } from './boxes';

/** A rectangle of the canvas. */
export interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The fewest steps and bytes that a window shows. */
const LEAST_STEPS = 2;
const LEAST_BYTES = 16;

/** The window that all maps of a page show, and the whole that it is a part of. */
export class SharedWindow {
  window: Window;

  constructor(readonly whole: Window) {
    this.window = whole;
  }
}

/** The window on the canvas of one map. */
export class Viewport {
  area: Area = { left: 0, top: 0, width: 1, height: 1 };
  /** How many bytes of this map stand for one of the shared window. */
  readonly #scale: number;
  readonly whole: Window;
  /** The shared window that was asked for last, and that in bytes of this map: one object for it. */
  #last: readonly [shared: Window, own: Window];

  /** `top`: where the bytes of the map end. */
  constructor(
    readonly shown: SharedWindow,
    top: number = shown.whole.top,
  ) {
    this.#scale = top / shown.whole.top;
    this.whole = this.#own(shown.whole);
    this.#last = [shown.whole, this.whole];
  }

  /** What is visible; the same object until that changes. */
  get window(): Window {
    const { window } = this.shown;
    if (this.#last[0] !== window) this.#last = [window, this.#own(window)];
    return this.#last[1];
  }

  /** A shared window in bytes of this map. */
  #own({ lower, upper, bottom, top }: Window): Window {
    return { lower, upper, bottom: bottom * this.#scale, top: top * this.#scale };
  }

  x(step: number): number {
    const { lower, upper } = this.window;
    return this.area.left + ((step - lower) / (upper - lower)) * this.area.width;
  }

  y(byte: number): number {
    const { bottom, top } = this.window;
    return this.area.top + ((top - byte) / (top - bottom)) * this.area.height;
  }

  /** The position in steps at `x`; a whole step is its `Math.floor`. */
  step(x: number): number {
    const { lower, upper } = this.window;
    return lower + ((x - this.area.left) / this.area.width) * (upper - lower);
  }

  byte(y: number): number {
    const { bottom, top } = this.window;
    return top - ((y - this.area.top) / this.area.height) * (top - bottom);
  }

  get isWhole(): boolean {
    const { lower, upper, bottom, top } = this.shown.window;
    const { whole } = this.shown;
    return (
      lower === whole.lower && upper === whole.upper && bottom === whole.bottom && top === whole.top
    );
  }

  fit(): void {
    this.shown.window = this.shown.whole;
  }

  /** Shows a window, or the nearest one that is allowed. */
  show(window: Window): void {
    const { whole } = this;
    const [lower, upper] = within(
      [window.lower, window.upper],
      [whole.lower, whole.upper],
      LEAST_STEPS,
    );
    const [bottom, top] = within(
      [window.bottom, window.top],
      [whole.bottom, whole.top],
      LEAST_BYTES,
    );
    const isAll = bottom === whole.bottom && top === whole.top;
    // All bytes are exactly those of the whole, whatever the scale.
    const bytes = isAll ? this.shown.whole : { bottom: bottom / this.#scale, top: top / this.#scale };
    this.shown.window = { lower, upper, bottom: bytes.bottom, top: bytes.top };
  }

  /** Makes everything larger by factors, while what is at `x`, `y` stays there. */
  zoom(x: number, y: number, across: number, up: number = across): void {
    const step = this.step(x);
    const byte = this.byte(y);
    const { lower, upper, bottom, top } = this.window;
    const { whole } = this;
    const [fromStep, toStep] = scaled(
      [lower, upper],
      step,
      bounded(across, upper - lower, LEAST_STEPS, whole.upper - whole.lower),
    );
    const [fromByte, toByte] = scaled(
      [bottom, top],
      byte,
      bounded(up, top - bottom, LEAST_BYTES, whole.top - whole.bottom),
    );
    this.show({ lower: fromStep, upper: toStep, bottom: fromByte, top: toByte });
  }

  /** Moves what is seen by pixels: to the right and downwards. */
  pan(right: number, down: number): void {
    const { lower, upper, bottom, top } = this.window;
    const aside = (-right / this.area.width) * (upper - lower);
    const above = (down / this.area.height) * (top - bottom);
    this.show({
      lower: lower + aside,
      upper: upper + aside,
      bottom: bottom + above,
      top: top + above,
    });
  }

  /** Brings a box into view: nearer if it is too small to be seen, else only as far as needed. */
  reveal(box: Window): void {
    const { window } = this;
    const across = nearer([window.lower, window.upper], [box.lower, box.upper], 0.012);
    const up = nearer([window.bottom, window.top], [box.bottom, box.top], 0.025);
    this.show({ lower: across[0], upper: across[1], bottom: up[0], top: up[1] });
  }

  /** Brings a step into view, as it is. */
  revealStep(step: number): void {
    const { lower, upper } = this.window;
    const [from, to] = nearer([lower, upper], [step, step + 1], 0);
    this.show({ ...this.window, lower: from, upper: to });
  }
}

type Range = readonly [number, number];

/** A range of at least `least` that is moved into `whole`, or is `whole` if it is longer. */
function within([from, to]: Range, whole: Range, least: number): Range {
  const length = Math.min(Math.max(to - from, least), whole[1] - whole[0]);
  if (!(length < (whole[1] - whole[0]) * (1 - 1e-9))) return whole;
  const middle = (from + to) / 2;
  const begin = Math.min(Math.max(middle - length / 2, whole[0]), whole[1] - length);
  return [begin, begin + length];
}

/** A factor that makes a length neither less than `least` nor more than `most`. */
const bounded = (factor: number, length: number, least: number, most: number): number =>
  Math.min(Math.max(factor, length / most), Math.max(length / least, 1));

const scaled = ([from, to]: Range, fixed: number, factor: number): Range => [
  fixed - (fixed - from) / factor,
  fixed + (to - fixed) / factor,
];

/** A range that shows `part`, of which it shall be the `least` share, with room around it. */
function nearer([from, to]: Range, part: Range, least: number): Range {
  const length = part[1] - part[0];
  const isVisible = part[0] >= from && part[1] <= to;
  if (isVisible && length >= least * (to - from)) return [from, to];
  const middle = (part[0] + part[1]) / 2;
  const span = length < least * (to - from) ? length * 10 : Math.max(to - from, length * 1.5);
  return [middle - span / 2, middle + span / 2];
}

/** Round positions of steps: 1, 2 or 5 times a power of ten apart, at most `count`. */
export function stepTicks(lower: number, upper: number, count: number): number[] {
  const least = (upper - lower) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1)));
  const tick = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= least);
  return multiples(lower, upper, tick ?? 10 * power);
}

/** The distance of round positions of bytes: a power of two, at most `count` of them. */
export const byteTick = (bottom: number, top: number, count: number): number =>
  2 ** Math.max(0, Math.ceil(Math.log2((top - bottom) / Math.max(count, 1))));

/** The multiples of `tick` in a closed range. */
export function multiples(from: number, to: number, tick: number): number[] {
  const found: number[] = [];
  for (let i = Math.ceil(from / tick); i * tick <= to; i++) found.push(i * tick);
  return found;
}
