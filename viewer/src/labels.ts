// What lies on the boxes and above them: names and sizes, hatched insets and padding, and the
// dashes of gaps. Stands on `scene.ts`, `lines.ts`, `pen.ts`, `raster.ts` and `format.ts`.
//
// A name that a line passes through stands on a plate.

import type { Boxes } from './boxes';
import { bytes, shortened } from './format';
import { crosses, type Lines } from './lines';
import { FONT, type Pen, STAND_IN } from './pen';
import type { Visible } from './raster';
import type { Scene } from './scene';
import type { Area } from './viewport';

/** The letters that a shortened name must have to be of use. */
const USEFUL = 12;
/** How many labels a frame draws. */
const LABELS = 160;

/** The patterns of insets and of padding. */
export interface Hatches {
  readonly inset: CanvasPattern;
  readonly padding: CanvasPattern;
}

/** Where the first inset of each tensor begins. */
export type Inner = ReadonlyMap<number, number>;

/** Draws gaps, padding and insets. */
export function drawSigns(scene: Scene, visible: Visible, hatches: Hatches): Inner {
  drawGaps(scene, visible.gaps);
  drawPadding(scene, visible.padded, hatches.padding);
  return drawInsets(scene, visible.insets, hatches.inset);
}

/** Draws names and sizes, where lines are drawn already. */
export function drawLabels(scene: Scene, visible: Visible, inner: Inner, lines: Lines): void {
  scene.pen.context.textAlign = 'left';
  let drawn = 0;
  for (const kind of ['solid', 'insets'] as const) {
    const boxes = scene.boxes[kind];
    for (const box of visible[kind]) {
      if (drawn >= LABELS) return;
      const part = seen(scene, boxes, box);
      const begin = inner.get(boxes.tensor[box]);
      const end = part.left + part.width;
      const width = begin !== undefined && begin < end ? begin - part.left : part.width;
      if (drawLabel(scene, boxes.tensor[box], { ...part, width }, lines)) drawn += 1;
    }
  }
}

/** The part of a box that is seen. */
function seen({ pen, view }: Scene, boxes: Boxes, box: number): Area {
  const { area } = view;
  return pen.rectangle(
    Math.max(view.x(boxes.lower[box]), area.left - 4),
    Math.min(view.x(boxes.upper[box]), area.left + area.width + 4),
    Math.max(view.y(boxes.top[box]), area.top - 4),
    Math.min(view.y(boxes.bottom[box]), area.top + area.height + 4),
  );
}

/** Gaps: a box's upper and lower edge go on as dashes. */
function drawGaps(scene: Scene, gaps: readonly number[]): void {
  const { context } = scene.pen;
  context.strokeStyle = scene.theme.edge;
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  context.beginPath();
  for (const box of gaps) {
    const { left, top, width, height } = seen(scene, scene.boxes.gaps, box);
    context.moveTo(left, top + 1.5);
    context.lineTo(left + width, top + 1.5);
    context.moveTo(left, top + height - 0.5);
    context.lineTo(left + width, top + height - 0.5);
  }
  context.stroke();
  context.setLineDash([]);
}

/** The bytes above boxes that no tensor can have. */
function drawPadding(scene: Scene, boxes: readonly number[], hatch: CanvasPattern): void {
  const { pen, view, map } = scene;
  const { area } = view;
  const { solid } = scene.boxes;
  pen.context.fillStyle = hatch;
  const { offset, size } = map.tensors;
  for (const box of boxes) {
    const end = solid.top[box];
    const tensor = solid.tensor[box];
    // Above a window there may be bytes of the tensor that are not needed.
    if (end !== offset[tensor] + size[tensor]) continue;
    const { left, top, width, height } = pen.rectangle(
      Math.max(view.x(solid.lower[box]), area.left - 4),
      Math.min(view.x(solid.upper[box]), area.left + area.width + 4),
      Math.max(view.y(end + map.padding(tensor)), area.top - 4),
      Math.min(view.y(end), area.top + area.height + 4),
    );
    if (height > 0) pen.context.fillRect(left, top, width - 1, height);
  }
}

