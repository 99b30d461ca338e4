// The painter of a map: joins what is drawn on its canvas into a frame. Stands on `picture.ts`,
// `labels.ts`, `axes.ts`, `overlays.ts` and `strip.ts`.
//
// A frame never takes much longer than `SLICE`: boxes that are not drawn by then follow in the next
// one. Everything else is drawn exactly in each frame.

import { drawAxes } from './axes';
import type { BoxesOfMap } from './boxes';
import type { Colours, Theme } from './colours';
import { drawLabels, hatched } from './labels';
import type { MemoryMap } from './map';
import type { Marks, Scene } from './marks';
import { drawCursor, drawLevels, drawLoad, drawOutlines, drawTip } from './overlays';
import { Pen } from './pen';
import { Picture } from './picture';
import { drawStrip, loadOfAll } from './strip';
import type { Area, View } from './view';

/** Milliseconds of a frame in which boxes are drawn. */
const SLICE = 7;
const MARGIN = { left: 74, right: 14, top: 54, bottom: 40 };
const STRIP = { top: 8, height: 34 };

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
  readonly #pen: Pen;
  readonly #picture: Picture;
  #isRequested = false;
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
    this.#pen = new Pen(canvas);
    this.#picture = new Picture(this.#pen, view, boxes);
    this.resize();
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  colour(colours: Colours, theme: Theme): void {
    this.colours = colours;
    this.theme = theme;
    this.#picture.clear();
    this.#hatch = null;
    this.request();
  }

  resize(): void {
    this.#pen.resize(MARGIN.left + MARGIN.right + 50, MARGIN.top + MARGIN.bottom + 50);
    const width = this.#pen.width - MARGIN.left - MARGIN.right;
    const height = this.#pen.height - MARGIN.top - MARGIN.bottom;
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
    if (!this.#picture.isExact) this.#picture.advance(begin + SLICE, this.colours.pixels);
    this.#compose();
    if (!this.#picture.isExact) this.request();
    if (this.frames.length >= 20000) this.frames.splice(0, 10000);
    this.frames.push(performance.now() - begin);
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
    this.#picture.show();
    this.#hatch ??= hatched(scene);
    drawLabels(scene, this.#picture.visible, this.#hatch);
    drawCursor(scene);
    drawLoad(scene);
    drawLevels(scene);
    drawOutlines(scene);
    context.restore();
    drawTip(scene);
    this.#whole ??= loadOfAll(map, this.strip);
    drawStrip(scene, this.strip, this.#whole);
  }
}
