// Draws boxes into pixels, in slices of time. Stands on `boxes.ts`, `parts.ts`.
//
// A picture is of one window, begun by `start` and brought further by `advance` until it is whole;
// each box is drawn exactly once, the longest first. Boxes of a plan share no bytes at a step, so
// the work is that of the pixels and of the boxes that meet the window, however they lie. A box
// smaller than a pixel has one all the same. Below them lies what an allocator had reserved. Solid
// boxes, insets, gaps and padding that are large enough to be told apart are handed on, to be
// decorated and labelled.

import type { Boxes, Window } from './boxes';
import type { BoxesOfMap } from './parts';

/** How many boxes are drawn between two looks at the clock. */
const STRETCH = 4096;
/** How many boxes of a kind are handed on. */
const MOST = 2000;

export interface Task {
  readonly window: Window;
  /** In pixels of the device. */
  readonly width: number;
  readonly height: number;
  /** Pixels of the device to a CSS pixel. */
  readonly ratio: number;
  /** The fill of each tensor. */
  readonly colours: Uint32Array;
  /** The fill of what was reserved. */
  readonly ground: number;
  /** What offsets are multiples of: above a box that ends between two of them there is padding. */
  readonly alignment: number;
}

/** Boxes that can be told apart in a picture, the longest first. */
export interface Visible {
  readonly solid: number[];
  readonly insets: number[];
  readonly gaps: number[];
  /** The solid boxes with padding above them. */
  readonly padded: number[];
}

interface Run {
  readonly boxes: Boxes;
  readonly kind: keyof BoxesOfMap;
  readonly begin: number;
  readonly end: number;
}

export class Raster {
  task: Task | null = null;
  pixels = new Uint32Array(0);
  visible: Visible = { solid: [], insets: [], gaps: [], padded: [] };
  #runs: Run[] = [];
  #next = 0;

  constructor(readonly boxes: BoxesOfMap) {}

  start(task: Task): void {
    const count = task.width * task.height;
    if (this.pixels.length !== count) this.pixels = new Uint32Array(count);
    else this.pixels.fill(0);
    this.task = task;
    this.visible = { solid: [], insets: [], gaps: [], padded: [] };
    this.#runs = [];
    for (const kind of ['ranges', 'solid', 'insets', 'gaps'] as const) {
      const boxes = this.boxes[kind];
      for (const level of boxes.levels) {
        const [begin, end] = boxes.range(level, task.window.lower, task.window.upper);
        if (begin < end) this.#runs.push({ boxes, kind, begin, end });
      }
    }
    this.#next = this.#runs.length === 0 ? 0 : this.#runs[0].begin;
  }

  /** Draws until the clock says `deadline`; true once the picture is whole. */
  advance(deadline: number, now: () => number): boolean {
    while (this.#runs.length > 0) {
      const run = this.#runs[0];
      const end = Math.min(run.end, this.#next + STRETCH);
      const { boxes, kind } = run;
      if (kind === 'ranges' || kind === 'solid') this.#draw(boxes, kind, this.#next, end);
      else this.#collect(boxes, kind, this.#next, end);
      this.#next = end;
      if (end === run.end) {
        this.#runs.shift();
        if (this.#runs.length > 0) this.#next = this.#runs[0].begin;
      }
      if (now() >= deadline) break;
    }
    return this.#runs.length === 0;
  }

  #draw(boxes: Boxes, kind: 'ranges' | 'solid', begin: number, end: number): void {
    const { window, width, height, ratio, colours, ground, alignment } = this.task!;
    const { lower, upper, bottom, top, tensor } = boxes;
    const pixels = this.pixels;
    const isSolid = kind === 'solid';
    const { solid, padded } = this.visible;
    const across = width / (window.upper - window.lower);
    const up = height / (window.top - window.bottom);
    const seam = Math.max(1, Math.round(ratio * 0.75));
    const least = 4 * ratio;
    // Where no padding can be seen, none is looked for.
    const unit = isSolid && alignment > 1 && alignment * up >= 2 * ratio ? alignment : 0;
    const labelWidth = 30 * ratio;
    const labelHeight = 11 * ratio;
    for (let i = begin; i < end; i++) {
      if (upper[i] <= window.lower || lower[i] >= window.upper) continue;
      if (top[i] + unit <= window.bottom || bottom[i] >= window.top) continue;
      if (unit > 0 && top[i] % unit !== 0 && padded.length < MOST) {
        const isWide = (upper[i] - lower[i]) * across >= least;
        if (isWide && (unit - (top[i] % unit)) * up >= 2 * ratio) padded.push(i);
      }
      if (top[i] <= window.bottom) continue;
      let left = Math.round(Math.max(0, (lower[i] - window.lower) * across));
      let right = Math.round(Math.min(width, (upper[i] - window.lower) * across));
      let high = Math.round(Math.max(0, (window.top - top[i]) * up));
      let low = Math.round(Math.min(height, (window.top - bottom[i]) * up));
      if (right - left >= labelWidth && low - high >= labelHeight && isSolid) {
        if (solid.length < MOST) solid.push(i);
      }
      if (right - left >= least) right -= seam;
      else if (right <= left) {
        if (left >= width) left = width - 1;
        right = left + 1;
      }
      if (low - high >= least) high += seam;
      else if (low <= high) {
        if (low < 1) low = 1;
        high = low - 1;
      }
      const colour = isSolid ? colours[tensor[i]] : ground;
      if (right - left < 24) {
        for (let row = high * width; row < low * width; row += width) {
          for (let at = row + left; at < row + right; at++) pixels[at] = colour;
        }
      } else {
        for (let row = high * width; row < low * width; row += width) {
          pixels.fill(colour, row + left, row + right);
        }
      }
    }
  }

  #collect(boxes: Boxes, kind: keyof Visible, begin: number, end: number): void {
    const { window, width, height, ratio } = this.task!;
    const { lower, upper, bottom, top } = boxes;
    const found = this.visible[kind];
    const steps = ((window.upper - window.lower) / width) * 4 * ratio;
    const bytes = ((window.top - window.bottom) / height) * 4 * ratio;
    for (let i = begin; i < end && found.length < MOST; i++) {
      if (upper[i] - lower[i] < steps || top[i] - bottom[i] < bytes) continue;
      if (upper[i] <= window.lower || lower[i] >= window.upper) continue;
      if (top[i] <= window.bottom || bottom[i] >= window.top) continue;
      found.push(i);
    }
  }
}
