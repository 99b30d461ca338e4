// Starts the page: unpacks the document and joins map, card, lists and search.
// Stands on everything else.
//
// What is chosen (window, cursor, pinned tensor, colouring) is in the URL's fragment, so that the
// page's address is what is seen. The theme is not: it belongs to who looks.

import { AliveList } from './alive';
import { aliveAt, boxesOf } from './boxes';
import { Card } from './card';
import {
  type Colouring,
  COLOURINGS,
  colourOf,
  type Colours,
  coloursOf,
  DARK,
  LIGHT,
} from './colours';
import { Malformed } from './columns';
import { type Document, read, unpack } from './document';
import { type Acts, byId, element } from './elements';
import { bytes, exactBytes, percent, plural, visible, whole } from './format';
import { Handling } from './handling';
import { MemoryMap } from './map';
import { Painter } from './paint';
import { showPeak, verdict } from './peak';
import { scope, Search } from './search';
import { fromFragment, type Place, toFragment, View } from './view';

declare global {
  interface Window {
    /** For tests. */
    orionrt?: { document: Document; view: View; frames: number[] };
  }
}

/** Milliseconds after a change until the fragment says it. */
const PAUSE = 200;
/** Pixels around the pointer in which a box is found that it does not meet. */
const REACH = 3;

class Page implements Acts {
  readonly map: MemoryMap;
  readonly view: View;
  readonly #boxes;
  readonly #canvas = byId('map', HTMLCanvasElement);
  readonly #select = byId('colour', HTMLSelectElement);
  readonly #painter: Painter;
  readonly #card: Card;
  readonly #alive: AliveList;
  readonly #search: Search;
  #colouring: Colouring;
  #colours: Colours;
  #theme = LIGHT;
  #isOwnTheme = false;
  #pointer: { x: number; y: number } | null = null;
  #timer = 0;
  /** What was chosen before each of the last two clicks. */
  #before: { cursor: number | null; pinned: number | null }[] = [];

