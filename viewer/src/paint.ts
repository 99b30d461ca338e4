// The painter of a map: joins what is drawn on its canvas. Stands on `frames.ts`, `picture.ts`,
// `labels.ts`, `axes.ts`, `overlays.ts`, `bodies.ts`, `recorded.ts` and `strip.ts`.
//
// Boxes that are not drawn by a frame's deadline follow in the next frame. Everything else is drawn
// exactly in each one.

import { drawAxes } from './axes';
import { drawBodies } from './bodies';
import type { BoxesOfMap } from './boxes';
import type { Theme } from './colours';
import type { Frames } from './frames';
import { drawLabels, hatched, type Hatches } from './labels';
import type { MemoryMap } from './map';
import type { Marks, Scene } from './marks';
import { drawCursor, drawLevels, drawLoad, drawOutlines, drawTip } from './overlays';
import { Pen } from './pen';
import { Picture } from './picture';
import { drawUnused, drawMarks, drawRanges, drawReserved } from './recorded';
import { drawStrip, loadOfAll } from './strip';
import type { Area, View } from './view';

const MARGIN = { left: 74, right: 14, top: 54, bottom: 40 };
const STRIP = { top: 8, height: 34 };
/** The strip of what is not in use, below the other one. */
const UNUSED = { top: 48, height: 22 };

export class Painter {
  readonly marks: Marks = {
    cursor: null,
    pinned: null,
    hovered: null,
    pointer: null,
    reads: [],
    writes: [],
  };
  strip: Area = { left: 0, top: 0, width: 1, height: 1 };
  #unused: Area | null = null;
  readonly #pen: Pen;
  readonly #picture: Picture;
  #hatches: Hatches | null = null;
  /** The load over the whole time, as the strip shows it. */
  #whole: Path2D | null = null;

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly map: MemoryMap,
    readonly boxes: BoxesOfMap,
    readonly view: View,
    readonly frames: Frames,
    private pixels: Uint32Array,
    private theme: Theme,
    /** Whether a map of the page has a strip of what is not in use: all leave the same room. */
    readonly hasUnused: boolean,
  ) {
    this.#pen = new Pen(canvas);
    this.#picture = new Picture(this.#pen, view, boxes);
    frames.add(this);
    this.resize();
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  /** Takes a colour for each tensor. */
  colour(pixels: Uint32Array, theme: Theme): void {
    this.pixels = pixels;
    this.theme = theme;
    this.#picture.clear();
    this.#hatches = null;
    this.frames.request();
  }

  resize(): void {
    this.#pen.resize(MARGIN.left + MARGIN.right + 50, MARGIN.top + MARGIN.bottom + 80);
    const width = this.#pen.width - MARGIN.left - MARGIN.right;
    const top = MARGIN.top + (this.hasUnused ? UNUSED.height + 6 : 0);
    const height = this.#pen.height - top - MARGIN.bottom;
    this.view.area = { left: MARGIN.left, top, width, height };
    this.#unused = this.hasUnused ? { left: MARGIN.left, width, ...UNUSED } : null;
    this.strip = { left: MARGIN.left, top: STRIP.top, width, height: STRIP.height };
    this.#hatches = null;
    this.#whole = null;
    this.frames.paint([this]);
  }

  paint(deadline: number): boolean {
    if (!this.#picture.isExact) {
      this.#picture.advance(deadline, this.pixels, this.map.data.leastAlignment);
    }
    this.#compose();
    return this.#picture.isExact;
  }

  #compose(): void {
    const { map, boxes, view, theme, marks } = this;
    const scene: Scene = { pen: this.#pen, map, boxes, view, theme, marks };
    const { context } = this.#pen;
    const { left, top, width, height } = view.area;
    this.#pen.begin(theme.ground);
    context.fillStyle = theme.plot;
    context.fillRect(left, top, width, height);
    drawAxes(scene);
    context.save();
    context.beginPath();
    context.rect(left, top, width, height);
    context.clip();
    drawRanges(scene);
    this.#picture.show();
    this.#hatches ??= hatched(scene);
    drawLabels(scene, this.#picture.visible, this.#hatches);
    drawCursor(scene);
    drawLoad(scene);
    drawReserved(scene);
    drawMarks(scene);
    drawBodies(scene);
    drawLevels(scene);
    drawOutlines(scene);
    context.restore();
    drawTip(scene);
    this.#whole ??= loadOfAll(map, view.whole, this.strip);
    drawStrip(scene, this.strip, this.#whole);
    if (this.#unused !== null) drawUnused(scene, this.#unused);
  }
}
