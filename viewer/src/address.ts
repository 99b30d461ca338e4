// The page's address, whose fragment says what is chosen. Stands on `view.ts`.

import { fromFragment, type Place, toFragment } from './view';

/** Milliseconds after a change until the fragment says it. */
const PAUSE = 200;

export class Address {
  #timer = 0;

  /** `place` says what is chosen; `follow` is called when the reader changes the fragment. */
  constructor(
    readonly place: () => Place,
    follow: (place: Place) => void,
  ) {
    addEventListener('hashchange', () => follow(this.read()));
  }

  read(): Place {
    return fromFragment(location.hash);
  }

  /** Has the fragment say what is chosen, once nothing has changed for a while. */
  note(): void {
    this.forget();
    this.#timer = window.setTimeout(() => {
      const fragment = `#${toFragment(this.place())}`;
      if (fragment !== (location.hash || '#')) history.replaceState(null, '', fragment);
    }, PAUSE);
  }

  /** Leaves the fragment as it is. */
  forget(): void {
    clearTimeout(this.#timer);
  }
}
