// The colours of the page's two themes, light and dark. Stands on nothing.
//
// Fills are calm enough that the theme's text can be read on each of them. What carries a meaning
// in every colouring (peak, bound, cursor, choice) has a colour that no fill has.

export interface Theme {
  readonly name: 'light' | 'dark';
  readonly ground: string;
  readonly plot: string;
  readonly grid: string;
  readonly text: string;
  readonly faint: string;
  readonly label: string;
  readonly hatch: string;
  readonly edge: string;
  readonly load: string;
  readonly halo: string;
  readonly peak: string;
  readonly bound: string;
  readonly cursor: string;
  readonly choice: string;
  readonly veil: string;
  /** Fills for kinds, of which the last one is for all others. */
  readonly kinds: readonly string[];
  /** The ends of a ramp: little and much. */
  readonly ramp: readonly [string, string];
  readonly muted: string;
  readonly strong: string;
}

export const LIGHT: Theme = {
  name: 'light',
  ground: '#ffffff',
  plot: '#f8f9fb',
  grid: '#e6e9ee',
  text: '#1c2330',
  faint: '#5b6575',
  label: '#131a26',
  hatch: '#1c233038',
  edge: '#1c233088',
  load: '#253046',
  halo: '#ffffffd0',
  peak: '#b3261e',
  bound: '#00695c',
  cursor: '#1a56db',
  choice: '#1a56db',
  veil: '#1a56db1a',
  kinds: [
    '#93b8e6',
    '#f3b983',
    '#a2d3a4',
    '#e9a7a3',
    '#c3aee2',
    '#d0b49f',
    '#eab6d5',
    '#d5d58a',
    '#8fd3da',
    '#c6ccd5',
  ],
  ramp: ['#e3ecf8', '#5d91d3'],
  muted: '#dce0e6',
  strong: '#f0a868',
};

export const DARK: Theme = {
  name: 'dark',
  ground: '#14171d',
  plot: '#1a1e26',
  grid: '#2a303b',
  text: '#e4e8ef',
  faint: '#9aa4b4',
  label: '#f3f5f9',
  hatch: '#ffffff30',
  edge: '#ffffff80',
  load: '#e4e8ef',
  halo: '#0b0d11d0',
  peak: '#ff8a80',
  bound: '#5fd6c4',
  cursor: '#8ab4ff',
  choice: '#8ab4ff',
  veil: '#8ab4ff22',
  kinds: [
    '#3b669b',
    '#9c6233',
    '#417649',
    '#944a47',
    '#6a5494',
    '#755948',
    '#8d577b',
    '#727230',
    '#2c7680',
    '#505a68',
  ],
  ramp: ['#26364d', '#4a84cc'],
  muted: '#363e4b',
  strong: '#a8652c',
};
