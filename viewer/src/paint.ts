// The painter of a map: joins what is drawn on its canvas. Stands on `frames.ts`, `picture.ts`,
// `labels.ts`, `lines.ts`, `lanestrips.ts`, `axes.ts`, `overlays.ts`, `bodies.ts`, `recorded.ts` and
// `strip.ts`.
//
// Boxes that are not drawn by a frame's deadline follow in the next frame. Everything else is drawn
// exactly in each one. The first picture of a large map does not wait for its boxes to be in order,
// so that it has neither names nor hatching; the second one follows at once.

import { drawAxes } from './axes';
import { drawBodies } from './bodies';
import { pixel } from './colours';
import type { Frames } from './frames';
import { type DrawnLane, drawLanes, drawnLanes, heightOfLanes } from './lanestrips';
import { drawLabels, drawSigns, hatched, type Hatches } from './labels';
import { heightsOf } from './lines';
import type { MemoryMap } from './map';
import {
  drawCursor,
  drawLevels,
  drawLoad,
  drawOutlines,
  drawTip,
  heightsOfLevels,
  nameCursor,
  nameLevels,
} from './overlays';
import { type BoxesOfMap, boxesOf } from './parts';
import { Pen } from './pen';
import { Picture } from './picture';
import { drawUnused, drawMarks, drawReserved } from './recorded';
import type { Highlights, Scene } from './scene';
import { drawStrip, loadOfAll } from './strip';
import type { Theme } from './theme';
import type { Area, Viewport } from './viewport';

const MARGIN = { left: 74, right: 14, top: 54, bottom: 40 };
const STRIP = { top: 8, height: 34 };
/** The strip of what is not in use, below the other one. */
const UNUSED = { top: 48, height: 22 };
/** How many tensors a large map has. */
const LARGE = 200_000;
/** Milliseconds after the first picture of a large map, in which the browser shows it. */
const PAUSE = 100;

export class Painter {
  readonly highlights: Highlights = {
    cursor: null,
    pinned: null,
    hovered: null,
    pointer: null,
    reads: [],
    writes: [],
  };
  strip: Area = { left: 0, top: 0, width: 1, height: 1 };
  #unused: Area | null = null;
  boxes: BoxesOfMap;
  readonly #pen: Pen;
  #picture: Picture;
  #isOrdering = false;
  #hatches: Hatches | null = null;
  /** The streams, as the lanes show them; null until they are first drawn. */
  #drawnLanes: readonly DrawnLane[] | null = null;
  #lanes: Area | null = null;
  /** The load over the whole time, as the strip shows it. */
  #whole: Path2D | null = null;

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly map: MemoryMap,
    readonly view: Viewport,
    readonly frames: Frames,
    private pixels: Uint32Array,
    private theme: Theme,
    /** Whether a map of the page has a strip of what is not in use: all leave the same room. */
    readonly hasUnused: boolean,
    /** The most lanes of streams that a map of the page has. */
    readonly laneCount: number,
    private streams: ReadonlyMap<string, string>,
  ) {
    this.boxes = boxesOf(map, map.tensors.count < LARGE);
    this.#pen = new Pen(canvas);
    this.#picture = new Picture(this.#pen, view, this.boxes);
    frames.add(this);
    this.resize();
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  /** Takes a colour for each tensor, and for each stream. */
  colour(pixels: Uint32Array, theme: Theme, streams: ReadonlyMap<string, string>): void {
    this.pixels = pixels;
    this.theme = theme;
    this.streams = streams;
    this.#drawnLanes = null;
    this.#picture.clear();
    this.#hatches = null;
    this.frames.request();
  }

  resize(): void {
    this.#pen.resize(MARGIN.left + MARGIN.right + 50, MARGIN.top + MARGIN.bottom + 80);
    const width = this.#pen.width - MARGIN.left - MARGIN.right;
    const lanes = MARGIN.top + (this.hasUnused ? UNUSED.height + 6 : 0);
    const top = lanes + heightOfLanes(this.laneCount);
    const at = { left: MARGIN.left, top: lanes - 6, width, height: heightOfLanes(this.laneCount) };
    this.#lanes = at;
    this.#drawnLanes = null;
    const height = this.#pen.height - top - MARGIN.bottom;
    this.view.area = { left: MARGIN.left, top, width, height };
    this.#unused = this.hasUnused ? { left: MARGIN.left, width, ...UNUSED } : null;
    this.strip = { left: MARGIN.left, top: STRIP.top, width, height: STRIP.height };
    this.#hatches = null;
    this.#whole = null;
    this.frames.paint([this]);
  }

  paint(deadline: number): boolean {
    if (!this.#picture.isExact) this.#advance(deadline);
    this.#compose();
    const { isExact } = this.#picture;
    if (isExact && !this.boxes.solid.isOrdered && !this.#isOrdering) {
      this.#isOrdering = true;
      setTimeout(() => this.#order(), PAUSE);
    }
    return isExact;
  }

  #advance(deadline: number): void {
    const ground = pixel(this.theme.muted);
    const alignment = this.map.data.leastAlignment;
    this.#picture.advance(deadline, { colours: this.pixels, ground, alignment });
  }

  /** Draws the lanes of the streams; those of a large map follow its first picture. */
  #drawLanes(scene: Scene): void {
    if (this.laneCount === 0 || this.#lanes === null || !this.boxes.solid.isOrdered) return;
    this.#drawnLanes ??= drawnLanes(this.map, this.streams, this.theme, this.view.whole, this.#lanes);
    drawLanes(scene, this.#lanes, this.#drawnLanes);
  }

  /** Puts the boxes in order, and draws the picture anew from them. */
  #order(): void {
    this.boxes = boxesOf(this.map);
    this.#picture = new Picture(this.#pen, this.view, this.boxes);
    // Until it is whole, since a part of it would hide the first one.
    this.#advance(Infinity);
    this.frames.request();
  }

  #compose(): void {
    const { map, boxes, view, theme, highlights } = this;
    const scene: Scene = { pen: this.#pen, map, boxes, view, theme, highlights };
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
    this.#picture.show();
    this.#hatches ??= hatched(scene);
    const { visible } = this.#picture;
    const inner = drawSigns(scene, visible, this.#hatches);
    drawCursor(scene);
    const load = heightsOf(map.load, view);
    const reserved = map.reserved === null ? [] : [heightsOf(map.reserved, view)];
    drawLoad(scene, load);
    for (const heights of reserved) drawReserved(scene, heights);
    drawLevels(scene);
    const lines = { curves: [load, ...reserved], levels: heightsOfLevels(scene) };
    drawLabels(scene, visible, inner, lines);
    drawMarks(scene);
    drawBodies(scene);
    nameLevels(scene);
    nameCursor(scene);
    drawOutlines(scene);
    context.restore();
    drawTip(scene);
    this.#whole ??= loadOfAll(map, view.whole, this.strip);
    drawStrip(scene, this.strip, this.#whole);
    if (this.#unused !== null) drawUnused(scene, this.#unused);
    this.#drawLanes(scene);
  }
}
