// The canvas: boxes, what lies on them, axes, lines, the cursor and the strip of the whole time.
// Stands on `raster.ts`, `view.ts`, `colours.ts`, `map.ts` and `format.ts`.
//
// A frame never takes much longer than `SLICE`: if the exact picture of the boxes is not whole by
// then, the last whole one is shown, moved and stretched to where its window lies now, and the
// exact one goes on in the next frame. Everything else is drawn exactly in each frame.

import type { Boxes, BoxesOfMap, Window } from './boxes';
import type { Colours, Theme } from './colours';
import { beginning, bytes, shortened, tickBytes, whole } from './format';
import type { MemoryMap } from './map';
import { Raster, type Task, type Visible } from './raster';
import { type Area, byteTick, multiples, stepTicks, type View } from './view';

/** Milliseconds of a frame in which boxes are drawn. */
const SLICE = 7;
/** The letters that a shortened name must have to be of use. */
const USEFUL = 12;
/** How many labels a frame draws. */
const LABELS = 160;
const FONT = '11px system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif';
/** What stands in for a name that does not fit: the type of an operator. */
const STAND_IN = `italic ${FONT}`;
const MARGIN = { left: 74, right: 14, top: 54, bottom: 40 };
const STRIP = { top: 8, height: 34 };

/** What is marked on the map. */
export interface Marks {
  cursor: number | null;
  pinned: number | null;
  hovered: number | null;
  /** Where the pointer is, if what is under it shall be named there. */
  pointer: { readonly x: number; readonly y: number } | null;
  /** What the operator at the cursor reads and writes. */
  reads: readonly number[];
  writes: readonly number[];
}

/** A whole picture of the boxes, as it lies in a canvas of its own. */
interface Picture {
  readonly task: Task;
  readonly visible: Visible;
}

