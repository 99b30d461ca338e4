// How the page looks: light or dark, what colours mean, and the legend. Stands on `colours.ts`,
// `elements.ts`, `pairs.ts` and `format.ts`.
//
// The theme is not in the URL: it belongs to who looks.

import {
  type Colouring,
  COLOURINGS,
  type Colours,
  coloursOf,
  DARK,
  LIGHT,
  type Theme,
} from './colours';
import { byId, element } from './elements';
import { visible } from './format';
import type { Pairs } from './pairs';

export class Look {
  theme: Theme = LIGHT;
  colouring: Colouring;
  colours: Colours;
  readonly #select = byId('colour', HTMLSelectElement);
  readonly #button = byId('theme', HTMLButtonElement);
  #isOwnTheme = false;
  /** The groups whose tensors have no colour. */
  readonly #muted = new Set<string>();

  /** `changed` is called once colours have changed, `chosen` once the reader chose a colouring. */
  constructor(
    readonly pairs: Pairs,
    readonly changed: () => void,
    chosen: () => void,
  ) {
    this.colouring = this.usual;
    const preference = matchMedia('(prefers-color-scheme: dark)');
    if (preference.matches) this.theme = DARK;
    preference.addEventListener('change', () => {
      if (!this.#isOwnTheme) this.#setTheme(preference.matches);
    });
    this.colours = coloursOf(pairs, this.colouring, this.theme);
    for (const option of [...this.#select.options]) {
      if (!this.#isPossible(option.value)) option.remove();
    }
    this.#select.value = this.colouring;
    this.#select.addEventListener('change', () => {
      this.setColouring(this.#select.value);
      chosen();
    });
    this.#button.addEventListener('click', () => this.toggleTheme());
    this.#dress();
  }

  /** The colouring unless another one is chosen. */
  get usual(): Colouring {
    if (this.#isPossible('group')) return 'group';
    if (this.#isPossible('stream')) return 'stream';
    return this.#isPossible('type') ? 'type' : 'size';
  }

  #isPossible(colouring: string): boolean {
    const { maps } = this.pairs;
    if (colouring === 'group') return maps.some(({ data }) => data.groups !== null);
    if (colouring === 'stream') return maps.some(({ data }) => data.streams !== null);
    return colouring !== 'type' || maps.some((map) => map.operators !== null);
  }

  setColouring(name: string): void {
    const known = COLOURINGS.find((colouring) => colouring === name) ?? this.usual;
    const possible = this.#isPossible(known) ? known : this.usual;
    this.#select.value = possible;
    if (possible === this.colouring) return;
    this.colouring = possible;
    this.#recolour();
  }

  toggleTheme(): void {
    this.#isOwnTheme = true;
    this.#setTheme(this.theme === LIGHT);
  }

  /** Shows what the colours and signs on the maps mean. */
  showLegend(): void {
    const entries = this.colours.legend.map(({ colour, text, group }) => {
      const swatch = element('span', 'swatch');
      swatch.style.backgroundColor = colour;
      const name = visible(text).slice(0, 40);
      if (group === undefined) return element('li', '', swatch, name);
      return element('li', '', this.#filter(group, swatch, name));
    });
    const has = (kind: string, text: string) =>
      element('li', '', element('span', `mark ${kind}`), text);
    const tensors = this.pairs.maps.map((map) => map.tensors);
    if (tensors.some(({ within }) => within.some((holder) => holder !== 0))) {
      entries.push(has('inset', 'view or in place'));
    }
    if (tensors.some(({ gaps }) => gaps.lower.length > 0)) entries.push(has('gap', 'gap'));
    if (this.pairs.maps.some((map) => map.hasPadding)) entries.push(has('padding', 'padding'));
    const recording = this.pairs.maps.find((map) => map.reserved !== null);
    const isOfBlocks = this.pairs.maps.some((map) => map.noun === 'block');
    entries.push(has('load', isOfBlocks ? 'live' : 'load'));
    if (recording !== undefined) {
      const { held } = recording;
      entries.push(has('reserved', held), has('ground', `${held}, not in use`));
    }
    byId('legend', HTMLElement).replaceChildren(...entries);
  }

  /** A button that shows or mutes the tensors of a group. */
  #filter(group: string, swatch: HTMLElement, name: string): HTMLButtonElement {
    const button = element('button', 'filter', swatch, element('bdi', '', name));
    button.type = 'button';
    button.title = `Show or mute the tensors of ${name}`;
    button.setAttribute('aria-pressed', String(!this.#muted.has(group)));
    button.addEventListener('click', () => {
      if (!this.#muted.delete(group)) this.#muted.add(group);
      this.#recolour();
      // The legend is new.
      const place = this.colours.legend.findIndex((entry) => entry.group === group);
      byId('legend', HTMLElement).querySelectorAll<HTMLElement>('.filter')[place]?.focus();
    });
    return button;
  }

  #setTheme(isDark: boolean): void {
    this.theme = isDark ? DARK : LIGHT;
    this.#dress();
    this.#recolour();
  }

  #dress(): void {
    document.documentElement.dataset['theme'] = this.theme.name;
    this.#button.textContent = this.theme === DARK ? 'Light' : 'Dark';
  }

  #recolour(): void {
    this.colours = coloursOf(this.pairs, this.colouring, this.theme, this.#muted);
    this.changed();
  }
}
