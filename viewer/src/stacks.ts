// The tab of call stacks: what is measured, of which profile or of which two, the call that is
// zoomed, and the search. Stands on `address.ts`, `flame.ts`, `calls.ts`, `search.ts` and what
// these stand on.
//
// Flame graph and table show the same tree, and a name in them is text. The page's address keeps
// what is shown.

import type { Address, Draft, Fragment, Kept } from './address';
import { CallTable, figure, signed } from './calls';
import { CallTree } from './calltree';
import { type Document, type HeapProfile, type Measure, MEASURES } from './data';
import { byId, element, link, named } from './elements';
import { FlameGraph } from './flame';
import { beginning, exactBytes, percent, plural, shortened, visible, whole } from './format';
import { titlesOf } from './map';
import { fits } from './search';

/** How well a string fits that does not fit. */
const NOT = 3;
/** The letters of a name in the path. */
const CRUMB = 60;

export class Stacks implements Kept {
  #tree: CallTree;
  #choice = 0;
  #measure: Measure = 'atPeak';
  #zoomed = 0;
  #isMeant: ((name: number) => boolean) | null = null;
  readonly #choices: readonly (readonly HeapProfile[])[];
  readonly #flame: FlameGraph;
  readonly #table: CallTable;
  readonly #panel = byId('stacks', HTMLElement);
  readonly #card = byId('call-card', HTMLElement);
  readonly #search = byId('call-search', HTMLInputElement);
  readonly #tabs = [byId('tab-map', HTMLButtonElement), byId('tab-stacks', HTMLButtonElement)];