export class Painter {
  /** How long each of the last frames took, in milliseconds. */
  readonly frames: number[] = [];
  readonly marks: Marks = {
    cursor: null,
    pinned: null,
    hovered: null,
    pointer: null,
    reads: [],
    writes: [],
  };
  strip: Area = { left: 0, top: 0, width: 1, height: 1 };
  readonly #context: CanvasRenderingContext2D;
  readonly #store = document.createElement('canvas');
  readonly #stored: CanvasRenderingContext2D;
  readonly #raster: Raster;
  readonly #widths = new Map<string, number>();
  readonly #slanted = new Map<string, number>();
  #picture: Picture | null = null;
  #isRequested = false;
  #ratio = 1;
  #width = 0;
  #height = 0;
  #hatch: CanvasPattern | null = null;
  /** The load over the whole time, as the strip shows it. */
  #whole: Path2D | null = null;

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly map: MemoryMap,
    readonly boxes: BoxesOfMap,
    readonly view: View,
    private colours: Colours,
    private theme: Theme,
  ) {
    this.#context = canvas.getContext('2d', { alpha: false })!;
    this.#stored = this.#store.getContext('2d', { willReadFrequently: true })!;
    this.#raster = new Raster(boxes);
    this.resize();
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  colour(colours: Colours, theme: Theme): void {
    this.colours = colours;
    this.theme = theme;
    this.#picture = null;
    this.#raster.task = null;
    this.#hatch = null;
    this.request();
  }

  resize(): void {
    const { clientWidth, clientHeight } = this.canvas;
    this.#ratio = globalThis.devicePixelRatio || 1;
    this.#width = Math.max(clientWidth, MARGIN.left + MARGIN.right + 50);
    this.#height = Math.max(clientHeight, MARGIN.top + MARGIN.bottom + 50);
    this.canvas.width = Math.round(this.#width * this.#ratio);
    this.canvas.height = Math.round(this.#height * this.#ratio);
    const width = this.#width - MARGIN.left - MARGIN.right;
    const height = this.#height - MARGIN.top - MARGIN.bottom;
    this.view.area = { left: MARGIN.left, top: MARGIN.top, width, height };
    this.strip = { left: MARGIN.left, top: STRIP.top, width, height: STRIP.height };
    this.#hatch = null;
    this.#whole = null;
    this.#frame();
  }

  /** Has a frame painted soon. */
  request(): void {
    if (this.#isRequested) return;
    this.#isRequested = true;
    requestAnimationFrame(() => {
      this.#isRequested = false;
      this.#frame();
    });
  }

  #frame(): void {
    const begin = performance.now();
    if (!this.#isExact()) this.#advance(begin + SLICE);
    this.#compose();
    if (!this.#isExact()) this.request();
    if (this.frames.length >= 20000) this.frames.splice(0, 10000);
    this.frames.push(performance.now() - begin);
  }

  /** Whether the picture is the one of the window and the size that are shown. */
  #isExact(): boolean {
    const task = this.#picture?.task;
    const area = this.#pixelArea();
    return (
      task !== undefined &&
      task.window === this.view.window &&
      task.width === area.width &&
      task.height === area.height
    );
  }

  #advance(deadline: number): void {
    const { width, height } = this.#pixelArea();
    const task = this.#raster.task;
    const isOfUse = task !== null && task.width === width && task.height === height;
    if (!isOfUse || task === this.#picture?.task) {
      const { window } = this.view;
      const { pixels } = this.colours;
      this.#raster.start({ window, width, height, ratio: this.#ratio, colours: pixels });
    }
    const isWhole = this.#raster.advance(deadline, () => performance.now());
    if (isWhole || this.#picture === null) this.#keep(isWhole);
  }

  /** Puts what is drawn of the boxes into the store. */
  #keep(isWhole: boolean): void {
    const { task, pixels, visible } = this.#raster;
    const { width, height } = task!;
    if (this.#store.width !== width || this.#store.height !== height) {
      this.#store.width = width;
      this.#store.height = height;
    }
    const letters = new Uint8ClampedArray(pixels.buffer as ArrayBuffer);
    this.#stored.putImageData(new ImageData(letters, width, height), 0, 0);
    if (isWhole) this.#picture = { task: task!, visible };
  }

  #pixelArea(): Area {
    const { left, top, width, height } = this.view.area;
    const round = (length: number) => Math.round(length * this.#ratio);
    return { left: round(left), top: round(top), width: round(width), height: round(height) };
  }

  #compose(): void {
    const context = this.#context;
    const { area } = this.view;
    const { theme } = this;
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    context.font = FONT;
    context.textBaseline = 'middle';
    context.fillStyle = theme.ground;
    context.fillRect(0, 0, this.#width, this.#height);
    context.fillStyle = theme.plot;
    context.fillRect(area.left, area.top, area.width, area.height);
    this.#axes();
    context.save();
    context.beginPath();
    context.rect(area.left, area.top, area.width, area.height);
    context.clip();
    this.#boxes();
    const visible = this.#picture?.visible ?? this.#raster.visible;
    this.#gaps(visible.gaps);
    const inner = this.#insets(visible.insets);
    this.#labels(visible, inner);
    this.#cursor();
    this.#load();
    this.#lines();
    this.#outlines();
    context.restore();
    this.#tip();
    this.#overview();
  }

  /** The stored picture, where its window lies now. */
  #boxes(): void {
    const context = this.#context;
    const at = this.#pixelArea();
    const task = this.#picture?.task ?? this.#raster.task;
    if (task === null || task === undefined) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.imageSmoothingEnabled = false;
    if (task.window === this.view.window && task.width === at.width) {
      context.drawImage(this.#store, at.left, at.top);
    } else {
      this.#stretched(task.window, at);
    }
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
  }

  #stretched(of: Window, at: Area): void {
    const { window } = this.view;
    const lower = Math.max(of.lower, window.lower);
    const upper = Math.min(of.upper, window.upper);
    const bottom = Math.max(of.bottom, window.bottom);
    const top = Math.min(of.top, window.top);
    if (lower >= upper || bottom >= top) return;
    const { width, height } = this.#store;
    const across = width / (of.upper - of.lower);
    const up = height / (of.top - of.bottom);
    const wide = at.width / (window.upper - window.lower);
    const high = at.height / (window.top - window.bottom);
    this.#context.drawImage(
      this.#store,
      (lower - of.lower) * across,
      (of.top - top) * up,
      Math.max((upper - lower) * across, 0.01),
      Math.max((top - bottom) * up, 0.01),
      at.left + (lower - window.lower) * wide,
      at.top + (window.top - top) * high,
      (upper - lower) * wide,
      (top - bottom) * high,
    );
  }

  /** The part of a box that is seen, in CSS pixels on whole pixels of the device. */
  #seen(boxes: Boxes, box: number): Area {
    const { area } = this.view;
    return this.#rectangle(
      Math.max(this.view.x(boxes.lower[box]), area.left - 4),
      Math.min(this.view.x(boxes.upper[box]), area.left + area.width + 4),
      Math.max(this.view.y(boxes.top[box]), area.top - 4),
      Math.min(this.view.y(boxes.bottom[box]), area.top + area.height + 4),
    );
  }

  #rectangle(left: number, right: number, top: number, bottom: number): Area {
    const round = (length: number) => Math.round(length * this.#ratio) / this.#ratio;
    const [x, y] = [round(left), round(top)];
    return { left: x, top: y, width: round(right) - x, height: round(bottom) - y };
  }

  /** Gaps: a box's upper and lower edge go on as dashes. */
  #gaps(gaps: readonly number[]): void {
    const context = this.#context;
    context.strokeStyle = this.theme.edge;
    context.lineWidth = 1;
    context.setLineDash([3, 3]);
    context.beginPath();
    for (const box of gaps) {
      const { left, top, width, height } = this.#seen(this.boxes.gaps, box);
      context.moveTo(left, top + 1.5);
      context.lineTo(left + width, top + 1.5);
      context.moveTo(left, top + height - 0.5);
      context.lineTo(left + width, top + height - 0.5);
    }
    context.stroke();
    context.setLineDash([]);
  }

  /** Insets as hatched rectangles. Returns where the first one begins in each tensor. */
  #insets(insets: readonly number[]): Map<number, number> {
    const context = this.#context;
    const begins = new Map<number, number>();
    if (insets.length === 0) return begins;
    this.#hatch ??= this.#hatched();
    const { within } = this.map.tensors;
    const bounds = new Path2D();
    context.fillStyle = this.#hatch;
    for (const box of insets) {
      const { left, top, width, height } = this.#seen(this.boxes.insets, box);
      if (width < 6 || height < 5) continue;
      context.fillRect(left, top + 1, width - 1, height - 1);
      bounds.rect(left + 0.5, top + 1.5, Math.max(width - 2, 1), Math.max(height - 2, 1));
      const holder = within[this.boxes.insets.tensor[box]] - 1;
      begins.set(holder, Math.min(begins.get(holder) ?? Infinity, left));
    }
    context.strokeStyle = this.theme.hatch;
    context.lineWidth = 1;
    context.stroke(bounds);
    return begins;
  }

  #hatched(): CanvasPattern {
    const tile = document.createElement('canvas');
    const size = Math.round(6 * this.#ratio);
    tile.width = size;
    tile.height = size;
    const context = tile.getContext('2d')!;
    context.strokeStyle = this.theme.hatch;
    context.lineWidth = this.#ratio;
    context.beginPath();
    for (const shift of [-size, 0, size]) {
      context.moveTo(shift - 1, size + 1);
      context.lineTo(shift + size + 1, -1);
    }
    context.stroke();
    const pattern = this.#context.createPattern(tile, 'repeat')!;
    pattern.setTransform(new DOMMatrix().scale(1 / this.#ratio));
    return pattern;
  }

  #labels(visible: Visible, inner: ReadonlyMap<number, number>): void {
    this.#context.fillStyle = this.theme.label;
    this.#context.textAlign = 'left';
    let drawn = 0;
    for (const kind of ['solid', 'insets'] as const) {
      const boxes = this.boxes[kind];
      for (const box of visible[kind]) {
        if (drawn >= LABELS) return;
        const seen = this.#seen(boxes, box);
        const begin = inner.get(boxes.tensor[box]);
        const end = seen.left + seen.width;
        const width = begin !== undefined && begin < end ? begin - seen.left : seen.width;
        if (this.#label(boxes.tensor[box], seen, width)) drawn += 1;
      }
    }
  }

  /** A name, and the size below it if there is room. */
  #label(tensor: number, { left, top, height }: Area, width: number): boolean {
    const { area } = this.view;
    const margin = width < 48 ? 3 : 5;
    const begin = Math.max(left, area.left) + margin;
    const room = Math.min(left + width, area.left + area.width) - begin - margin;
    const high = Math.max(top, area.top);
    const low = Math.min(top + height, area.top + area.height);
    if (room < 22 || low - high < 12) return false;
    const context = this.#context;
    const middle = (high + low) / 2 + 0.5;
    const { text, font } = this.#fitted(tensor, room);
    if (text === '') return false;
    const size = bytes(this.map.tensors.size[tensor]);
    const hasSize = low - high >= 32 && this.#widthOf(size) <= room;
    context.font = font;
    context.globalAlpha = font === FONT ? 1 : 0.7;
    context.fillText(text, begin, hasSize ? middle - 7 : middle);
    context.font = FONT;
    context.globalAlpha = 1;
    if (hasSize) {
      context.globalAlpha = 0.7;
      context.fillText(size, begin, middle + 7);
      context.globalAlpha = 1;
    }
    return true;
  }

  /** As much of a tensor's name as is of use or else the type of the operator that writes it. */
  #fitted(tensor: number, room: number): { text: string; font: string } {
    const name = this.map.name(tensor);
    const full = shortened(name, 60);
    const width = this.#widthOf(full);
    if (width <= room) return { text: full, font: FONT };
    const letters = Math.floor((full.length * room) / width) - 1;
    const writer = this.map.writerOf(tensor);
    if (letters >= USEFUL || (writer === null && letters >= 5)) {
      return { text: this.#cut(name, letters, room, shortened, FONT), font: FONT };
    }
    if (writer === null) return { text: '', font: FONT };
    return { text: this.#begun(this.map.operatorType(writer), room, STAND_IN), font: STAND_IN };
  }

  /** As much of the beginning of a name as there is room for. */
  #begun(name: string, room: number, font: string): string {
    const full = beginning(name, 40);
    const width = this.#widthOf(full, font);
    if (width <= room) return full;
    return this.#cut(name, Math.floor((full.length * room) / width), room, beginning, font);
  }

  /** A name cut to `letters`, or to fewer until it fits; nothing if too little of it would. */
  #cut(
    name: string,
    letters: number,
    room: number,
    cut: typeof beginning,
    font: string,
  ): string {
    for (let left = letters; left >= 4; left--) {
      const text = cut(name, left);
      if (this.#widthOf(text, font) <= room) return text;
    }
    return '';
  }

  #widthOf(text: string, font = FONT): number {
    const widths = font === FONT ? this.#widths : this.#slanted;
    let width = widths.get(text);
    if (width === undefined) {
      this.#context.font = font;
      width = this.#context.measureText(text).width;
      this.#context.font = FONT;
      if (widths.size > 20000) widths.clear();
      widths.set(text, width);
    }
    return width;
  }

  #axes(): void {
    const context = this.#context;
    const { view, theme } = this;
    const { area, window } = view;
    const { lower, upper, bottom, top } = window;
    const tick = byteTick(bottom, top, area.height / 44);
    context.fillStyle = theme.grid;
    const levels = multiples(bottom, top, tick);
    for (const byte of levels) context.fillRect(area.left, this.#line(view.y(byte)), area.width, 1);
    context.fillStyle = theme.faint;
    context.textAlign = 'right';
    for (const byte of levels) {
      context.fillText(tickBytes(byte, tick), area.left - 8, view.y(byte));
    }
    const below = area.top + area.height;
    const stepWidth = area.width / (upper - lower);
    const isWide = stepWidth >= 26;
    context.textAlign = 'center';
    for (const step of stepTicks(lower, upper, area.width / 70)) {
      if (step >= this.map.data.endStep && isWide) continue;
      const x = view.x(isWide ? step + 0.5 : step);
      const text = whole(step);
      // The last one would end beyond the canvas if its number is long.
      context.fillText(text, Math.min(x, this.#width - this.#widthOf(text) / 2 - 2), below + 12);
      if (!isWide) context.fillRect(this.#line(x), below, 1, 4);
    }
    if (this.map.operators !== null && stepWidth >= 34) {
      this.#operatorTypes(below + 27, stepWidth);
    } else {
      context.textAlign = 'center';
      context.fillText('step', area.left + area.width / 2, below + 28);
    }
  }

  #operatorTypes(y: number, stepWidth: number): void {
    const { area, window } = this.view;
    const context = this.#context;
    for (let step = Math.floor(window.lower); step < window.upper; step++) {
      const operator = this.map.operatorAt(step);
      const x = this.view.x(step + 0.5);
      const room = Math.min(stepWidth - 4, 2 * (x - area.left + 8), 2 * (this.#width - x));
      if (operator === null || room < 20) continue;
      context.fillText(this.#begun(this.map.operatorType(operator), room, FONT), x, y);
    }
  }

  #line(position: number): number {
    return Math.floor(position * this.#ratio) / this.#ratio;
  }

  /** The load as a line of steps. */
  #load(): void {
    const context = this.#context;
    const { area } = this.view;
    context.beginPath();
    let last = NaN;
    for (let x = area.left; x < area.left + area.width; x++) {
      const load = this.map.largestLoad(this.view.step(x), this.view.step(x + 1));
      if (load === last) continue;
      if (Number.isNaN(last)) context.moveTo(x, this.view.y(load));
      else {
        context.lineTo(x, this.view.y(last));
        context.lineTo(x, this.view.y(load));
      }
      last = load;
    }
    if (!Number.isNaN(last)) context.lineTo(area.left + area.width, this.view.y(last));
    const { lower, upper } = this.view.window;
    const isDense = area.width / (upper - lower) < 8;
    context.lineJoin = 'round';
    if (!isDense) {
      context.strokeStyle = this.theme.halo;
      context.lineWidth = 3.5;
      context.stroke();
    }
    context.globalAlpha = isDense ? 0.5 : 0.9;
    context.strokeStyle = this.theme.load;
    context.lineWidth = isDense ? 1 : 1.5;
    context.stroke();
    context.globalAlpha = 1;
  }

  /** Peak, lower bound and capacity. */
  #lines(): void {
    const { peak, lowerBound, capacity } = this.map.data;
    const { theme } = this;
    if (capacity !== null) this.#level(capacity, theme.faint, [2, 3], 'capacity', 0);
    if (peak === lowerBound) {
      this.#level(peak, theme.peak, [], 'peak = lower bound', 0);
    } else {
      this.#level(peak, theme.peak, [], 'peak', 0);
      const gap = this.view.y(lowerBound) - this.view.y(peak);
      this.#level(lowerBound, theme.bound, [6, 4], 'lower bound', gap < 17 ? 1 : 0);
    }
  }

  #level(value: number, colour: string, dash: number[], name: string, place: number): void {
    const context = this.#context;
    const { area } = this.view;
    const y = Math.round(this.view.y(value) * this.#ratio) / this.#ratio;
    if (y < area.top - 1 || y > area.top + area.height + 1) return;
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(area.left, y);
    context.lineTo(area.left + area.width, y);
    context.stroke();
    context.setLineDash([]);
    const text = `${name} ${bytes(value)}`;
    const right = area.left + area.width - 6 - place * 150;
    const above = y - 9 < area.top + 2 ? y + 9 : y - 9;
    this.#tag(text, right - this.#widthOf(text), above, colour);
  }

  /** Text on a plate, from `left`. */
  #tag(text: string, left: number, middle: number, colour: string): void {
    const context = this.#context;
    context.fillStyle = this.theme.halo;
    context.fillRect(left - 4, middle - 7.5, this.#widthOf(text) + 8, 15);
    context.fillStyle = colour;
    context.textAlign = 'left';
    context.fillText(text, left, middle + 0.5);
  }

  #cursor(): void {
    const { cursor } = this.marks;
    if (cursor === null) return;
    const context = this.#context;
    const { area } = this.view;
    const left = this.view.x(cursor);
    const right = this.view.x(cursor + 1);
    if (right < area.left || left > area.left + area.width) return;
    context.fillStyle = this.theme.veil;
    if (right - left > 3) context.fillRect(left, area.top, right - left, area.height);
    context.fillStyle = this.theme.cursor;
    context.fillRect(this.#line(left), area.top, 1.5, area.height);
    if (right - left > 3) context.fillRect(this.#line(right) - 1, area.top, 1, area.height);
    const text = `step ${whole(cursor)}: ${bytes(this.map.loadAt(cursor))}`;
    const width = this.#widthOf(text) + 14;
    const isRoom = right + width < area.left + area.width;
    const begin = isRoom ? right + 8 : left - width + 6;
    this.#tag(text, begin, area.top + area.height - 12, this.theme.cursor);
  }

  #outlines(): void {
    const { pinned, hovered, reads, writes } = this.marks;
    for (const tensor of reads) this.#outline(tensor, 1.5, [4, 3]);
    for (const tensor of writes) this.#outline(tensor, 1.5, []);
    if (hovered !== null) this.#outline(hovered, 1.5, []);
    if (pinned !== null) this.#outline(pinned, 3, []);
  }

  /** The name and the size of what is under the pointer. */
  #tip(): void {
    const { pointer, hovered } = this.marks;
    if (pointer === null || hovered === null) return;
    const size = bytes(this.map.tensors.size[hovered]);
    const text = `${shortened(this.map.name(hovered), 48)} · ${size}`;
    const left = Math.min(pointer.x + 16, this.#width - this.#widthOf(text) - 12);
    this.#tag(text, Math.max(left, 6), pointer.y + 18, this.theme.text);
  }

  #outline(tensor: number, width: number, dash: number[]): void {
    if (!this.map.occupies(tensor)) return;
    const { lower, upper, offset, size } = this.map.tensors;
    const { area } = this.view;
    const { left, top, width: across, height } = this.#rectangle(
      Math.max(this.view.x(lower[tensor]), area.left - 8),
      Math.min(this.view.x(upper[tensor]), area.left + area.width + 8),
      Math.max(this.view.y(offset[tensor] + size[tensor]), area.top - 8),
      Math.min(this.view.y(offset[tensor]), area.top + area.height + 8),
    );
    const context = this.#context;
    context.strokeStyle = this.theme.choice;
    context.lineWidth = width;
    context.setLineDash(dash);
    context.strokeRect(left, top, Math.max(across, 2), Math.max(height, 2));
    context.setLineDash([]);
  }

  #loadOfAll(): Path2D {
    const { map, strip } = this;
    const { firstStep, peak } = map.data;
    const steps = Math.max(map.steps, 1);
    const most = Math.max(peak, map.fullest, 1);
    const bottom = strip.top + strip.height;
    const path = new Path2D();
    path.moveTo(strip.left, bottom);
    for (let x = 0; x < strip.width; x++) {
      const from = firstStep + (x / strip.width) * steps;
      const load = map.largestLoad(from, firstStep + ((x + 1) / strip.width) * steps);
      const y = bottom - (load / most) * (strip.height - 3);
      path.lineTo(strip.left + x, y);
      path.lineTo(strip.left + x + 1, y);
    }
    path.lineTo(strip.left + strip.width, bottom);
    return path;
  }

  /** The load over the whole time, and which part of it the map shows. */
  #overview(): void {
    const context = this.#context;
    const { map, theme, strip } = this;
    const { firstStep, steps } = { firstStep: map.data.firstStep, steps: Math.max(map.steps, 1) };
    context.fillStyle = theme.plot;
    context.fillRect(strip.left, strip.top, strip.width, strip.height);
    context.fillStyle = theme.faint;
    context.globalAlpha = 0.55;
    this.#whole ??= this.#loadOfAll();
    context.fill(this.#whole);
    context.globalAlpha = 1;
    context.textAlign = 'right';
    context.fillText('load', strip.left - 8, strip.top + strip.height / 2);
    const width = strip.width;
    const at = (step: number) => strip.left + ((step - firstStep) / steps) * width;
    const peak = at(map.peakStep + 0.5);
    context.fillStyle = theme.peak;
    context.beginPath();
    context.moveTo(peak - 4, strip.top - 5);
    context.lineTo(peak + 4, strip.top - 5);
    context.lineTo(peak, strip.top + 1);
    context.fill();
    if (this.marks.cursor !== null) {
      context.fillStyle = theme.cursor;
      context.fillRect(at(this.marks.cursor + 0.5) - 0.75, strip.top, 1.5, strip.height);
    }
    const { window, whole: all } = this.view;
    if (window.lower > all.lower || window.upper < all.upper) {
      const [left, right] = [at(window.lower), at(window.upper)];
      context.fillStyle = theme.ground;
      context.globalAlpha = 0.65;
      context.fillRect(strip.left, strip.top, left - strip.left, strip.height);
      context.fillRect(right, strip.top, strip.left + width - right, strip.height);
      context.globalAlpha = 1;
      context.strokeStyle = theme.choice;
      context.lineWidth = 1.5;
      context.strokeRect(left, strip.top, Math.max(right - left, 2), strip.height);
    }
  }
}
