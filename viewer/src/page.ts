// The page of maps: what is chosen on it, and how maps, card, lists and search follow. Stands on
// everything but the call stacks and `main.ts`.
//
// What is chosen (window, cursor, map, pinned tensor, colouring, theme) is kept by the page's
// address. A tensor is chosen in one map and marked in all of them.

import type { Address, Draft, Fragment, Kept } from './address';
import { Appearance } from './appearance';
import { bodyAt, opened } from './bodies';
import { Card } from './card';
import type { Document } from './data';
import { byId } from './elements';
import { sayPage } from './facts';
import { Frames } from './frames';
import { Gestures, type Point } from './gestures';
import { listenToKeys } from './keys';
import { lanesOf } from './lanes';
import type { MemoryMap } from './map';
import { MapChoice } from './mapchoice';
import { Pairs } from './pairs';
import { mapsOf, MapPanel, wholeOf } from './panel';
import { aliveAt } from './parts';
import type { Tensor } from './places';
import { nothingOf, scope, Search } from './search';
import { SideLists } from './side';
import { SharedWindow } from './viewport';

/** Milliseconds after the first picture of a large page, in which the browser shows it. */
const PAUSE = 30;

interface Chosen {
  readonly cursor: number | null;
  readonly pinned: Tensor | null;
}

export class Page implements Kept {
  readonly frames = new Frames();
  readonly maps: readonly MemoryMap[];
  readonly panels: readonly MapPanel[];
  readonly #pairs: Pairs;
  readonly #appearance: Appearance;
  readonly #card: Card;
  readonly #search: Search;
  readonly #mapChoice: MapChoice;
  readonly #lists: SideLists;
  #cursor: number | null = null;
  #pinned: Tensor | null = null;
  #pointer: (Point & { readonly map: number }) | null = null;
  /** What was chosen before each of the last two clicks. */
  #before: Chosen[] = [];

