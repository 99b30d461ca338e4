// Frames: all maps of a page are painted in the same ones. Stands on nothing.
//
// A frame never takes much longer than `SLICE` for boxes, however many maps there are: each gets
// its share, and what is not drawn by then follows in the next frame.

/** Milliseconds of a frame in which boxes are drawn. */
const SLICE = 7;

/** What is painted in frames. */
export interface Painted {
  /** Paints until the clock says `deadline`; true once the picture is whole. */
  paint(deadline: number): boolean;
}

export class Frames {
  /** How long each of the last frames took, in milliseconds. */
  readonly times: number[] = [];
  readonly #painted: Painted[] = [];
  #isRequested = false;

  add(painted: Painted): void {
    this.#painted.push(painted);
  }

  /** Has a frame painted soon. */
  request(): void {
    if (this.#isRequested) return;
    this.#isRequested = true;
    requestAnimationFrame(() => {
      this.#isRequested = false;
      this.paint(this.#painted);
    });
  }

  /** Paints some of the maps now. */
  paint(some: readonly Painted[]): void {
    const begin = performance.now();
    let isWhole = true;
    some.forEach((painted, i) => {
      const share = (SLICE * (i + 1)) / some.length;
      isWhole = painted.paint(begin + share) && isWhole;
    });
    if (!isWhole) this.request();
    if (this.times.length >= 20000) this.times.splice(0, 10000);
    this.times.push(performance.now() - begin);
  }
}