/** Insets as hatched rectangles. */
function drawInsets(
  scene: Scene,
  insets: readonly number[],
  hatch: CanvasPattern,
): Inner {
  const { context } = scene.pen;
  const begins = new Map<number, number>();
  if (insets.length === 0) return begins;
  const { within } = scene.map.tensors;
  const bounds = new Path2D();
  context.fillStyle = hatch;
  for (const box of insets) {
    const { left, top, width, height } = seen(scene, scene.boxes.insets, box);
    if (width < 6 || height < 5) continue;
    context.fillRect(left, top + 1, width - 1, height - 1);
    bounds.rect(left + 0.5, top + 1.5, Math.max(width - 2, 1), Math.max(height - 2, 1));
    const holder = within[scene.boxes.insets.tensor[box]] - 1;
    begins.set(holder, Math.min(begins.get(holder) ?? Infinity, left));
  }
  context.strokeStyle = scene.theme.hatch;
  context.lineWidth = 1;
  context.stroke(bounds);
  return begins;
}

/** The patterns in the colours of a theme: lines that rise for insets, that fall for padding. */
export function hatched({ pen, theme }: Pick<Scene, 'pen' | 'theme'>): Hatches {
  return {
    inset: pattern(pen, theme.hatch, 6, true),
    padding: pattern(pen, theme.edge, 4, false),
  };
}

/** Lines so many pixels apart. */
function pattern(pen: Pen, colour: string, apart: number, isRising: boolean): CanvasPattern {
  const tile = document.createElement('canvas');
  const size = Math.round(apart * pen.ratio);
  tile.width = size;
  tile.height = size;
  const context = tile.getContext('2d')!;
  context.strokeStyle = colour;
  context.lineWidth = pen.ratio;
  context.beginPath();
  const [from, to] = isRising ? [size + 1, -1] : [-1, size + 1];
  for (const shift of [-size, 0, size]) {
    context.moveTo(shift - 1, from);
    context.lineTo(shift + size + 1, to);
  }
  context.stroke();
  const lines = pen.context.createPattern(tile, 'repeat')!;
  lines.setTransform(new DOMMatrix().scale(1 / pen.ratio));
  return lines;
}

/** A name, and the size below it if there is room. */
function drawLabel(
  scene: Scene,
  tensor: number,
  { left, top, width, height }: Area,
  lines: Lines,
): boolean {
  const { pen, map, view, theme } = scene;
  const { area } = view;
  const margin = width < 48 ? 3 : 5;
  const begin = Math.max(left, area.left) + margin;
  const room = Math.min(left + width, area.left + area.width) - begin - margin;
  const high = Math.max(top, area.top);
  const low = Math.min(top + height, area.top + area.height);
  if (room < 22 || low - high < 12) return false;
  const { context } = pen;
  const middle = (high + low) / 2 + 0.5;
  const { text, font } = fitted(scene, tensor, room);
  if (text === '') return false;
  const size = bytes(map.tensors.size[tensor]);
  const hasSize = low - high >= 32 && pen.widthOf(size) <= room;
  const long = Math.max(pen.widthOf(text, font), hasSize ? pen.widthOf(size) : 0);
  const tall = hasSize ? 28 : 14;
  const plate = { left: begin - 3, top: middle - tall / 2, width: long + 6, height: tall };
  if (crosses(lines, area, plate)) {
    context.fillStyle = theme.halo;
    context.fillRect(plate.left, plate.top, plate.width, plate.height);
  }
  context.fillStyle = theme.label;
  context.font = font;
  context.globalAlpha = font === FONT ? 1 : 0.7;
  context.fillText(text, begin, hasSize ? middle - 7 : middle);
  context.font = FONT;
  context.globalAlpha = 1;
  if (hasSize) {
    context.globalAlpha = 0.7;
    context.fillText(size, begin, middle + 7);
    context.globalAlpha = 1;
  }
  return true;
}

/** As much of a tensor's name as is of use or else the type of the operator that writes it. */
function fitted({ pen, map }: Scene, tensor: number, room: number): { text: string; font: string } {
  const name = map.name(tensor);
  const full = shortened(name, 60);
  const width = pen.widthOf(full);
  if (width <= room) return { text: full, font: FONT };
  const letters = Math.floor((full.length * room) / width) - 1;
  const writer = map.writerOf(tensor);
  if (letters >= USEFUL || (writer === null && letters >= 5)) {
    return { text: pen.cut(name, letters, room, shortened, FONT), font: FONT };
  }
  if (writer === null) return { text: '', font: FONT };
  return { text: pen.begun(map.operatorType(writer), room, STAND_IN), font: STAND_IN };
}
