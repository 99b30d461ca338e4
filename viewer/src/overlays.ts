// What is drawn over the boxes: the load, peak and bounds, the cursor, outlines and the name at the
// pointer. Stands on `marks.ts`, `pen.ts` and `format.ts`.

import { bytes, shortened, whole } from './format';
import type { Scene } from './marks';

/** The load as a line of steps. */
export function drawLoad({ pen, map, view, theme }: Scene): void {
  const { context } = pen;
  const { area } = view;
  context.beginPath();
  let last = NaN;
  for (let x = area.left; x < area.left + area.width; x++) {
    const load = map.largestLoad(view.step(x), view.step(x + 1));
    if (load === last) continue;
    if (Number.isNaN(last)) context.moveTo(x, view.y(load));
    else {
      context.lineTo(x, view.y(last));
      context.lineTo(x, view.y(load));
    }
    last = load;
  }
  if (!Number.isNaN(last)) context.lineTo(area.left + area.width, view.y(last));
  const { lower, upper } = view.window;
  const isDense = area.width / (upper - lower) < 8;
  context.lineJoin = 'round';
  if (!isDense) {
    context.strokeStyle = theme.halo;
    context.lineWidth = 3.5;
    context.stroke();
  }
  context.globalAlpha = isDense ? 0.5 : 0.9;
  context.strokeStyle = theme.load;
  context.lineWidth = isDense ? 1 : 1.5;
  context.stroke();
  context.globalAlpha = 1;
}

/** Peak, lower bound and capacity; of a recording what was reserved and live at most. */
export function drawLevels(scene: Scene): void {
  const { theme, view } = scene;
  const { peak, lowerBound, capacity } = scene.map.data;
  const { reserved, fullest } = scene.map;
  if (capacity !== null) drawLevel(scene, capacity, theme.faint, [2, 3], 'capacity', 0);
  if (reserved !== null) {
    drawLevel(scene, reserved.most, theme.peak, [], 'reserved', 0);
    drawLevel(scene, fullest, theme.bound, [6, 4], 'live', 0);
  } else if (peak === lowerBound) {
    drawLevel(scene, peak, theme.peak, [], 'peak = lower bound', 0);
  } else {
    drawLevel(scene, peak, theme.peak, [], 'peak', 0);
    const gap = view.y(lowerBound) - view.y(peak);
    drawLevel(scene, lowerBound, theme.bound, [6, 4], 'lower bound', gap < 17 ? 1 : 0);
  }
}

function drawLevel(
  { pen, view, theme }: Scene,
  value: number,
  colour: string,
  dash: number[],
  name: string,
  place: number,
): void {
  const { context } = pen;
  const { area } = view;
  const y = Math.round(view.y(value) * pen.ratio) / pen.ratio;
  if (y < area.top - 1 || y > area.top + area.height + 1) return;
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.setLineDash(dash);
  context.beginPath();
  context.moveTo(area.left, y);
  context.lineTo(area.left + area.width, y);
  context.stroke();
  context.setLineDash([]);
  const text = `${name} ${bytes(value)}`;
  const right = area.left + area.width - 6 - place * 150;
  const above = y - 17 < area.top ? y + 9 : y - 9;
  pen.tag(text, right - pen.widthOf(text), above, colour, theme);
}

export function drawCursor({ pen, map, view, theme, marks }: Scene): void {
  const { cursor } = marks;
  if (cursor === null) return;
  const { context } = pen;
  const { area } = view;
  const left = view.x(cursor);
  const right = view.x(cursor + 1);
  if (right < area.left || left > area.left + area.width) return;
  context.fillStyle = theme.veil;
  if (right - left > 3) context.fillRect(left, area.top, right - left, area.height);
  context.fillStyle = theme.cursor;
  context.fillRect(pen.line(left), area.top, 1.5, area.height);
  if (right - left > 3) context.fillRect(pen.line(right) - 1, area.top, 1, area.height);
  const of = map.reserved === null ? '' : ` of ${bytes(map.reserved.at(cursor))}`;
  const text = `step ${whole(cursor)}: ${bytes(map.loadAt(cursor))}${of}`;
  const width = pen.widthOf(text) + 14;
  const isRoom = right + width < area.left + area.width;
  const begin = isRoom ? right + 8 : left - width + 6;
  pen.tag(text, begin, area.top + area.height - 12, theme.cursor, theme);
}

export function drawOutlines(scene: Scene): void {
  const { pinned, hovered, reads, writes } = scene.marks;
  for (const tensor of reads) drawOutline(scene, tensor, 1.5, [4, 3]);
  for (const tensor of writes) drawOutline(scene, tensor, 1.5, []);
  if (hovered !== null) drawOutline(scene, hovered, 1.5, []);
  if (pinned !== null) drawOutline(scene, pinned, 3, []);
}

function drawOutline(
  { pen, map, view, theme }: Scene,
  tensor: number,
  width: number,
  dash: number[],
): void {
  if (!map.occupies(tensor)) return;
  const { lower, upper, offset, size } = map.tensors;
  const { area } = view;
  const { left, top, width: across, height } = pen.rectangle(
    Math.max(view.x(lower[tensor]), area.left - 8),
    Math.min(view.x(upper[tensor]), area.left + area.width + 8),
    Math.max(view.y(offset[tensor] + size[tensor]), area.top - 8),
    Math.min(view.y(offset[tensor]), area.top + area.height + 8),
  );
  const { context } = pen;
  context.strokeStyle = theme.choice;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.strokeRect(left, top, Math.max(across, 2), Math.max(height, 2));
  context.setLineDash([]);
}

/** The name and the size of what is under the pointer. */
export function drawTip({ pen, map, theme, marks }: Scene): void {
  const { pointer, hovered } = marks;
  if (pointer === null || hovered === null) return;
  const size = bytes(map.tensors.size[hovered]);
  const text = `${shortened(map.name(hovered), 48)} · ${size}`;
  const left = Math.min(pointer.x + 16, pen.width - pen.widthOf(text) - 12);
  pen.tag(text, Math.max(left, 6), pointer.y + 18, theme.text, theme);
}
