// The picture of the boxes, in a canvas of its own. Stands on `raster.ts`, `pen.ts` and
// `viewport.ts`.
//
// If the exact picture is not whole by a deadline, the last whole one is shown, moved and stretched
// to where its window lies now, and the exact one goes on in the next frame.

import type { Window } from './boxes';
import type { BoxesOfMap } from './parts';
import type { Pen } from './pen';
import { Raster, type Task, type Visible } from './raster';
import type { Area, Viewport } from './viewport';

/** What the boxes of a picture are filled with, and where there is padding. */
type Fills = Pick<Task, 'colours' | 'ground' | 'alignment'>;

export class Picture {
  readonly #store = document.createElement('canvas');
  readonly #stored: CanvasRenderingContext2D;
  readonly #raster: Raster;
  /** The last whole picture. */
  #whole: { readonly task: Task; readonly visible: Visible } | null = null;

  constructor(
    readonly pen: Pen,
    readonly view: Viewport,
    boxes: BoxesOfMap,
  ) {
    this.#stored = this.#store.getContext('2d', { willReadFrequently: true })!;
    this.#raster = new Raster(boxes);
  }

  /** The boxes that can be told apart. */
  get visible(): Visible {
    return this.#whole?.visible ?? this.#raster.visible;
  }

  /** Whether the picture is the one of the window and the size that are shown. */
  get isExact(): boolean {
    const task = this.#whole?.task;
    const area = this.#area();
    return (
      task !== undefined &&
      task.window === this.view.window &&
      task.width === area.width &&
      task.height === area.height
    );
  }

  /** Forgets what is drawn: its colours have changed. */
  clear(): void {
    this.#whole = null;
    this.#raster.task = null;
  }

  /** Draws boxes until the clock says `deadline`. */
  advance(deadline: number, fills: Fills): void {
    const { width, height } = this.#area();
    const task = this.#raster.task;
    const isOfUse = task !== null && task.width === width && task.height === height;
    if (!isOfUse || task === this.#whole?.task) {
      const { window } = this.view;
      const { ratio } = this.pen;
      this.#raster.start({ window, width, height, ratio, ...fills });
    }
    const isWhole = this.#raster.advance(deadline, () => performance.now());
    if (isWhole || this.#whole === null) this.#keep(isWhole);
  }

  /** Puts the picture onto the canvas, where its window lies now. */
  show(): void {
    const { context, ratio } = this.pen;
    const at = this.#area();
    const task = this.#whole?.task ?? this.#raster.task;
    if (task === null || task === undefined) return;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.imageSmoothingEnabled = false;
    if (task.window === this.view.window && task.width === at.width) {
      context.drawImage(this.#store, at.left, at.top);
    } else {
      this.#stretched(task.window, at);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
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
    if (isWhole) this.#whole = { task: task!, visible };
  }

  /** The area of the map in pixels of the device. */
  #area(): Area {
    const { left, top, width, height } = this.view.area;
    const round = (length: number) => Math.round(length * this.pen.ratio);
    return { left: round(left), top: round(top), width: round(width), height: round(height) };
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
    this.pen.context.drawImage(
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
}
