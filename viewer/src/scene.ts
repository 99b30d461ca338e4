// What is marked on a map, and all that a file which draws on the canvas is given. Stands on
// `pen.ts`, `viewport.ts`, `colours.ts`, `parts.ts` and `map.ts`.

import type { MemoryMap } from './map';
import type { BoxesOfMap } from './parts';
import type { Pen } from './pen';
import type { Theme } from './theme';
import type { Viewport } from './viewport';

/** What is marked on the map. */
export interface Highlights {
  cursor: number | null;
  pinned: number | null;
  hovered: number | null;
  /** Where the pointer is, if what is under it shall be named there. */
  pointer: { readonly x: number; readonly y: number } | null;
  /** What the operator at the cursor reads and writes. */
  reads: readonly number[];
  writes: readonly number[];
}

/** A map, where it is drawn, with what, and what is marked on it. */
export interface Scene {
  readonly pen: Pen;
  readonly map: MemoryMap;
  readonly boxes: BoxesOfMap;
  readonly view: Viewport;
  readonly theme: Theme;
  readonly highlights: Highlights;
}
