// Pointers, wheel and pinch on one map. Stands on `boxes.ts`, `paint.ts` and `viewport.ts`.
//
// Gestures move the view and say what was meant; what is pinned or where the cursor is belongs to
// its `GestureActions`. A press that moves further than `SLACK` is a drag, and no click.

import type { Window } from './boxes';
import type { Painter } from './paint';
import type { Viewport } from './viewport';

/** A point of a canvas. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Two pointers that are pressed: what the map showed when the second came, and where they were. */
interface Pinch {
  readonly window: Window;
  readonly middle: Point;
  readonly apart: number;
}

export interface GestureActions {
  hover(at: Point | null): void;
  click(at: Point): void;
  /** A click on a strip of the whole time, at this step. */
  visit(step: number): void;
  doubled(): void;
  /** The window changed. */
  moved(): void;
}

/** Pixels that a click may move. */
const SLACK = 4;
/** Pixels that a line of a wheel has. */
const LINE = 16;

export class Gestures {
  readonly #pressed = new Map<number, Point>();
  /** Where the map is held by a pointer that drags it. */
  #held: Point = { x: 0, y: 0 };
  #isDrag = false;
  #isStrip = false;
  #pinch: Pinch | null = null;

  constructor(
    readonly canvas: HTMLCanvasElement,
    readonly view: Viewport,
    readonly painter: Painter,
    readonly actions: GestureActions,
  ) {
    canvas.addEventListener('wheel', (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener('pointerdown', (event) => this.#down(event));
    canvas.addEventListener('pointermove', (event) => this.#move(event));
    canvas.addEventListener('pointerup', (event) => this.#up(event));
    canvas.addEventListener('pointercancel', (event) => this.#cancel(event));
    canvas.addEventListener('pointerleave', () => actions.hover(null));
    canvas.addEventListener('dblclick', () => actions.doubled());
  }

  #changed(change: () => void): void {
    change();
    this.actions.moved();
  }

  #at(event: MouseEvent): Point {
    const { left, top } = this.canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  /** The wheel zooms; with shift, or sideways, it moves the map. */
  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const unit = event.deltaMode === 0 ? 1 : event.deltaMode === 1 ? LINE : 400;
    const [right, down] = [event.deltaX * unit, event.deltaY * unit];
    const at = this.#at(event);
    this.#changed(() => {
      if (event.shiftKey) this.view.pan(-(right || down), 0);
      else if (!event.ctrlKey && Math.abs(right) > Math.abs(down)) this.view.pan(-right, 0);
      else this.#zoom(at, Math.exp(-down * (event.ctrlKey ? 0.01 : 0.002)));
    });
  }

  /** Zooms at a point; over an axis only along it. */
  #zoom({ x, y }: Point, factor: number): void {
    const { area } = this.view;
    const isSteps = y > area.top + area.height || y < area.top;
    const isBytes = x < area.left;
    this.view.zoom(x, y, isBytes ? 1 : factor, isSteps ? 1 : factor);
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0) return;
    const at = this.#at(event);
    this.canvas.setPointerCapture(event.pointerId);
    this.#pressed.set(event.pointerId, at);
    this.#beginPinch();
    this.#isDrag = this.#pressed.size > 1;
    this.#held = at;
    this.#isStrip = this.#pressed.size === 1 && at.y < this.view.area.top - 4;
    if (this.#isStrip) this.#centre(at.x);
    this.actions.hover(null);
  }

  #move(event: PointerEvent): void {
    const at = this.#at(event);
    if (!this.#pressed.has(event.pointerId)) {
      this.actions.hover(at);
      return;
    }
    this.#pressed.set(event.pointerId, at);
    if (this.#pressed.size > 1) {
      if (this.#pinch !== null) this.#movePinch(this.#pinch);
    } else if (this.#isStrip) {
      const { x, y } = this.#held;
      this.#isDrag ||= Math.hypot(at.x - x, at.y - y) > SLACK;
      this.#centre(at.x);
    } else {
      const { x, y } = this.#held;
      if (!this.#isDrag && Math.hypot(at.x - x, at.y - y) <= SLACK) return;
      this.#isDrag = true;
      this.#held = at;
      this.canvas.classList.add('dragged');
      this.#changed(() => this.view.pan(at.x - x, at.y - y));
    }
  }

  /** The middle of two pointers that are pressed, and how far they are apart. */
  #two(): { middle: Point; apart: number } {
    const [a, b] = [...this.#pressed.values()];
    const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    return { middle, apart: Math.max(Math.hypot(a.x - b.x, a.y - b.y), 1) };
  }

  /** Begins a pinch if two pointers are pressed, and ends the last one. */
  #beginPinch(): void {
    this.#pinch = this.#pressed.size === 2 ? { window: this.view.window, ...this.#two() } : null;
  }

  /** What was between two pointers stays between them. */
  #movePinch({ window, middle, apart }: Pinch): void {
    const now = this.#two();
    this.#changed(() => {
      // From where it began, since a window that has met an edge no longer knows what was between.
      this.view.show(window);
      this.#zoom(middle, now.apart / apart);
      this.view.pan(now.middle.x - middle.x, now.middle.y - middle.y);
    });
  }

  #up(event: PointerEvent): void {
    const at = this.#at(event);
    const isClick = this.#pressed.has(event.pointerId) && !this.#isDrag && !this.#isStrip;
    const isOfStrip = this.#isStrip && !this.#isDrag && this.#isBelowStrip(at);
    this.#cancel(event);
    if (isClick) this.actions.click(at);
    else if (isOfStrip) this.actions.visit(Math.floor(this.#stepOf(at.x)));
  }

  #cancel(event: PointerEvent): void {
    this.#pressed.delete(event.pointerId);
    this.#beginPinch();
    // The finger that is left of two goes on with a drag from where it is.
    for (const at of this.#pressed.values()) this.#held = at;
    if (this.#pressed.size === 0) this.canvas.classList.remove('dragged');
  }

  /** Whether a point above the map is on a lane, or on what is not in use. */
  #isBelowStrip({ x, y }: Point): boolean {
    const { left, top, width, height } = this.painter.strip;
    return y > top + height && x >= left && x < left + width;
  }

  /** The step of a place of the strip, which has all steps. */
  #stepOf(x: number): number {
    const { strip } = this.painter;
    const { whole } = this.view;
    return whole.lower + ((x - strip.left) / strip.width) * (whole.upper - whole.lower);
  }

  /** Centres the window on a place of the strip. */
  #centre(x: number): void {
    const { window, whole } = this.view;
    const steps = whole.upper - whole.lower;
    const middle = this.#stepOf(x);
    const half = (window.upper - window.lower) / 2;
    if (window.upper - window.lower >= steps) return;
    this.#changed(() =>
      this.view.show({ ...window, lower: middle - half, upper: middle + half }),
    );
  }
}