  constructor(
    private readonly document: Document,
    private readonly address: Address,
  ) {
    const { profiles } = document;
    const [first, ...others] = profiles;
    // Differences stand first: they are why two inputs are on one page.
    this.#choices = [...others.map((other) => [first, other]), ...profiles.map((one) => [one])];
    this.#tree = new CallTree(this.#choices[0], document.strings.count);
    const nameOf = (call: number) => this.#name(call);
    const zoom = (call: number) => this.#zoom(call);
    this.#flame = new FlameGraph(byId('flame', HTMLElement), nameOf, {
      zoom,
      hover: (call, x, y) => this.#hover(call, x, y),
    });
    this.#table = new CallTable(byId('calls', HTMLTableElement), nameOf, zoom);
    this.#fillChoices();
    this.#listen();
    byId('tabs', HTMLElement).hidden = false;
    address.add(this);
  }

  kept(): Fragment {
    const kept: Draft = {};
    if (!this.#panel.hidden) kept.tab = 'stacks';
    if (this.#choice !== 0) kept.profile = this.#choice;
    if (this.#measure !== 'atPeak') kept.measure = this.#measure;
    if (this.#zoomed !== 0) kept.call = this.#zoomed;
    if (this.#search.value !== '') kept.find = this.#search.value;
    return kept;
  }

  restore({ tab, profile = 0, measure, call = 0, find = '' }: Fragment): void {
    this.#choose(profile < this.#choices.length ? profile : 0);
    this.#measure = MEASURES.find((known) => known === measure) ?? 'atPeak';
    byId('measure', HTMLSelectElement).value = this.#measure;
    this.#zoomed = call < this.#tree.count ? call : 0;
    this.#search.value = find;
    this.#find();
    this.#turn(tab === 'stacks' ? 1 : 0);
  }

  #name(call: number): string {
    return call === 0 ? 'all' : this.document.strings.of(this.#tree.name[call]);
  }

  #fillChoices(): void {
    const select = byId('stacks-of', HTMLSelectElement);
    const titles = titlesOf(this.document.maps);
    const title = ({ map }: HeapProfile) => shortened(titles[map] || `map ${map + 1}`, 40);
    for (const choice of this.#choices) {
      select.append(element('option', '', choice.map(title).join(' → ')));
    }
    select.hidden = this.#choices.length < 2;
    byId('stacks-of-label', HTMLElement).hidden = select.hidden;
    select.addEventListener('change', () => {
      this.#choose(select.selectedIndex);
      this.#show();
    });
  }

  /** Takes the tree of another profile or of two, of which no call is zoomed. */
  #choose(choice: number): void {
    byId('stacks-of', HTMLSelectElement).selectedIndex = choice;
    if (choice === this.#choice) return;
    this.#choice = choice;
    this.#tree = new CallTree(this.#choices[choice], this.document.strings.count);
    this.#zoomed = 0;
  }

  #listen(): void {
    const measure = byId('measure', HTMLSelectElement);
    measure.addEventListener('change', () => {
      this.#measure = measure.value as Measure;
      this.#show();
    });
    this.#search.addEventListener('input', () => {
      this.#find();
      this.address.note();
    });
    this.#tabs.forEach((tab, i) => {
      tab.addEventListener('click', () => this.#turn(i));
      tab.addEventListener('keydown', (event) => {
        if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
        this.#turn(1 - i);
        this.#tabs[1 - i].focus();
        event.preventDefault();
        event.stopPropagation();
      });
    });
    // Keys of the map are not meant while it is hidden.
    document.body.addEventListener('keydown', (event) => {
      const isField = event.target instanceof HTMLInputElement;
      if (this.#panel.hidden || isField || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === '/') {
        this.#search.focus();
        event.preventDefault();
      }
      if (event.key === 'Escape') this.#zoom(0);
      if (event.key !== 'd') event.stopPropagation();
    });
    window.addEventListener('resize', () => this.#draw());
  }

  /** Shows the map or the call stacks. */
  #turn(tab: number): void {
    this.#tabs.forEach((button, i) => {
      button.ariaSelected = `${i === tab}`;
      button.tabIndex = i === tab ? 0 : -1;
    });
    this.#panel.hidden = tab === 0;
    document.documentElement.classList.toggle('stacks', tab === 1);
    this.#hover(null, 0, 0);
    if (tab === 1) this.#show();
    else this.address.note();
  }

  #zoom(call: number): void {
    this.#zoomed = call;
    this.#draw();
  }

  #show(): void {
    this.#table.show(this.#tree, this.#measure);
    this.#draw();
    this.#say();
  }

  #draw(): void {
    if (this.#panel.hidden) return;
    this.address.note();
    const isWhole = this.#flame.show(this.#tree, this.#measure, this.#zoomed);
    this.#flame.mark(this.#isMeant);
    byId('narrow', HTMLElement).hidden = isWhole;
    byId('stack-colours', HTMLElement).textContent = this.#tree.isDifference
      ? 'width: the larger of before and after · red: more after, blue: less, hatched: gone'
      : 'colours only tell calls apart';
    const crumbs = this.#tree.path(this.#zoomed).map((call) => {
      const name = named(beginning(this.#name(call), CRUMB));
      const made = link(name, () => this.#zoom(call));
      if (call === this.#zoomed) made.ariaCurrent = 'true';
      return element('li', '', made);
    });
    byId('crumbs', HTMLElement).replaceChildren(...crumbs);
    const total = figure(this.#tree.total(this.#zoomed, this.#measure), this.#measure);
    const label = `Flame graph of ${visible(this.#name(this.#zoomed))}, ${total}; as a table below`;
    this.#flame.box.ariaLabel = label;
  }

  /** Marks the calls that fit what the field says. */
  #find(): void {
    const query = this.#search.value;
    this.#isMeant = null;
    if (query !== '') {
      const found = fits(this.document.strings, query);
      this.#isMeant = (name) => found[name] !== NOT;
    }
    this.#flame.mark(this.#isMeant);
    this.#say();
  }

  /** Says what the search found. */
  #say(): void {
    const place = byId('call-found', HTMLElement);
    if (this.#isMeant === null) {
      place.textContent = '';
      return;
    }
    const { calls, sum } = this.#tree.sumOf(this.#isMeant, this.#measure);
    const share = percent(sum, this.#tree.total(0, this.#measure));
    place.textContent = `${plural(calls, 'call')}: ${figure(sum, this.#measure)}, ${share}`;
  }

  #hover(call: number | null, x: number, y: number): void {
    const card = this.#card;
    card.hidden = call === null;
    if (call === null) return;
    const list = element('dl', '');
    const fact = (name: string, value: string) =>
      list.append(element('dt', '', name), element('dd', '', value));
    for (const [name, value] of this.#facts(call)) fact(name, value);
    card.replaceChildren(element('h2', '', named(this.#name(call))), list);
    const { width, height } = card.getBoundingClientRect();
    card.style.left = `${Math.max(4, Math.min(x + 14, window.innerWidth - width - 8))}px`;
    const below = y + 18;
    const fitsBelow = below + height + 8 < window.innerHeight;
    card.style.top = `${Math.max(4, fitsBelow ? below : y - height - 10)}px`;
  }

  #facts(call: number): [string, string][] {
    const tree = this.#tree;
    const measure = this.#measure;
    const exact = measure === 'allocations' ? whole : exactBytes;
    const total = tree.total(call, measure);
    const facts: [string, string][] = [
      ['total', `${figure(total, measure)} (${exact(total)})`],
      ['share', `${percent(total, tree.total(0, measure))} of all`],
      ['self', exact(tree.own(call, measure))],
      ['allocations', whole(tree.total(call, 'allocations'))],
    ];
    if (!tree.isDifference) return facts;
    const before = tree.total(call, measure, 0);
    const change = signed(tree.change(call, measure), measure);
    return [...facts, ['before', exact(before)], ['change', change]];
  }
}
