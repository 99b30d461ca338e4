// What an allocator had, drawn: how many bytes were reserved, how many of them were not in use, and
// what was refused. Stands on `overlays.ts`, `lines.ts`, `free.ts`, `scene.ts`, `pen.ts` and
// `format.ts`.
//
// Only a map of a recording has it. The ranges that were reserved are in the picture of the boxes.

import type { Mark } from './data';
import { beginning, bytes, percent, whole } from './format';
import { wordsOfFree } from './free';
import { trace } from './lines';
import { widthOfLevels } from './overlays';
import type { Scene } from './scene';
import type { Area } from './viewport';

/** The bytes that were reserved, as a line of steps, which has these heights. */
export function drawReserved({ pen, view, theme }: Scene, heights: Float64Array): void {
  const { context } = pen;
  trace(context, view.area, heights);
  context.strokeStyle = theme.peak;
  context.lineWidth = 1.5;
  context.setLineDash([5, 3]);
  context.stroke();
  context.setLineDash([]);
}

/** Steps at which something happened: a line, what it was and, of a recording, what was free. */
export function drawMarks(scene: Scene): void {
  const { pen, map, view, theme } = scene;
  const { context } = pen;
  const { area } = view;
  let taken = area.left;
  const drawn = new Set<number>();
  // Above the words of the cursor.
  const bottom = area.top + area.height - 30;
  const end = area.left + area.width - widthOfLevels(scene, bottom - 22, bottom + 8);
  for (const mark of map.data.marks) {
    const x = view.x(mark.step + 0.5);
    if (x < area.left || x > area.left + area.width) continue;
    // Thousands of marks need no more lines than there are pixels.
    const line = pen.line(x);
    context.fillStyle = theme.peak;
    if (!drawn.has(line)) context.fillRect(line, area.top, 1.5, area.height);
    drawn.add(line);
    // Words that would stand on others are left out: the line says where.
    if (x + 6 < taken) continue;
    const lines = wordsOf(scene, mark);
    const width = Math.max(...lines.map((line) => pen.widthOf(line))) + 8;
    const left = Math.min(x + 6, end - width);
    if (left < taken) continue;
    lines.forEach((line, i) => {
      pen.tag(line, left, bottom - 15 * (lines.length - 1 - i), theme.peak, theme);
    });
    taken = left + width;
  }
}

/** The words of each mark: what is free there takes a walk over all ranges. */
const WORDS = new WeakMap<Mark, readonly string[]>();

function wordsOf({ map, boxes }: Scene, mark: Mark): readonly string[] {
  let words = WORDS.get(mark);
  if (words === undefined) {
    words = [beginning(mark.text, 80), ...wordsOfFree(map, boxes, mark)];
    WORDS.set(mark, words);
  }
  return words;
}

/** The reserved bytes not in use, over the whole time; the strip's height is the most reserved. */
export function drawUnused({ pen, map, view, theme, highlights }: Scene, strip: Area): void {
  const { unused, reserved } = map;
  if (unused === null || reserved === null) return;
  const { context } = pen;
  context.fillStyle = theme.plot;
  context.fillRect(strip.left, strip.top, strip.width, strip.height);
  const { lower, upper } = view.whole;
  const steps = (upper - lower) / strip.width;
  const bottom = strip.top + strip.height;
  const scale = reserved.most === 0 ? 0 : strip.height / reserved.most;
  context.fillStyle = theme.strong;
  for (let x = 0; x < strip.width; x++) {
    const height = unused.largest(lower + x * steps, lower + (x + 1) * steps) * scale;
    context.fillRect(strip.left + x, bottom - height, 1, height);
  }
  const middle = strip.top + strip.height / 2;
  context.fillStyle = theme.faint;
  context.textAlign = 'right';
  context.fillText('not in use', strip.left - 8, middle - 6);
  context.fillText(`of ${bytes(reserved.most)}`, strip.left - 8, middle + 6);
  const step = highlights.cursor ?? map.leastUsedStep;
  const [part, all] = [unused.at(step), reserved.at(step)];
  const where = highlights.cursor === null ? `at step ${whole(step)}, the most` : 'at the cursor';
  const text = `${bytes(part)} (${percent(part, all)}) ${where}`;
  const left = strip.left + strip.width - 6 - pen.widthOf(text);
  pen.tag(text, left, middle, theme.text, theme);
}