  constructor(
    readonly document: Document,
    private readonly address: Address,
  ) {
    this.maps = mapsOf(document);
    this.#pairs = new Pairs(this.maps);
    this.#appearance = new Appearance(this.#pairs, () => this.#recolour(), () => address.note());
    sayPage(document, this.maps);
    const shown = new SharedWindow(wholeOf(this.maps));
    const { colours, theme, streams } = this.#appearance;
    const lanes = Math.max(...this.maps.map((map) => lanesOf(map).length));
    const isOnly = this.maps.length === 1;
    const hasUnused = this.maps.some((map) => map.unused !== null);
    this.panels = this.maps.map((map, i) => {
      const actions = {
        pin: (tensor: number) => this.pin({ map: i, tensor }),
        visit: (step: number) => this.visit(step),
      };
      const appearance = [colours.pixels[i], theme, streams] as const;
      const ofMemory = this.#pairs.ofMemory(i).map((number) => this.maps[number]);
      const room = [i, isOnly, hasUnused, lanes, wholeOf(ofMemory).top] as const;
      return new MapPanel(map, actions, shown, this.frames, appearance, ...room);
    });
    this.#lists = new SideLists(this.panels, this.#pairs, (panel, body) => this.#open(panel, body));
    this.#mapChoice = new MapChoice(this.maps, () => this.#turned());
    this.#card = new Card(this.panels, this.#pairs, () => this.#setPinned(null));
    const nothing = nothingOf(document.kind, this.maps);
    this.#search = new Search(this.#pairs, nothing, ({ kind, map, index }) => {
      if (kind === 'tensor') this.pin({ map, tensor: index });
      else {
        this.#choose(map);
        this.visit(index);
      }
      this.panels[map].canvas.focus({ preventScroll: true });
    });
    this.panels.forEach((panel, i) => this.#handle(panel, i));
    this.#listen();
    // The lists of a large page follow its first picture.
    if (this.panels.every(({ boxes }) => boxes.solid.isOrdered)) this.#show();
    else requestAnimationFrame(() => setTimeout(() => this.#show(), PAUSE));
    address.add(this);
  }

  /** Pins a tensor and brings its box into view. */
  pin(of: Tensor): void {
    this.#setPinned(of);
    this.panels[of.map].reveal(of.tensor);
    this.#moved();
  }

  /** Moves the cursor to a step and brings that into view. */
  visit(step: number): void {
    this.#setCursor(step);
    this.panels[0].view.revealStep(step);
    this.#moved();
  }

  #handle(panel: MapPanel, map: number): void {
    new Gestures(panel.canvas, panel.view, panel.painter, {
      hover: (at) => this.#hover(at === null ? null : { ...at, map }),
      click: (at) => this.#click(panel, map, at),
      visit: (step) => {
        this.#choose(map);
        this.visit(step);
      },
      doubled: () => this.#doubled(),
      moved: () => this.#moved(),
    });
  }

  #listen(): void {
    const fit = () => {
      this.panels[0].view.fit();
      this.#moved();
    };
    byId('fit', HTMLButtonElement).addEventListener('click', fit);
    this.#search.label(scope(this.maps[0]));
    listenToKeys(this.panels[0].view, {
      cursor: () => this.#cursor,
      moved: () => this.#moved(),
      pin: () => this.#pinSomething(),
      search: () => this.#search.focus(),
      close: () => this.#close(),
      walk: (by) => this.#walk(by),
      peak: () => this.visit(this.#active.map.peakStep),
      theme: () => this.#appearance.toggleTheme(),
    });
  }

  /** The panel of the map that lists are of. */
  get #active(): MapPanel {
    return this.panels[this.#mapChoice.chosen];
  }

  /** Has the lists be of a map. */
  #choose(map: number): void {
    if (this.#mapChoice.choose(map)) this.#show();
  }

  /** The reader chose another map: what is pinned is pinned there. */
  #turned(): void {
    const { chosen } = this.#mapChoice;
    const pinned = this.#pinned;
    if (pinned !== null) {
      const tensor = this.#pairs.other(pinned.map, pinned.tensor, chosen);
      this.#setPinned(tensor === null ? null : { map: chosen, tensor });
    }
    this.#show();
    this.address.note();
  }

  #recolour(): void {
    const { colours, theme, streams } = this.#appearance;
    this.panels.forEach((panel, i) => panel.recolour(colours.pixels[i], theme, streams));
    this.#show();
  }

  /** Legend and lists in the colours of the maps. */
  #show(): void {
    this.#appearance.showLegend();
    this.#lists.show(this.#mapChoice.chosen, this.#cursor);
  }

  #setCursor(step: number | null): void {
    const { lower, upper } = this.panels[0].view.whole;
    const cursor = step === null ? null : Math.min(Math.max(step, lower), upper - 1);
    if (cursor === this.#cursor) return;
    this.#cursor = cursor;
    for (const panel of this.panels) panel.setCursor(cursor);
    this.#lists.showCursor(this.#mapChoice.chosen, cursor);
    this.frames.request();
    this.address.note();
  }

  #setPinned(of: Tensor | null): void {
    this.#pinned = of;
    this.panels.forEach(({ highlights }, to) => {
      highlights.pinned = of === null ? null : this.#pairs.other(of.map, of.tensor, to);
      highlights.hovered = null;
      highlights.pointer = null;
    });
    if (of === null) this.#card.hide();
    else {
      this.#choose(of.map);
      this.#card.pin(of);
    }
    this.frames.request();
    this.address.note();
  }

  #tensorAt({ map, x, y }: Point & { readonly map: number }): Tensor | null {
    const tensor = this.panels[map].tensorAt(x, y);
    return tensor === null ? null : { map, tensor };
  }

  #hover(at: (Point & { readonly map: number }) | null): void {
    this.#pointer = at;
    const of = at === null ? null : this.#tensorAt(at);
    if (this.#pinned === null) {
      if (of === null || at === null) this.#card.hide();
      else {
        const { x, y } = this.panels[at.map].onStage(at);
        this.#card.hover(of, x, y);
      }
    }
    this.panels.forEach(({ highlights }, to) => {
      const other = of === null ? null : this.#pairs.other(of.map, of.tensor, to);
      const isTip = this.#pinned !== null && other !== null && other !== highlights.pinned;
      const tip = isTip && at !== null && at.map === to ? at : null;
      if (other === highlights.hovered && tip === null && highlights.pointer === null) return;
      highlights.hovered = other;
      highlights.pointer = tip;
      this.frames.request();
    });
  }

  #click({ view }: MapPanel, map: number, { x, y }: Point): void {
    if (x < view.area.left || x > view.area.left + view.area.width) return;
    const body = bodyAt(this.maps[map], view, x, y);
    if (body !== null) {
      this.#open(this.panels[map], body);
      return;
    }
    this.#before = [...this.#before.slice(-1), { cursor: this.#cursor, pinned: this.#pinned }];
    this.#choose(map);
    const of = this.#tensorAt({ map, x, y });
    this.#setCursor(Math.floor(view.step(x)));
    this.#setPinned(of);
  }

  /** Shows the steps of a body of control flow, or those around it if they are shown already. */
  #open({ map, view }: MapPanel, body: number): void {
    view.show({ ...view.window, ...opened(map, body, view.window) });
    this.#moved();
  }

  /** Shows everything; the two clicks that this began with choose nothing. */
  #doubled(): void {
    this.panels[0].view.fit();
    const [before] = this.#before;
    if (before !== undefined && this.#before.length === 2) {
      this.#setCursor(before.cursor);
      this.#setPinned(before.pinned);
    }
    this.#before = [];
    this.#moved();
  }

  /** Moves the cursor, which begins at the fullest step, and keeps it in view. */
  #walk(by: number): void {
    const { peakStep } = this.#active.map;
    this.#setCursor(this.#cursor === null ? peakStep : this.#cursor + by);
    this.panels[0].view.revealStep(this.#cursor ?? peakStep);
    this.#moved();
  }

  /** Pins what is under the pointer or else the largest of what is alive at the cursor. */
  #pinSomething(): void {
    const of = this.#pointer === null ? null : this.#tensorAt(this.#pointer);
    const { map, boxes } = this.#active;
    const [largest] = aliveAt(map, boxes, this.#cursor ?? map.peakStep);
    if (of !== null) this.pin(of);
    else if (largest !== undefined) this.pin({ map: this.#mapChoice.chosen, tensor: largest });
  }

  /** Closes the last thing that was opened. */
  #close(): void {
    if (this.#search.isOpen) this.#search.close();
    else if (this.#pinned !== null) this.#setPinned(null);
    else if (this.panels.some(({ highlights }) => highlights.hovered !== null)) this.#hover(null);
    else this.#setCursor(null);
  }

  #moved(): void {
    if (this.#pinned === null) this.#card.hide();
    this.frames.request();
    this.address.note();
  }

  kept(): Fragment {
    const { view } = this.panels[0];
    const kept: Draft = this.#appearance.kept();
    if (!view.isWhole) kept.view = view.window;
    if (this.#cursor !== null) kept.cursor = this.#cursor;
    if (this.#mapChoice.chosen !== 0) kept.map = this.#mapChoice.chosen;
    if (this.#pinned !== null) kept.tensor = this.#pinned.tensor;
    return kept;
  }

  restore(fragment: Fragment): void {
    const { view: shown, cursor, map: which = 0, tensor } = fragment;
    const { view } = this.panels[0];
    if (shown === undefined) view.fit();
    else view.show(shown);
    const map = which < this.maps.length ? which : 0;
    this.#choose(map);
    this.#setCursor(cursor ?? null);
    const isOne = tensor !== undefined && tensor < this.maps[map].tensors.count;
    this.#setPinned(isOne ? { map, tensor } : null);
    this.#appearance.restore(fragment);
    this.frames.request();
  }
}
