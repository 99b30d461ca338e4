// Pointer, wheel and pinch on one map. Stands on `paint.ts` and `view.ts`.
//
// Handling moves the view and says what was meant; what is pinned or where the cursor is belongs to
// its `Intents`. A press that moves further than `SLACK` is a drag, and no click.

import type { Painter } from './paint';
import type { View } from './view';

export interface Intents {
  hover(at: { x: number; y: number } | null): void;
  click(at: { x: number; y: number }): void;
  doubled(): void;
  /** The window changed. */
  moved(): void;
}

/** Pixels that a click may move. */
const SLACK = 4;
/** Pixels that a line of a wheel has. */
const LINE = 16;

export class Handling {
  readonly #pressed = new Map<number, { x: number; y: number }>();
  #start: { x: number; y: number } | null = null;
  #isDrag = false;
  #isStrip = false;

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly view: View,
    readonly painter: Painter,
    readonly intents: Intents,
  ) {
    canvas.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener('pointerdown', (event) => this.#down(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    canvas.addEventListener('pointerup', (event) => this.#up(event));
    canvas.addEventListener('pointercancel', (event) => this.#cancel(event));
    canvas.addEventListener('pointerleave', () => intents.hover(null));
    canvas.addEventListener('dblclick', () => intents.doubled());
  }

  #changed(change: () => void): void {
    change();
    this.intents.moved();
  }

  #at(event: MouseEvent): { x: number; y: number } {
    const { left, top } = this.canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  /** The wheel zooms; over an axis only along it; with shift, or sideways, it moves the map. */
  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const unit = event.deltaMode === 0 ? 1 : event.deltaMode === 1 ? LINE : 400;
    const [right, down] = [event.deltaX * unit, event.deltaY * unit];
    const { x, y } = this.#at(event);
    const { area } = this.view;
    this.#changed(() => {
      if (event.shiftKey) this.view.pan(-(right || down), 0);
      else if (!event.ctrlKey && Math.abs(right) > Math.abs(down)) this.view.pan(-right, 0);
      else {
        const factor = Math.exp(-down * (event.ctrlKey ? 0.01 : 0.002));
        const isSteps = y > area.top + area.height || y < area.top;
        const isBytes = x < area.left;
        this.view.zoom(x, y, isBytes ? 1 : factor, isSteps ? 1 : factor);
      }
    });
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0) return;
    const at = this.#at(event);
    this.canvas.setPointerCapture(event.pointerId);
    this.#pressed.set(event.pointerId, at);
    this.#isDrag = this.#pressed.size > 1;
    this.#start = at;
    this.#isStrip = at.y < this.view.area.top - 4;
    if (this.#isStrip) this.#centre(at.x);
    this.intents.hover(null);
  }

  #move(event: PointerEvent): void {
    const at = this.#at(event);
    const last = this.#pressed.get(event.pointerId);
    if (last === undefined) {
      this.intents.hover(at);
      return;
    }
    if (this.#pressed.size > 1) {
      this.#pinch(event.pointerId, at);
    } else if (this.#isStrip) {
      this.#centre(at.x);
    } else {
      const start = this.#start ?? at;
      if (!this.#isDrag && Math.hypot(at.x - start.x, at.y - start.y) <= SLACK) return;
      this.#isDrag = true;
      this.canvas.classList.add('dragged');
      this.#changed(() => this.view.pan(at.x - last.x, at.y - last.y));
    }
    this.#pressed.set(event.pointerId, at);
  }

  /** Two pointers: what was between them stays between them. */
  #pinch(moved: number, to: { x: number; y: number }): void {
    const [first, second] = [...this.#pressed.keys()];
    const before = [this.#pressed.get(first)!, this.#pressed.get(second)!];
    const after = [first === moved ? to : before[0], second === moved ? to : before[1]];
    const apart = ([a, b]: { x: number; y: number }[]) => Math.hypot(a.x - b.x, a.y - b.y);
    const middle = ([a, b]: { x: number; y: number }[]) => ({
      x: (a.x + b.x) / 2,
      y: (a.y + b.y) / 2,
    });
    const [from, at] = [middle(before), middle(after)];
    const factor = apart(after) / Math.max(apart(before), 1);
    this.#changed(() => {
      this.view.pan(at.x - from.x, at.y - from.y);
      this.view.zoom(at.x, at.y, factor);
    });
  }

  #up(event: PointerEvent): void {
    const at = this.#at(event);
    const isClick = this.#pressed.has(event.pointerId) && !this.#isDrag && !this.#isStrip;
    this.#cancel(event);
    if (isClick) this.intents.click(at);
  }

  #cancel(event: PointerEvent): void {
    this.#pressed.delete(event.pointerId);
    if (this.#pressed.size === 0) this.canvas.classList.remove('dragged');
  }

  /** Centres the window on a place of the strip. */
  #centre(x: number): void {
    const { strip } = this.painter;
    const { window, whole } = this.view;
    const steps = whole.upper - whole.lower;
    const middle = whole.lower + ((x - strip.left) / strip.width) * steps;
    const half = (window.upper - window.lower) / 2;
    if (window.upper - window.lower >= steps) return;
    this.#changed(() =>
      this.view.show({ ...window, lower: middle - half, upper: middle + half }),
    );
  }
}
