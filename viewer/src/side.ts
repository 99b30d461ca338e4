// The lists beside the maps, which follow the map that the reader looks at and the cursor. Stands
// on `alive.ts`, `bodies.ts`, `changes.ts`, `moved.ts`, `peak.ts`, `panel.ts` and `unused.ts`.
//
// Maps of one memory are compared, each pair once, when the reader first looks at the second one.

import { showAlive } from './alive';
import { showBodies } from './bodies';
import { type Changes, changesOf } from './changes';
import { hideComparison, showMoved, showSummary } from './moved';
import type { Pairs } from './pairs';
import type { MapPanel } from './panel';
import { showPeak } from './peak';
import { showUnused } from './unused';

export class SideLists {
  /** What changed to a map from the first one of its memory. */
  readonly #changes = new Map<number, Changes>();

  /** `open` shows the steps of a body of control flow. */
  constructor(
    readonly panels: readonly MapPanel[],
    readonly pairs: Pairs,
    readonly open: (panel: MapPanel, body: number) => void,
  ) {}

  /** Shows all lists of a map. */
  show(map: number, cursor: number | null): void {
    const panel = this.panels[map];
    this.showCursor(map, cursor);
    showPeak(panel);
    showBodies(panel.map, (body) => this.open(panel, body));
    this.#compare(map);
  }

  /** Shows the lists of what is at the cursor. */
  showCursor(map: number, cursor: number | null): void {
    showAlive(this.panels[map], cursor);
    showUnused(this.panels[map], cursor);
  }

  /** Compares the first map of a memory with the one that is looked at, or with the second. */
  #compare(map: number): void {
    const [first, second] = this.pairs.ofMemory(map);
    if (second === undefined) {
      hideComparison();
      return;
    }
    const other = map === first ? second : map;
    const [before, after] = [this.panels[first], this.panels[other]];
    let changes = this.#changes.get(other);
    if (changes === undefined) {
      changes = changesOf(before.map, after.map, this.pairs.between(first, other));
      this.#changes.set(other, changes);
    }
    const two = { before, after, changes };
    showSummary(two, this.panels.length > 2);
    showMoved(two);
  }
}
