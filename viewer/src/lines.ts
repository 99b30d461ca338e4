// Curves as lines of steps on a map: how high each is in every column of pixels, and whether it
// passes through a text. Stands on `curve.ts` and `viewport.ts`.

import type { Curve } from './curve';
import type { Area, Viewport } from './viewport';

/** Pixels between a text and a line that does not touch it. */
const CLEAR = 1;

/** What passes over a map: curves by their heights in each column, and levels. */
export interface Lines {
  readonly curves: readonly Float64Array[];
  readonly levels: readonly number[];
}

/** The height of a curve in each column of pixels: that of its largest value there. */
export function heightsOf(curve: Curve, view: Viewport): Float64Array {
  const { left, width } = view.area;
  const heights = new Float64Array(Math.max(0, Math.ceil(width)));
  for (let i = 0; i < heights.length; i++) {
    const x = left + i;
    heights[i] = view.y(curve.largest(view.step(x), view.step(x + 1)));
  }
  return heights;
}

/** Makes a line of steps the path of a context. */
export function trace(
  context: CanvasRenderingContext2D,
  { left, width }: Area,
  heights: Float64Array,
): void {
  context.beginPath();
  if (heights.length === 0) return;
  context.moveTo(left, heights[0]);
  for (let i = 1; i < heights.length; i++) {
    if (heights[i] === heights[i - 1]) continue;
    context.lineTo(left + i, heights[i - 1]);
    context.lineTo(left + i, heights[i]);
  }
  context.lineTo(left + width, heights[heights.length - 1]);
}

/** Whether a line passes through a rectangle. */
export function crosses({ curves, levels }: Lines, { left }: Area, text: Area): boolean {
  const [top, bottom] = [text.top - CLEAR, text.top + text.height + CLEAR];
  if (levels.some((level) => top < level && level < bottom)) return true;
  return curves.some((heights) => {
    const from = Math.max(0, Math.floor(text.left - left));
    const to = Math.min(heights.length, Math.ceil(text.left + text.width - left));
    for (let i = from; i < to; i++) {
      // From one column to the next a line goes straight up or down.
      const before = heights[Math.max(0, i - 1)];
      if (Math.min(before, heights[i]) < bottom && Math.max(before, heights[i]) > top) return true;
    }
    return false;
  });
}
