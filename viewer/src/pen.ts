// The pen: the context of a canvas, its size, and what drawing on it needs everywhere: whole pixels
// of the device, widths of texts, texts cut to the room that there is, and plates under texts.
// Stands on `viewport.ts`, `colours.ts` and `format.ts`.
//
// Positions are in CSS pixels from the upper left corner of the canvas.

import { beginning } from './format';
import type { Theme } from './theme';
import type { Area } from './viewport';

export const FONT = '11px system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif';
/** The font of what stands in for a name that does not fit. */
export const STAND_IN = `italic ${FONT}`;
/** How many widths of texts are kept. */
const WIDTHS = 20000;

export class Pen {
  readonly context: CanvasRenderingContext2D;
  /** Pixels of the device to a CSS pixel. */
  ratio = 1;
  width = 0;
  height = 0;
  readonly #widths = new Map<string, number>();
  readonly #slanted = new Map<string, number>();

  constructor(readonly canvas: HTMLCanvasElement) {
    this.context = canvas.getContext('2d', { alpha: false })!;
  }

  /** Takes the size that the canvas has on the page, or the least one. */
  resize(leastWidth: number, leastHeight: number): void {
    const { clientWidth, clientHeight } = this.canvas;
    this.ratio = globalThis.devicePixelRatio || 1;
    this.width = Math.max(clientWidth, leastWidth);
    this.height = Math.max(clientHeight, leastHeight);
    this.canvas.width = Math.round(this.width * this.ratio);
    this.canvas.height = Math.round(this.height * this.ratio);
  }

  /** Clears the canvas. */
  begin(ground: string): void {
    const { context } = this;
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.font = FONT;
    context.textBaseline = 'middle';
    context.fillStyle = ground;
    context.fillRect(0, 0, this.width, this.height);
  }

  /** A position on a line between pixels of the device. */
  line(position: number): number {
    return Math.floor(position * this.ratio) / this.ratio;
  }

  /** A rectangle on whole pixels of the device. */
  rectangle(left: number, right: number, top: number, bottom: number): Area {
    const round = (length: number) => Math.round(length * this.ratio) / this.ratio;
    const [x, y] = [round(left), round(top)];
    return { left: x, top: y, width: round(right) - x, height: round(bottom) - y };
  }

  widthOf(text: string, font = FONT): number {
    const widths = font === FONT ? this.#widths : this.#slanted;
    let width = widths.get(text);
    if (width === undefined) {
      this.context.font = font;
      width = this.context.measureText(text).width;
      this.context.font = FONT;
      if (widths.size > WIDTHS) widths.clear();
      widths.set(text, width);
    }
    return width;
  }

  /** As much of the beginning of a name as there is room for. */
  begun(name: string, room: number, font: string): string {
    const full = beginning(name, 40);
    const width = this.widthOf(full, font);
    if (width <= room) return full;
    return this.cut(name, Math.floor((full.length * room) / width), room, beginning, font);
  }

  /** A name cut to `letters`, or to fewer until it fits; nothing if too little of it would. */
  cut(name: string, letters: number, room: number, cut: typeof beginning, font: string): string {
    for (let left = letters; left >= 4; left--) {
      const text = cut(name, left);
      if (this.widthOf(text, font) <= room) return text;
    }
    return '';
  }

  /** Text on a plate, from `left`. */
  tag(text: string, left: number, middle: number, colour: string, theme: Theme): void {
    const { context } = this;
    context.fillStyle = theme.halo;
    context.fillRect(left - 4, middle - 7.5, this.widthOf(text) + 8, 15);
    context.fillStyle = colour;
    context.textAlign = 'left';
    context.fillText(text, left, middle + 0.5);
  }
}
