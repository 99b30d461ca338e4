// The lists beside the maps, which follow the map that the reader looks at and the cursor. Stands on
// `alive.ts`, `bodies.ts`, `changes.ts`, `moved.ts`, `peak.ts`, `sheet.ts` and `unused.ts`.
//
// Two maps are compared once, when the reader first looks at the second one.

import { showAlive } from './alive';
import { showBodies } from './bodies';
import { type Changes, changesOf } from './changes';
import { showMoved, showSummary } from './moved';
import type { Pairs } from './pairs';
import { showPeak } from './peak';
import type { Sheet } from './sheet';
import { showUnused } from './unused';

export class SideLists {
  readonly #changes = new Map<number, Changes>();

  /** `open` shows the steps of a body of control flow. */
  constructor(
    readonly sheets: readonly Sheet[],
    readonly pairs: Pairs,
    readonly open: (sheet: Sheet, body: number) => void,
  ) {}

  /** Shows all lists of a map. */
  show(map: number, cursor: number | null): void {
    const sheet = this.sheets[map];
    this.showCursor(map, cursor);
    showPeak(sheet);
    showBodies(sheet.map, (body) => this.open(sheet, body));
    if (this.sheets.length > 1) this.#compare(map);
  }

  /** Shows the lists of what is at the cursor. */
  showCursor(map: number, cursor: number | null): void {
    showAlive(this.sheets[map], cursor);
    showUnused(this.sheets[map], cursor);
  }

  /** Compares the first map with the one that is looked at, or with the second. */
  #compare(map: number): void {
    const other = Math.max(map, 1);
    const [before, after] = [this.sheets[0], this.sheets[other]];
    let changes = this.#changes.get(other);
    if (changes === undefined) {
      changes = changesOf(before.map, after.map, this.pairs.between(0, other));
      this.#changes.set(other, changes);
    }
    const two = { before, after, changes };
    showSummary(two, this.sheets.length > 2);
    showMoved(two);
  }
}
