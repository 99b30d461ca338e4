// The flame graph of a tree of calls: a row for each depth, the outermost calls at the top, and
// each call as wide as its weight. Stands on `calltree.ts`, `calls.ts`, `elements.ts` and
// `format.ts`.
//
// Only frames that are at least a pixel wide are elements, and no more than `MOST` of them. One
// call is zoomed: it has the whole width, and so have those that it is within. In a difference of
// two profiles, calls that are gone have hatched frames, which name what went.

import { signed } from './calls';
import type { CallTree } from './calltree';
import type { Measure } from './data';
import { element, named } from './elements';
import { beginning } from './format';

const MOST = 4000;
/** The letters of a name in a frame; more would not fit on any screen. */
const LETTERS = 200;
/** The least width of a frame with a name in it, in pixels. */
const NAMED = 24;
const ROW = 20;

export interface FlameActions {
  zoom(call: number): void;
  /** The pointer is on a call at a place in the window, or on none. */
  hover(call: number | null, x: number, y: number): void;
}

export class FlameGraph {
  #tree: CallTree | null = null;

  constructor(
    readonly box: HTMLElement,
    private readonly nameOf: (call: number) => string,
    actions: FlameActions,
  ) {
    const callOf = (event: Event): number | null => {
      const frame = event.target instanceof Element ? event.target.closest('.frame') : null;
      return frame instanceof HTMLElement ? Number(frame.dataset['call']) : null;
    };
    box.addEventListener('click', (event) => {
      const call = callOf(event);
      if (call !== null) actions.zoom(call);
    });
    box.addEventListener('pointermove', (event) => {
      actions.hover(callOf(event), event.clientX, event.clientY);
    });
    box.addEventListener('pointerleave', () => actions.hover(null, 0, 0));
  }

  /** Draws the frames of a tree from a call on; returns whether all of them are wide enough. */
  show(tree: CallTree, measure: Measure, zoomed: number): boolean {
    this.#tree = tree;
    const width = this.box.clientWidth;
    const whole = tree.weight(zoomed, measure);
    const path = tree.path(zoomed);
    const frames: HTMLElement[] = path.map((call, depth) => {
      const frame = this.#frame(call, measure, 0, 1, depth, width);
      frame.classList.toggle('outer', call !== zoomed);
      return frame;
    });
    let depth = path.length;
    let isWhole = true;
    let row = [{ call: zoomed, left: 0 }];
    let deepest = depth;
    for (; row.length > 0; depth++) {
      const next: typeof row = [];
      for (const { call, left } of row) {
        let from = left;
        const inner = [...tree.within(call)];
        inner.sort((a, b) => tree.weight(b, measure) - tree.weight(a, measure) || a - b);
        for (const child of inner) {
          const part = whole === 0 ? 0 : tree.weight(child, measure) / whole;
          if (part === 0) break;
          if (part * width < 1 || frames.length >= MOST) {
            isWhole = false;
            break;
          }
          frames.push(this.#frame(child, measure, from, part, depth, width));
          next.push({ call: child, left: from });
          deepest = depth + 1;
          from += part;
        }
      }
      row = next;
    }
    const ground = element('div', 'frames', ...frames);
    ground.style.height = `${deepest * ROW}px`;
    this.box.replaceChildren(ground);
    return isWhole;
  }

  /** Marks the frames of calls that are looked for; null marks none. */
  mark(isMeant: ((name: number) => boolean) | null): void {
    const tree = this.#tree;
    if (tree === null) return;
    for (const frame of this.box.querySelectorAll<HTMLElement>('.frame')) {
      const isFound = isMeant?.(tree.name[Number(frame.dataset['call'])]) ?? false;
      frame.classList.toggle('found', isFound);
      frame.classList.toggle('dim', isMeant !== null && !isFound);
    }
  }

  #frame(
    call: number,
    measure: Measure,
    left: number,
    part: number,
    depth: number,
    width: number,
  ): HTMLElement {
    const tree = this.#tree!;
    const isGone = tree.isGone(call, measure);
    const frame = element('div', isGone ? 'frame gone' : 'frame');
    frame.dataset['call'] = `${call}`;
    frame.style.left = `${100 * left}%`;
    frame.style.width = `${100 * part}%`;
    frame.style.top = `${ROW * depth}px`;
    if (!isGone) frame.style.backgroundColor = this.#colour(call, measure);
    if (part * width < NAMED) return frame;
    frame.append(named(beginning(this.nameOf(call), LETTERS)));
    if (isGone) {
      const went = signed(tree.change(call, measure), measure);
      frame.append(element('span', 'went', ` ${went}`));
    }
    return frame;
  }

  /** A pale green that depends on the name; of a difference red for growth, blue for less. */
  #colour(call: number, measure: Measure): string {
    const tree = this.#tree!;
    if (!tree.isDifference) {
      if (call === 0) return 'var(--muted)';
      // Neighbouring numbers get colours that are far apart.
      const shade = (tree.name[call] * 61) % 47;
      return `hsl(${135 + shade} ${18 + (shade % 16)}% var(--flame))`;
    }
    const change = tree.change(call, measure);
    const most = Math.max(tree.total(call, measure), tree.total(call, measure, 0));
    if (change === 0 || most === 0) return 'var(--muted)';
    const strength = 25 + Math.round((60 * Math.abs(change)) / most);
    return `hsl(${change > 0 ? 6 : 215} ${strength}% var(--flame))`;
  }
}
