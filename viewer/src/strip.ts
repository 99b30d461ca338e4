// The strip above a map: the load over the whole time, and which part of it the map shows. Stands
// on `scene.ts`, `pen.ts` and `map.ts`. Strips of one page have the same scales, as the maps have.

import type { Window } from './boxes';
import type { MemoryMap } from './map';
import type { Scene } from './scene';
import type { Area } from './viewport';

/** The load over the whole time, as a path in the strip. */
export function loadOfAll(map: MemoryMap, whole: Window, strip: Area): Path2D {
  const steps = whole.upper - whole.lower;
  const bottom = strip.top + strip.height;
  const path = new Path2D();
  path.moveTo(strip.left, bottom);
  for (let x = 0; x < strip.width; x++) {
    const from = whole.lower + (x / strip.width) * steps;
    const to = whole.lower + ((x + 1) / strip.width) * steps;
    const load = map.largestLoad(from, to);
    const y = bottom - (load / whole.top) * strip.height;
    path.lineTo(strip.left + x, y);
    path.lineTo(strip.left + x + 1, y);
  }
  path.lineTo(strip.left + strip.width, bottom);
  return path;
}

export function drawStrip(
  { pen, map, theme, view, highlights }: Scene,
  strip: Area,
  all: Path2D,
): void {
  const { context } = pen;
  const { window, whole } = view;
  context.fillStyle = theme.plot;
  context.fillRect(strip.left, strip.top, strip.width, strip.height);
  context.fillStyle = theme.faint;
  context.globalAlpha = 0.55;
  context.fill(all);
  context.globalAlpha = 1;
  context.textAlign = 'right';
  const name = map.noun === 'block' ? 'live' : 'load';
  context.fillText(name, strip.left - 8, strip.top + strip.height / 2);
  const steps = whole.upper - whole.lower;
  const at = (step: number) => strip.left + ((step - whole.lower) / steps) * strip.width;
  const peak = at(map.peakStep + 0.5);
  context.fillStyle = theme.peak;
  context.beginPath();
  context.moveTo(peak - 4, strip.top - 5);
  context.lineTo(peak + 4, strip.top - 5);
  context.lineTo(peak, strip.top + 1);
  context.fill();
  if (highlights.cursor !== null) {
    context.fillStyle = theme.cursor;
    context.fillRect(at(highlights.cursor + 0.5) - 0.75, strip.top, 1.5, strip.height);
  }
  if (window.lower > whole.lower || window.upper < whole.upper) {
    const [left, right] = [at(window.lower), at(window.upper)];
    context.fillStyle = theme.ground;
    context.globalAlpha = 0.65;
    context.fillRect(strip.left, strip.top, left - strip.left, strip.height);
    context.fillRect(right, strip.top, strip.left + strip.width - right, strip.height);
    context.globalAlpha = 1;
    context.strokeStyle = theme.choice;
    context.lineWidth = 1.5;
    context.strokeRect(left, strip.top, Math.max(right - left, 2), strip.height);
  }
}