  constructor(readonly document: Document) {
    this.map = new MemoryMap(document.maps[0], document.strings);
    const { map } = this;
    this.#boxes = boxesOf(map);
    this.view = new View(wholeOf(map));
    this.#colouring = this.#usual();
    const preference = matchMedia('(prefers-color-scheme: dark)');
    if (preference.matches) this.#theme = DARK;
    preference.addEventListener('change', () => {
      if (!this.#isOwnTheme) this.#setTheme(preference.matches);
    });
    this.#colours = coloursOf(map, this.#colouring, this.#theme);
    this.#painter = new Painter(
      this.#canvas,
      map,
      this.#boxes,
      this.view,
      this.#colours,
      this.#theme,
    );
    this.#card = new Card(map, this.#boxes, this, () => this.#unpin());
    this.#alive = new AliveList(map, this.#boxes, this);
    this.#search = new Search(map, ({ kind, index }) => {
      if (kind === 'tensor') this.pin(index);
      else this.visit(index);
      this.#canvas.focus({ preventScroll: true });
    });
    new Handling(this.#canvas, this.view, this.#painter, {
      hover: (at) => this.#hover(at),
      click: (at) => this.#click(at),
      doubled: () => this.#doubled(),
      moved: () => this.#moved(),
      pin: () => this.#pinSomething(),
      search: () => this.#search.focus(),
      close: () => this.#close(),
      walk: (by) => this.#walk(by),
      peak: () => this.visit(map.peakStep),
      theme: () => this.#toggleTheme(),
    });
    this.#tools();
    this.#say();
    this.#dress();
    this.#show();
    this.#restore();
    addEventListener('hashchange', () => this.#restore());
  }

  get frames(): number[] {
    return this.#painter.frames;
  }

  get #marks() {
    return this.#painter.marks;
  }

  /** Pins a tensor and brings its box into view. */
  pin(tensor: number): void {
    const { lower, upper, offset, size } = this.map.tensors;
    this.#setPinned(tensor);
    if (this.map.occupies(tensor)) {
      this.view.reveal({
        lower: lower[tensor],
        upper: upper[tensor],
        bottom: offset[tensor],
        top: offset[tensor] + size[tensor],
      });
    }
    this.#moved();
    this.#painter.request();
  }

  /** Moves the cursor to a step and brings that into view. */
  visit(step: number): void {
    this.#setCursor(step);
    this.view.revealStep(step);
    this.#moved();
    this.#painter.request();
  }

  #tools(): void {
    const { map } = this;
    if (map.operators === null) this.#select.querySelector('[value=type]')?.remove();
    this.#select.value = this.#colouring;
    this.#select.addEventListener('change', () => {
      this.#setColouring(this.#select.value);
      this.#note();
    });
    byId('fit', HTMLButtonElement).addEventListener('click', () => {
      this.view.fit();
      this.#moved();
      this.#painter.request();
    });
    byId('theme', HTMLButtonElement).addEventListener('click', () => this.#toggleTheme());
    byId('search', HTMLInputElement).title = `Search ${scope(map)} (/)`;
  }

  /** Title, facts and notes, and what a screen reader says of the map. */
  #say(): void {
    const { title, notes, generator } = this.document;
    const { map } = this;
    const { data } = map;
    document.title = `${visible(title)} – memory plan`;
    const list = element('ul', 'facts');
    const fact = (name: string, value: string, more: string) => {
      const item = element('li', '', element('span', 'faint', `${name} `));
      item.append(element('strong', '', value));
      item.title = more;
      list.append(item);
    };
    fact('Peak', bytes(data.peak), exactBytes(data.peak));
    fact('Lower bound', bytes(data.lowerBound), exactBytes(data.lowerBound));
    const above = data.peak - data.lowerBound;
    const state = element('li', data.isOptimal ? 'optimal' : 'above');
    state.append(
      data.isOptimal ? 'Optimal' : `${percent(above, data.lowerBound)} above the lower bound`,
    );
    state.title = verdict(map);
    list.append(state);
    if (data.capacity !== null) fact('Capacity', bytes(data.capacity), exactBytes(data.capacity));
    if (data.strategy !== '') fact('Strategy', visible(data.strategy), 'How the plan was made');
    fact('Alignment', bytes(data.alignment), 'What offsets are multiples of');
    list.append(element('li', 'faint', `${scope(map)}, ${plural(map.steps, 'step')}`));
    const facts = byId('facts', HTMLElement);
    const heading = element('h1', '', element('bdi', '', visible(title)));
    heading.title = `Made by ${visible(generator)}`;
    facts.replaceChildren(heading, list);
    const { length: maps } = this.document.maps;
    const all = maps === 1 ? notes : [...notes, `Only the first of ${maps} maps is shown.`];
    if (all.length > 0) {
      const items = all.map((note) => element('li', '', visible(note)));
      const noted = element('ul', 'notes', ...items);
      noted.setAttribute('aria-label', 'Notes');
      facts.append(noted);
    }
    this.#canvas.setAttribute(
      'aria-label',
      `Map of the planned memory: ${scope(map)}, steps ${whole(data.firstStep)} to ` +
        `${whole(data.endStep)} to the right, bytes upwards. The peak is ${bytes(data.peak)}, ` +
        `the lower bound ${bytes(data.lowerBound)}, and step ${whole(map.peakStep)} the fullest. ` +
        'The tables beside it say what is alive there and at the cursor.',
    );
  }

  readonly #colourOf = (tensor: number): string => colourOf(this.#colours.pixels[tensor]);

  #legend(): void {
    const entries = this.#colours.legend.map(({ colour, text }) => {
      const swatch = element('span', 'swatch');
      swatch.style.backgroundColor = colour;
      return element('li', '', swatch, visible(text).slice(0, 40));
    });
    const has = (kind: string, text: string) =>
      element('li', '', element('span', `mark ${kind}`), text);
    if (this.map.tensors.within.some((within) => within !== 0)) {
      entries.push(has('inset', 'view or in place'));
    }
    if (this.map.tensors.gaps.lower.length > 0) entries.push(has('gap', 'gap'));
    entries.push(has('load', 'load'));
    byId('legend', HTMLElement).replaceChildren(...entries);
  }

  #usual(): Colouring {
    return this.map.operators === null ? 'size' : 'type';
  }

  #setColouring(name: string): void {
    const known = COLOURINGS.find((colouring) => colouring === name) ?? this.#usual();
    const possible = known === 'type' ? this.#usual() : known;
    this.#select.value = possible;
    if (possible === this.#colouring) return;
    this.#colouring = possible;
    this.#recolour();
  }

  #setTheme(isDark: boolean): void {
    this.#theme = isDark ? DARK : LIGHT;
    this.#dress();
    this.#recolour();
  }

  #dress(): void {
    document.documentElement.dataset['theme'] = this.#theme.name;
    byId('theme', HTMLButtonElement).textContent = this.#theme === DARK ? 'Light' : 'Dark';
  }

  #toggleTheme(): void {
    this.#isOwnTheme = true;
    this.#setTheme(this.#theme === LIGHT);
  }

  #recolour(): void {
    this.#colours = coloursOf(this.map, this.#colouring, this.#theme);
    this.#painter.colour(this.#colours, this.#theme);
    this.#show();
  }

  /** Legend and lists in the colours of the map. */
  #show(): void {
    this.#legend();
    this.#alive.show(this.#marks.cursor, this.#colourOf);
    showPeak(this.map, this, this.#colourOf);
  }

  #setCursor(step: number | null): void {
    const { firstStep, endStep } = this.map.data;
    const last = Math.max(firstStep, endStep - 1);
    const cursor = step === null ? null : Math.min(Math.max(step, firstStep), last);
    if (cursor === this.#marks.cursor) return;
    this.#marks.cursor = cursor;
    const operator = cursor === null ? null : this.map.operatorAt(cursor);
    const { operators } = this.map;
    const has = operators !== null && operator !== null;
    this.#marks.reads = has ? [...operators.reads.of(operator).slice(0, 64)] : [];
    this.#marks.writes = has ? [...operators.writes.of(operator).slice(0, 64)] : [];
    this.#alive.show(cursor, this.#colourOf);
    this.#painter.request();
    this.#note();
  }

  #setPinned(tensor: number | null): void {
    this.#marks.pinned = tensor;
    this.#marks.hovered = null;
    this.#marks.pointer = null;
    if (tensor === null) this.#card.hide();
    else this.#card.pin(tensor);
    this.#painter.request();
    this.#note();
  }

  #unpin(): void {
    this.#setPinned(null);
  }

  /** The tensor whose box is at a point, or near it. */
  #tensorAt(x: number, y: number): number | null {
    const { area, window } = this.view;
    const isIn =
      x >= area.left && y >= area.top && x <= area.left + area.width && y <= area.top + area.height;
    if (!isIn) return null;
    const steps = (window.upper - window.lower) / area.width;
    const amount = (window.top - window.bottom) / area.height;
    const at = [this.view.step(x), this.view.byte(y)] as const;
    const { insets, solid } = this.#boxes;
    const inset = insets.at(...at, steps / 100, amount / 100);
    if (inset !== null) {
      const isSeen =
        insets.upper[inset] - insets.lower[inset] >= 4 * steps &&
        insets.top[inset] - insets.bottom[inset] >= 4 * amount;
      if (isSeen) return insets.tensor[inset];
    }
    const box = solid.at(...at, REACH * steps, REACH * amount);
    return box === null ? null : solid.tensor[box];
  }

  #hover(at: { x: number; y: number } | null): void {
    this.#pointer = at;
    const { marks } = this.#painter;
    const tensor = at === null ? null : this.#tensorAt(at.x, at.y);
    if (marks.pinned === null) {
      if (tensor === null || at === null) this.#card.hide();
      else this.#card.hover(tensor, at.x, at.y);
    }
    const tip = marks.pinned !== null && tensor !== null && tensor !== marks.pinned ? at : null;
    if (tensor !== marks.hovered || tip !== null || marks.pointer !== null) {
      marks.hovered = tensor;
      marks.pointer = tip;
      this.#painter.request();
    }
  }

  #click({ x, y }: { x: number; y: number }): void {
    const { area } = this.view;
    if (x < area.left || x > area.left + area.width) return;
    const tensor = this.#tensorAt(x, y);
    const { cursor, pinned } = this.#marks;
    this.#before = [...this.#before.slice(-1), { cursor, pinned }];
    this.#setCursor(Math.floor(this.view.step(x)));
    this.#setPinned(tensor);
  }

  /** Shows everything; the two clicks that this began with choose nothing. */
  #doubled(): void {
    this.view.fit();
    const [before] = this.#before;
    if (before !== undefined && this.#before.length === 2) {
      this.#setCursor(before.cursor);
      this.#setPinned(before.pinned);
    }
    this.#before = [];
    this.#moved();
    this.#painter.request();
  }

  /** Moves the cursor, which begins at the peak, and keeps it in view. */
  #walk(by: number): void {
    const { cursor } = this.#marks;
    this.#setCursor(cursor === null ? this.map.peakStep : cursor + by);
    this.view.revealStep(this.#marks.cursor ?? this.map.peakStep);
    this.#moved();
  }

  /** Pins what is under the pointer or else the largest of what is alive at the cursor. */
  #pinSomething(): void {
    const at = this.#pointer;
    const tensor = at === null ? null : this.#tensorAt(at.x, at.y);
    const step = this.#marks.cursor ?? this.map.peakStep;
    const chosen = tensor ?? aliveAt(this.map, this.#boxes, step)[0];
    if (chosen !== undefined) this.pin(chosen);
  }

  /** Closes the last thing that was opened. */
  #close(): void {
    if (this.#search.isOpen) this.#search.close();
    else if (this.#marks.pinned !== null) this.#unpin();
    else if (this.#marks.hovered !== null) this.#hover(null);
    else this.#setCursor(null);
  }

  #moved(): void {
    if (this.#marks.pinned === null) this.#card.hide();
    this.#note();
  }

  /** Has the fragment say what is chosen, once nothing has changed for a while. */
  #note(): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => {
      const { cursor, pinned } = this.#marks;
      const place: { -readonly [K in keyof Place]: Place[K] } = {};
      if (!this.view.isWhole) place.window = this.view.window;
      if (cursor !== null) place.cursor = cursor;
      if (pinned !== null) place.tensor = pinned;
      if (this.#colouring !== this.#usual()) place.colour = this.#colouring;
      const fragment = `#${toFragment(place)}`;
      if (fragment !== (location.hash || '#')) history.replaceState(null, '', fragment);
    }, PAUSE);
  }

  /** Chooses what the fragment says. */
  #restore(): void {
    const { window: shown, cursor, tensor, colour } = fromFragment(location.hash);
    if (shown === undefined) this.view.fit();
    else this.view.show(shown);
    this.#setCursor(cursor ?? null);
    this.#setPinned(tensor !== undefined && tensor < this.map.tensors.count ? tensor : null);
    this.#setColouring(colour ?? this.#usual());
    clearTimeout(this.#timer);
    this.#painter.request();
  }
}

/** All steps, and bytes up to a little above the peak, or the capacity if that is near. */
function wholeOf(map: MemoryMap): View['whole'] {
  const { peak, capacity, firstStep, endStep, lowerBound } = map.data;
  const needed = Math.max(peak, lowerBound, map.fullest, 16);
  const top = capacity !== null && capacity <= 1.5 * needed ? Math.max(capacity, needed) : needed;
  const upper = Math.max(endStep, firstStep + 1);
  return { lower: firstStep, upper, bottom: 0, top: top * 1.06 };
}

async function start(): Promise<void> {
  const data = document.getElementById('orionrt-data');
  if (data === null) throw new Malformed('page', 'it carries no data');
  const found = read(await unpack(data.textContent ?? ''));
  data.remove();
  const page = new Page(found);
  window.orionrt = { document: found, view: page.view, frames: page.frames };
}

start().catch((error: unknown) => {
  const place = byId('error', HTMLElement);
  place.textContent =
    error instanceof Malformed
      ? `The data of this page cannot be read. ${error.message}.`
      : `The page failed: ${error instanceof Error ? error.message : String(error)}.`;
  place.hidden = false;
  document.documentElement.classList.add('failed');
});
