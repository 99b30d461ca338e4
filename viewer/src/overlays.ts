// What is drawn over the boxes: the load, peak and bounds, the cursor, outlines and the name at the
// pointer. Stands on `scene.ts`, `lines.ts`, `pen.ts` and `format.ts`.
//
// Lines are drawn below the names of tensors, and words of their own above them.

import { bytes, shortened, whole } from './format';
import { trace } from './lines';
import type { Scene } from './scene';

/** The load as a line of steps, which has these heights. */
export function drawLoad({ pen, view, theme }: Scene, heights: Float64Array): void {
  const { context } = pen;
  const { area } = view;
  trace(context, area, heights);
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

/** From the middle of words to that of others that do not lie on them, and between two plates. */
const APART = 17;
const BETWEEN = 12;

/** A line across a map, and what stands above it at the right end. */
interface Level {
  readonly value: number;
  readonly colour: string;
  readonly dash: number[];
  readonly name: string;
}

/** Peak, lower bound and capacity; of a recording what was reserved and live at most. */
function levelsOf({ theme, map }: Scene): Level[] {
  const { peak, lowerBound, capacity } = map.data;
  const { reserved, fullest, held } = map;
  const high = (value: number, name: string): Level => {
    return { value, colour: theme.peak, dash: [], name };
  };
  const low = (value: number, name: string): Level => {
    return { value, colour: theme.bound, dash: [6, 4], name };
  };
  const levels: Level[] = [];
  if (capacity !== null) {
    levels.push({ value: capacity, colour: theme.faint, dash: [2, 3], name: 'capacity' });
  }
  if (reserved !== null) {
    levels.push(high(reserved.most, held), low(fullest, 'live'));
  } else if (peak === lowerBound) {
    levels.push(high(peak, 'peak = lower bound'));
  } else {
    levels.push(high(peak, 'peak'), low(lowerBound, 'lower bound'));
  }
  return levels;
}

/** The words of a level: where they begin and end, from the right end of the map, and their middle. */
interface Words {
  readonly level: Level;
  readonly text: string;
  readonly from: number;
  readonly to: number;
  readonly middle: number;
}

/** The words of the levels that are seen; where two are near each other, one is beside the other. */
function wordsOfLevels(scene: Scene): Words[] {
  const placed: Words[] = [];
  for (const level of levelsOf(scene)) {
    if (lineOf(scene, level) === null) continue;
    const text = wordsOf(level);
    const middle = heightOf(scene, level);
    const near = placed.filter((other) => Math.abs(other.middle - middle) < APART);
    const from = Math.max(6, ...near.map(({ to }) => to + BETWEEN));
    placed.push({ level, text, from, to: from + scene.pen.widthOf(text), middle });
  }
  return placed;
}

/** The heights of the levels. */
export const heightsOfLevels = (scene: Scene): number[] =>
  levelsOf(scene).map(({ value }) => scene.view.y(value));

export function drawLevels(scene: Scene): void {
  for (const level of levelsOf(scene)) drawLevel(scene, level);
}

/** The words of the levels. */
export function nameLevels(scene: Scene): void {
  const { pen, view, theme } = scene;
  const right = view.area.left + view.area.width;
  for (const { level, text, to, middle } of wordsOfLevels(scene)) {
    pen.tag(text, right - to, middle, level.colour, theme);
  }
}

const wordsOf = ({ name, value }: Level): string => `${name} ${bytes(value)}`;

/** The middle of the words of a level. */
function heightOf({ view }: Scene, { value }: Level): number {
  const y = view.y(value);
  return y - 17 < view.area.top ? y + 9 : y - 9;
}

/** The pixels that words of levels take at the right end of a map, between two heights. */
export function widthOfLevels(scene: Scene, top: number, bottom: number): number {
  const met = wordsOfLevels(scene).filter(({ middle }) => middle >= top - 8 && middle <= bottom + 8);
  return Math.max(0, ...met.map(({ to }) => to)) + 8;
}

/** Where a line lies, on whole pixels of the device; null if it cannot be seen. */
function lineOf({ pen, view }: Scene, { value }: Level): number | null {
  const { area } = view;
  const y = Math.round(view.y(value) * pen.ratio) / pen.ratio;
  return y < area.top - 1 || y > area.top + area.height + 1 ? null : y;
}

function drawLevel(scene: Scene, level: Level): void {
  const { pen, view } = scene;
  const { colour, dash } = level;
  const { context } = pen;
  const { area } = view;
  const y = lineOf(scene, level);
  if (y === null) return;
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.setLineDash(dash);
  context.beginPath();
  context.moveTo(area.left, y);
  context.lineTo(area.left + area.width, y);
  context.stroke();
  context.setLineDash([]);
}

/** Where the step of the cursor lies, if it can be seen. */
function cursorOf({ view, highlights: { cursor } }: Scene): [left: number, right: number] | null {
  if (cursor === null) return null;
  const [left, right] = [view.x(cursor), view.x(cursor + 1)];
  const { area } = view;
  return right < area.left || left > area.left + area.width ? null : [left, right];
}

export function drawCursor(scene: Scene): void {
  const at = cursorOf(scene);
  if (at === null) return;
  const [left, right] = at;
  const { pen, view, theme } = scene;
  const { context } = pen;
  const { area } = view;
  context.fillStyle = theme.veil;
  if (right - left > 3) context.fillRect(left, area.top, right - left, area.height);
  context.fillStyle = theme.cursor;
  context.fillRect(pen.line(left), area.top, 1.5, area.height);
  if (right - left > 3) context.fillRect(pen.line(right) - 1, area.top, 1, area.height);
}

/** The step of the cursor and the load there, in words. */
export function nameCursor(scene: Scene): void {
  const { pen, map, view, theme, highlights } = scene;
  const { cursor } = highlights;
  const at = cursorOf(scene);
  if (cursor === null || at === null) return;
  const [left, right] = at;
  const { area } = view;
  const of = map.reserved === null ? '' : ` of ${bytes(map.reserved.at(cursor))}`;
  const text = `step ${whole(cursor)}: ${bytes(map.loadAt(cursor))}${of}`;
  const width = pen.widthOf(text) + 14;
  const isRoom = right + width < area.left + area.width;
  const begin = isRoom ? right + 8 : left - width + 6;
  pen.tag(text, begin, area.top + area.height - 12, theme.cursor, theme);
}

export function drawOutlines(scene: Scene): void {
  const { pinned, hovered, reads, writes } = scene.highlights;
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
export function drawTip({ pen, map, theme, highlights }: Scene): void {
  const { pointer, hovered } = highlights;
  if (pointer === null || hovered === null) return;
  const size = bytes(map.tensors.size[hovered]);
  const text = `${shortened(map.name(hovered), 48)} · ${size}`;
  const left = Math.min(pointer.x + 16, pen.width - pen.widthOf(text) - 12);
  pen.tag(text, Math.max(left, 6), pointer.y + 18, theme.text, theme);
}
