// The keys, which act on all maps of the page. Stands on `viewport.ts`.
//
// A key in a field is text, and Enter or the space bar on a button presses it, or opens what is
// folded.

import type { Viewport } from './viewport';

export interface Commands {
  /** The step of the cursor, if there is one. */
  cursor(): number | null;
  /** The window changed. */
  moved(): void;
  pin(): void;
  search(): void;
  close(): void;
  /** Moves the cursor by steps. */
  walk(by: number): void;
  peak(): void;
  theme(): void;
}

export function listenToKeys(view: Viewport, commands: Commands): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target } = event;
    const isField = target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
    if (isField && event.key !== 'Escape') return;
    const isButton =
      target instanceof HTMLButtonElement ||
      (target instanceof HTMLElement && target.tagName === 'SUMMARY');
    if (isButton && (event.key === 'Enter' || event.key === ' ')) return;
    if (act(event.key, view, commands)) event.preventDefault();
  });
}

/** Where the cursor is, or the middle of the map if it is not seen there. */
function middle(view: Viewport, cursor: number | null): number {
  const { area, window } = view;
  const isSeen = cursor !== null && window.lower <= cursor && cursor + 1 <= window.upper;
  return isSeen ? view.x(cursor + 0.5) : area.left + area.width / 2;
}

function act(key: string, view: Viewport, commands: Commands): boolean {
  const { top, width, height } = view.area;
  const changed = (change: () => void) => {
    change();
    commands.moved();
  };
  const zoom = (factor: number) =>
    changed(() => view.zoom(middle(view, commands.cursor()), top + height / 2, factor));
  const pan = (right: number, down: number) => changed(() => view.pan(right, down));
  const actions: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => pan(width / 8, 0),
    ArrowRight: () => pan(-width / 8, 0),
    ArrowUp: () => pan(0, height / 8),
    ArrowDown: () => pan(0, -height / 8),
    '+': () => zoom(1.4),
    '=': () => zoom(1.4),
    '-': () => zoom(1 / 1.4),
    '0': () => changed(() => view.fit()),
    '/': () => commands.search(),
    Escape: () => commands.close(),
    Enter: () => commands.pin(),
    '[': () => commands.walk(-1),
    ']': () => commands.walk(1),
    p: () => commands.peak(),
    d: () => commands.theme(),
  };
  if (!Object.hasOwn(actions, key)) return false;
  actions[key]();
  return true;
}
