// How the page looks: light or dark, what colours mean, and the legend. Stands on `address.ts`,
// `colours.ts`, `elements.ts`, `pairs.ts` and `format.ts`.
//
// The theme is the system's unless the reader or the page's address chooses one.

import type { Draft, Fragment } from './address';
import { type Colouring, COLOURINGS, type Colours, coloursOf, streamColours } from './colours';
import { byId, element } from './elements';
import { shortened } from './format';
import type { Pairs } from './pairs';
import { DARK, LIGHT, type Theme } from './theme';

/** The choice of theme that leaves it to the system. */
const SYSTEM = 'system';

export class Appearance {
  theme: Theme = LIGHT;
  colouring: Colouring;
  colours: Colours;
  readonly #select = byId('colour', HTMLSelectElement);
  readonly #themes = byId('theme', HTMLSelectElement);
  readonly #system = matchMedia('(prefers-color-scheme: dark)');
  /** The groups whose tensors have no colour. */
  #muted = new Set<string>();

  /** `changed` is called once colours have changed, `chosen` once the reader chose something. */
  constructor(
    readonly pairs: Pairs,
    readonly changed: () => void,
    readonly chosen: () => void,
  ) {
    this.colouring = this.usual;
    this.#dress();
    this.colours = coloursOf(pairs, this.colouring, this.theme);
    for (const option of [...this.#select.options]) {
      if (!this.#isPossible(option.value)) option.remove();
    }
    this.#select.value = this.colouring;
    this.#select.addEventListener('change', () => {
      this.#change(() => (this.colouring = this.#possible(this.#select.value)));
      chosen();
    });
    this.#system.addEventListener('change', () => this.#change(() => {}));
    this.#themes.addEventListener('change', () => {
      this.#change(() => {});
      chosen();
    });
  }

  /** The colour of each stream; one that is muted has none. */
  get streams(): ReadonlyMap<string, string> {
    const all = streamColours(this.pairs.maps, this.theme);
    if (this.colouring !== 'stream') return all;
    for (const name of all.keys()) if (this.#muted.has(name)) all.set(name, this.theme.muted);
    return all;
  }

  /** What the page's address says of it. */
  kept(): Fragment {
    const kept: Draft = {};
    if (this.colouring !== this.usual) kept.colour = this.colouring;
    if (this.#muted.size > 0) kept.muted = [...this.#muted];
    if (this.#themes.value !== SYSTEM) kept.theme = this.#themes.value;
    return kept;
  }

  restore({ colour = this.usual, muted = [], theme = SYSTEM }: Fragment): void {
    const groups = new Set(this.pairs.maps.flatMap(({ data }) => data.groups?.names ?? []));
    this.#change(() => {
      this.colouring = this.#possible(colour);
      this.#select.value = this.colouring;
      this.#muted = new Set(muted.filter((name) => groups.has(name)));
      this.#themes.value = theme;
      // A theme that is none of those chooses nothing.
      if (this.#themes.selectedIndex < 0) this.#themes.value = SYSTEM;
    });
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

  /** The colouring of a name, or the usual one if there is none. */
  #possible(name: string): Colouring {
    const known = COLOURINGS.find((colouring) => colouring === name) ?? this.usual;
    return this.#isPossible(known) ? known : this.usual;
  }

  toggleTheme(): void {
    this.#change(() => (this.#themes.value = this.theme === LIGHT ? 'dark' : 'light'));
    this.chosen();
  }

  /** Shows what the colours and signs on the maps mean. */
  showLegend(): void {
    const entries = this.colours.legend.map(({ colour, text, group }) => {
      const swatch = element('span', 'swatch');
      swatch.style.backgroundColor = colour;
      const name = shortened(text, 40);
      if (group === undefined) return element('li', '', swatch, name);
      return element('li', '', this.#filter(group, swatch, name));
    });
    const has = (kind: string, text: string) =>
      element('li', '', element('span', `mark ${kind}`), text);
    const tensors = this.pairs.maps.map((map) => map.tensors);
    if (tensors.some(({ within }) => within.some((holder) => holder !== 0))) {
      // Where plans have views alone, no result is written in place of an operand.
      const isOfViews = this.pairs.maps.every(({ data }) => data.execution?.aliasing === 'views');
      entries.push(has('inset', isOfViews ? 'view' : 'view or in place'));
    }
    const hasWindows = tensors.some(({ windows }) => windows !== null);
    if (hasWindows || tensors.some(({ gaps }) => gaps.lower.length > 0)) {
      entries.push(has('gap', hasWindows ? 'gap, or bytes not needed' : 'gap'));
    }
    if (this.pairs.maps.some((map) => map.hasPadding)) entries.push(has('padding', 'padding'));
    const recording = this.pairs.maps.find((map) => map.reserved !== null);
    const isOfBlocks = this.pairs.maps.some((map) => map.noun === 'block');
    entries.push(has('load', isOfBlocks ? 'live' : 'load'));
    if (recording !== undefined) {
      const { held } = recording;
      entries.push(has('reserved', held), has('ground', `${held}, not in use`));
    }
    entries.push(has('fullest', 'fullest step'));
    const operators = this.pairs.maps.map((map) => map.operators);
    if (operators.some((of) => of !== null && of.bodies.count > 0)) {
      entries.push(has('body', 'body of control flow'));
    }
    entries.push(has('chosen', `chosen ${isOfBlocks ? 'block' : 'tensor'}`));
    if (operators.some((of) => of !== null)) {
      entries.push(has('read', 'read at the cursor'), has('written', 'written there'));
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
      this.#change(() => this.#muted.delete(group) || this.#muted.add(group));
      this.chosen();
      // The legend is new.
      const place = this.colours.legend.findIndex((entry) => entry.group === group);
      byId('legend', HTMLElement).querySelectorAll<HTMLElement>('.filter')[place]?.focus();
    });
    return button;
  }

  /** Makes a change, and colours anew if it made a difference. */
  #change(change: () => void): void {
    const state = () => JSON.stringify([this.theme.name, this.colouring, ...this.#muted]);
    const before = state();
    change();
    this.#dress();
    if (state() === before) return;
    this.colours = coloursOf(this.pairs, this.colouring, this.theme, this.#muted);
    this.changed();
  }

  /** Puts on the theme that is chosen. */
  #dress(): void {
    const { value } = this.#themes;
    const isDark = value === SYSTEM ? this.#system.matches : value === 'dark';
    this.theme = isDark ? DARK : LIGHT;
    document.documentElement.dataset['theme'] = this.theme.name;
  }
}
