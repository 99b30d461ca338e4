// The bodies of control flow: bars along the top of the map, which open when they are clicked, and
// a list of them. Stands on `elements.ts`, `scene.ts`, `map.ts` and `format.ts`.
//
// A body within another one comes after it, and its bar lies below. What opens is the window: it
// shows the steps of the body alone, or those around it if it is open already.

import { byId, element, link, named } from './elements';
import { bytes, plural, shortened } from './format';
import type { MemoryMap } from './map';
import { FONT } from './pen';
import type { Scene } from './scene';
import type { Viewport } from './viewport';

/** The height of a bar and of the space below it. */
const BAR = 13;
const PITCH = BAR + 2;
/** How many bodies within each other have bars of their own. */
const DEEPEST = 4;
/** How many bodies are listed. */
const LISTED = 100;

/** Where a bar lies on the canvas. */
interface Bar {
  readonly left: number;
  readonly top: number;
  readonly width: number;
}

export interface Steps {
  readonly lower: number;
  readonly upper: number;
}

const DEPTHS = new WeakMap<MemoryMap, readonly number[]>();

/** How many bodies each body lies in. */
export function depthsOf(map: MemoryMap): readonly number[] {
  const known = DEPTHS.get(map);
  if (known !== undefined) return known;
  const around: Steps[] = [];
  const depths = bodies(map).map((body) => {
    while (around.length > 0 && around[around.length - 1].upper <= body.lower) around.pop();
    return around.push(body) - 1;
  });
  DEPTHS.set(map, depths);
  return depths;
}

export function drawBodies(scene: Scene): void {
  const { pen, map, view, theme } = scene;
  const { context } = pen;
  // Where the last bar of each depth ended: bars within a pixel of each other are one.
  const ends = Array<number>(DEEPEST).fill(-1);
  depthsOf(map).forEach((depth, body) => {
    const bar = barOf(map, view, body, depth);
    if (bar === null || bar.left + bar.width < ends[depth]! + 1) return;
    const { left, top, width } = bar;
    ends[depth] = left + width;
    context.globalAlpha = 0.9;
    context.fillStyle = theme.halo;
    context.fillRect(left, top, width, BAR);
    context.globalAlpha = 1;
    context.strokeStyle = theme.faint;
    context.lineWidth = 1;
    context.strokeRect(left + 0.5, top + 0.5, Math.max(width - 1, 1), BAR - 1);
    const name = pen.begun(titleOf(map, body), width - 8, FONT);
    context.fillStyle = theme.faint;
    context.textAlign = 'left';
    if (name !== '') context.fillText(name, left + 4, top + BAR / 2 + 0.5);
  });
}

/** The body whose bar is at a point of the canvas. */
export function bodyAt(map: MemoryMap, view: Viewport, x: number, y: number): number | null {
  const found = depthsOf(map).findIndex((depth, body) => {
    const bar = barOf(map, view, body, depth);
    if (bar === null) return false;
    const { left, top, width } = bar;
    return x >= left && x < left + width && y >= top && y < top + PITCH;
  });
  return found < 0 ? null : found;
}

/** The steps to show if a body is opened, or closed because it is open: those around it. */
export function opened(map: MemoryMap, body: number, shown: Steps): Steps {
  const all = bodies(map);
  const { lower, upper } = all[body];
  if (shown.lower !== lower || shown.upper !== upper) return { lower, upper };
  const around = all.slice(0, body).filter((outer) => outer.upper >= upper);
  return around.pop() ?? { lower: map.data.firstStep, upper: map.data.endStep };
}

/** Lists the bodies, those with the most bytes alive at once first. */
export function showBodies(map: MemoryMap, open: (body: number) => void): void {
  const section = byId('bodies', HTMLElement);
  const all = bodies(map);
  section.hidden = all.length === 0;
  if (section.hidden) return;
  const heading = element('h2', '', 'Control flow');
  heading.id = 'bodies-title';
  const most = all.map(({ lower, upper }) => map.largestLoad(lower, upper));
  const order = all.map((_, body) => body).sort((a, b) => most[b] - most[a] || a - b);
  const list = element('ul', 'bodies');
  for (const body of order.slice(0, LISTED)) {
    const { lower, upper } = all[body];
    const name = link(named(shortened(titleOf(map, body), 80)), () => open(body));
    const operators = plural(upper - lower, 'operator');
    list.append(element('li', '', name, ` ${operators}, at most ${bytes(most[body])} alive`));
  }
  const left = all.length - LISTED;
  const more = left > 0 ? [element('p', '', `and ${left} more`)] : [];
  section.replaceChildren(heading, list, ...more);
}

function bodies({ operators }: MemoryMap): Steps[] {
  if (operators === null) return [];
  const { lower, upper } = operators.bodies;
  return [...lower].map((from, i) => ({ lower: from, upper: upper[i] }));
}

function titleOf(map: MemoryMap, body: number): string {
  const { name, repeated } = map.operators!.bodies;
  const text = map.strings.of(name[body]);
  return repeated[body] === 1 ? `${text} (repeated)` : text;
}

/** Where a bar lies, if it can be seen. */
function barOf(map: MemoryMap, view: Viewport, body: number, depth: number): Bar | null {
  const { area, window } = view;
  const { lower, upper } = map.operators!.bodies;
  if (upper[body] <= window.lower || lower[body] >= window.upper || depth >= DEEPEST) return null;
  const left = Math.max(view.x(lower[body]), area.left);
  const right = Math.min(view.x(upper[body]), area.left + area.width);
  return { left, top: area.top + 2 + depth * PITCH, width: Math.max(right - left, 2) };
}
