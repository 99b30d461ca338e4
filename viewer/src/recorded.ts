// What an allocator had, drawn: the parts that were reserved, how many bytes those were, and which
// share of them was lost. Stands on `marks.ts`, `pen.ts` and `format.ts`.
//
// Only a map of a recording has it. What is reserved and not alive is the fragmentation: the ground
// of such a part shows between the boxes.

import { percent } from './format';
import type { Scene } from './marks';
import type { Area } from './view';

/** The ground of what was reserved, under the boxes. */
export function drawRanges({ pen, map, view, theme }: Scene): void {
  const { recorded } = map.data;
  if (recorded === null) return;
  const { lower, upper, offset, size } = recorded.ranges;
  const { area } = view;
  const { context } = pen;
  context.fillStyle = theme.muted;
  for (let i = 0; i < lower.length; i++) {
    const part = pen.rectangle(
      Math.max(view.x(lower[i]), area.left),
      Math.min(view.x(upper[i]), area.left + area.width),
      Math.max(view.y(offset[i] + size[i]), area.top),
      Math.min(view.y(offset[i]), area.top + area.height),
    );
    if (part.width <= 0 || part.height <= 0) continue;
    context.fillRect(part.left, part.top, part.width, Math.max(part.height - 1, 1));
  }
}

/** The bytes that were reserved, as a line of steps. */
export function drawReserved({ pen, map, view, theme }: Scene): void {
  if (map.reserved === null) return;
  const { context } = pen;
  const { area } = view;
  context.beginPath();
  let last = NaN;
  for (let x = area.left; x < area.left + area.width; x++) {
    const y = view.y(map.reserved.largest(view.step(x), view.step(x + 1)));
    if (y === last) continue;
    if (Number.isNaN(last)) context.moveTo(x, y);
    else {
      context.lineTo(x, last);
      context.lineTo(x, y);
    }
    last = y;
  }
  context.lineTo(area.left + area.width, last);
  context.strokeStyle = theme.peak;
  context.lineWidth = 1.5;
  context.setLineDash([5, 3]);
  context.stroke();
  context.setLineDash([]);
}

/** Steps at which something happened: a line, and what it was. */
export function drawMarks({ pen, map, view, theme }: Scene): void {
  const { context } = pen;
  const { area } = view;
  let free = area.left;
  for (const { step, text } of map.data.marks) {
    const x = view.x(step + 0.5);
    if (x < area.left || x > area.left + area.width) continue;
    context.fillStyle = theme.peak;
    context.fillRect(pen.line(x), area.top, 1.5, area.height);
    const width = pen.widthOf(text) + 8;
    const left = Math.min(x + 6, area.left + area.width - width);
    // Words that would stand on others are left out: the line says where.
    if (left < free) continue;
    pen.tag(text, left, area.top + 10, theme.peak, theme);
    free = left + width;
  }
}

/** The share of reserved bytes that was not alive, over the whole time. */
export function drawLost({ pen, map, view, theme, marks }: Scene, strip: Area): void {
  if (map.lost === null) return;
  const { context } = pen;
  context.fillStyle = theme.plot;
  context.fillRect(strip.left, strip.top, strip.width, strip.height);
  const { lower, upper } = view.whole;
  const steps = (upper - lower) / strip.width;
  const bottom = strip.top + strip.height;
  context.fillStyle = theme.strong;
  for (let x = 0; x < strip.width; x++) {
    const share = map.lost.largest(lower + x * steps, lower + (x + 1) * steps);
    const height = share * strip.height;
    context.fillRect(strip.left + x, bottom - height, 1, height);
  }
  context.fillStyle = theme.faint;
  context.textAlign = 'right';
  context.fillText('lost', strip.left - 8, strip.top + strip.height / 2);
  const share = percent(map.lost.at(marks.cursor ?? map.peakStep), 1);
  const where = marks.cursor === null ? 'when fullest' : 'at the cursor';
  const text = `${share} of what is reserved ${where}`;
  const left = strip.left + strip.width - 6 - pen.widthOf(text);
  pen.tag(text, left, strip.top + strip.height / 2, theme.text, theme);
}
