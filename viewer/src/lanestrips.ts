// Lanes as strips above a map, each as high as its bytes, on one scale. Stands on `lanes.ts`,
// `scene.ts`, `theme.ts`, `pen.ts`, `map.ts` and `format.ts`.

import type { Window } from './boxes';
import { shortened } from './format';
import { lanesOf, loadsOf } from './lanes';
import type { MemoryMap } from './map';
import { FONT, type Pen } from './pen';
import type { Scene } from './scene';
import type { Theme } from './theme';
import type { Area } from './viewport';

/** The height of a lane, and from one lane to the next. */
const HEIGHT = 12;
const PITCH = 14;
/** The least height of what is alive, in pixels. */
const LEAST = 1.5;

/** A lane as it is drawn. */
export interface DrawnLane {
  readonly name: string;
  readonly colour: string;
  readonly top: number;
  readonly path: Path2D;
}

/** The pixels that so many lanes take above a map. */
export const heightOfLanes = (count: number): number => (count === 0 ? 0 : count * PITCH + 4);

/** That of its stream; of several streams the one for all others, muted if all of them are. */
export function colourOfLane(
  names: readonly string[],
  colours: ReadonlyMap<string, string>,
  { kinds, muted }: Theme,
): string {
  const own = names.map((name) => colours.get(name) ?? muted);
  if (own.length === 1 || own.every((colour) => colour === muted)) return own[0];
  return kinds[kinds.length - 1];
}

/** The lanes of a map as they are drawn: each as high as its bytes, on one scale. */
export function drawnLanes(
  map: MemoryMap,
  colours: ReadonlyMap<string, string>,
  theme: Theme,
  whole: Window,
  { left, top, width }: Area,
): DrawnLane[] {
  const [lanes, loads] = [lanesOf(map), loadsOf(map)];
  const most = Math.max(1, ...loads.map((load) => load.most));
  const steps = (whole.upper - whole.lower) / width;
  return lanes.map(({ name, streams }, lane) => {
    const path = new Path2D();
    const bottom = top + lane * PITCH + HEIGHT;
    for (let x = 0; x < width; x++) {
      const from = whole.lower + x * steps;
      const load = loads[lane].largest(from, from + steps);
      if (load === 0) continue;
      const height = Math.max(LEAST, (load / most) * HEIGHT);
      path.rect(left + x, bottom - height, 1, height);
    }
    const names = streams.map((stream) => map.data.streams!.names[stream]);
    return { name, colour: colourOfLane(names, colours, theme), top: top + lane * PITCH, path };
  });
}

/** A name in so many pixels: names often differ at their ends. */
function fitted(pen: Pen, name: string, room: number): string {
  const full = shortened(name, 40);
  const width = pen.widthOf(full);
  if (width <= room) return full;
  return pen.cut(name, Math.floor((full.length * room) / width), room, shortened, FONT);
}

export function drawLanes(
  { pen, theme, view, highlights }: Scene,
  { left, top, width, height }: Area,
  lanes: readonly DrawnLane[],
): void {
  const { context } = pen;
  for (const lane of lanes) {
    context.fillStyle = theme.plot;
    context.fillRect(left, lane.top, width, HEIGHT);
    context.fillStyle = lane.colour;
    context.fill(lane.path);
    context.fillStyle = theme.faint;
    context.textAlign = 'right';
    context.fillText(fitted(pen, lane.name, left - 12), left - 8, lane.top + HEIGHT / 2);
  }
  if (highlights.cursor === null || lanes.length === 0) return;
  const { whole } = view;
  const part = (highlights.cursor + 0.5 - whole.lower) / (whole.upper - whole.lower);
  context.fillStyle = theme.cursor;
  context.fillRect(left + part * width - 0.75, top, 1.5, height - PITCH + HEIGHT);
}
