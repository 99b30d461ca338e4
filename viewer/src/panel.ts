// A panel: one map with its canvas, its window onto the shared steps and bytes, and what is under a
// point of it. Stands on `paint.ts`, `facts.ts`, `boxes.ts`, `parts.ts` and `viewport.ts`.
//
// A page has a panel for each map. Their windows are one, so that they move together.

import type { ListedMap } from './alive';
import type { Window } from './boxes';
import { colourOf } from './colours';
import type { Document } from './data';
import { type LinkActions, byId, element } from './elements';
import { described, figures } from './facts';
import { visible } from './format';
import type { Frames } from './frames';
import { MemoryMap, titlesOf } from './map';
import { Painter } from './paint';
import type { BoxesOfMap } from './parts';
import type { Highlights } from './scene';
import type { Theme } from './theme';
import { type SharedWindow, Viewport } from './viewport';

/** How many maps are drawn. */
const MOST = 6;
/** Pixels around the pointer in which a box is found that it does not meet. */
const REACH = 3;

export class MapPanel implements ListedMap {
  readonly view: Viewport;
  readonly canvas: HTMLCanvasElement;
  readonly painter: Painter;
  #pixels: Uint32Array;

  constructor(
    readonly map: MemoryMap,
    readonly actions: LinkActions,
    shown: SharedWindow,
    frames: Frames,
    [pixels, theme, streams]: readonly [Uint32Array, Theme, ReadonlyMap<string, string>],
    place: number,
    isOnly: boolean,
    hasUnused: boolean,
    lanes: number,
    top: number,
  ) {
    this.view = new Viewport(shown, top);
    this.#pixels = pixels;
    this.canvas = canvasOf(map, place, isOnly);
    const { canvas, view } = this;
    const look = [pixels, theme, hasUnused, lanes, streams] as const;
    this.painter = new Painter(canvas, map, view, frames, ...look);
  }

  get boxes(): BoxesOfMap {
    return this.painter.boxes;
  }

  get highlights(): Highlights {
    return this.painter.highlights;
  }

  readonly colour = (tensor: number): string => colourOf(this.#pixels[tensor]);

  recolour(pixels: Uint32Array, theme: Theme, streams: ReadonlyMap<string, string>): void {
    this.#pixels = pixels;
    this.painter.colour(pixels, theme, streams);
  }

  /** Where a point of the canvas lies on the stage. */
  onStage({ x, y }: { x: number; y: number }): { x: number; y: number } {
    return { x: x + this.canvas.offsetLeft, y: y + this.canvas.offsetTop };
  }

  /** Moves the cursor and marks what the operator there uses. */
  setCursor(step: number | null): void {
    const { highlights } = this.painter;
    const { operators } = this.map;
    const operator = step === null ? null : this.map.operatorAt(step);
    const has = operators !== null && operator !== null;
    highlights.cursor = step;
    highlights.reads = has ? [...operators.reads.of(operator).slice(0, 64)] : [];
    highlights.writes = has ? [...operators.writes.of(operator).slice(0, 64)] : [];
  }

  /** Brings the box of a tensor into view. */
  reveal(tensor: number): void {
    if (!this.map.occupies(tensor)) return;
    const { lower, upper, offset, size } = this.map.tensors;
    this.view.reveal({
      lower: lower[tensor],
      upper: upper[tensor],
      bottom: offset[tensor],
      top: offset[tensor] + size[tensor],
    });
  }

  /** The tensor whose box is at a point, or near it. */
  tensorAt(x: number, y: number): number | null {
    const { area, window } = this.view;
    const isIn =
      x >= area.left && y >= area.top && x <= area.left + area.width && y <= area.top + area.height;
    if (!isIn) return null;
    const steps = (window.upper - window.lower) / area.width;
    const amount = (window.top - window.bottom) / area.height;
    const at = [this.view.step(x), this.view.byte(y)] as const;
    const { insets, solid } = this.boxes;
    const inset = insets.at(...at, steps / 100, amount / 100);
    if (inset !== null) {
      const isSeen =
        insets.upper[inset] - insets.lower[inset] >= 4 * steps &&
        insets.top[inset] - insets.bottom[inset] >= 4 * amount;
      if (isSeen) return insets.tensor[inset];
    }
    const box = solid.at(...at, REACH * steps, REACH * amount);
    return box === null ? null : solid.tensor[box];
  }
}

/** The canvas of a map; the first one is on the page already. */
function canvasOf(map: MemoryMap, place: number, isOnly: boolean): HTMLCanvasElement {
  const first = byId('map', HTMLCanvasElement);
  const canvas = place === 0 ? first : element('canvas', '');
  if (place > 0) {
    canvas.id = `map-${place + 1}`;
    canvas.tabIndex = 0;
    canvas.setAttribute('role', 'img');
    byId('panels', HTMLElement).append(element('div', 'panel', canvas));
  }
  canvas.setAttribute('aria-label', described(map));
  if (!isOnly) {
    const title = element('h2', '', element('bdi', '', visible(map.title)));
    byId('panels', HTMLElement).classList.add('several');
    canvas.before(element('div', 'panel-head', title, figures(map)));
  }
  return canvas;
}

/** The maps of a document that are drawn. */
export function mapsOf({ maps, strings, profiles }: Document): MemoryMap[] {
  const isRecording = profiles.length > 0 || maps.some(({ recorded }) => recorded !== null);
  const noun = isRecording ? 'block' : 'tensor';
  const titles = titlesOf(maps);
  return maps.slice(0, MOST).map((map, i) => new MemoryMap(map, strings, titles[i], noun));
}

/** All steps of some maps, and bytes up to a little above the highest peak or near capacity. */
export function wholeOf(maps: readonly MemoryMap[]): Window {
  const each = maps.map(({ data, fullest, reserved, touched }) => {
    const { peak, capacity, lowerBound } = data;
    const needed = Math.max(peak, lowerBound, fullest, reserved?.most ?? 0, touched, 16);
    return capacity !== null && capacity <= 1.5 * needed ? Math.max(capacity, needed) : needed;
  });
  const lower = Math.min(...maps.map(({ data }) => data.firstStep));
  const upper = Math.max(lower + 1, ...maps.map(({ data }) => data.endStep));
  return { lower, upper, bottom: 0, top: Math.max(...each) * 1.06 };
}
