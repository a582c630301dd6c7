// @ts-check
// What the parts of the page share: the view as of now, the address, and the frame in which to draw.

import { format, parse } from './url.js';

/**
 * @typedef {import('./types.d.ts').View} View
 * @typedef {import('./types.d.ts').State} State
 * @typedef {import('./types.d.ts').Window} Window
 */

/**
 * How the stream stands. `gone` carries when it was last alive and when it is tried again.
 * @typedef {{kind: 'connecting' | 'live' | 'asleep' | 'gone', since?: number, next?: number, busy?: boolean}} Link
 */

export const app = {
  /** @type {View | undefined} */
  view: undefined,
  state: parse(location.search),
  /** @type {Window} */
  window: { from: 0, count: 60 },
  /** @type {Link} */
  link: { kind: 'connecting' },
  /** Chosen by their box. @type {Set<string>} */
  selected: new Set(),
  /** The row that the keyboard stands on. */
  current: '',
  held: false,
};

/** @type {((view: View) => void)[]} */
const parts = [];
/** @type {((before: State) => void)[]} */
const travellers = [];
/** @type {(() => void)[]} */
const frames = [];
let asked = false;

/**
 * Draws with every frame, also while there is no view.
 * @param {() => void} draw
 */
export function onFrame(draw) {
  frames.push(draw);
}

/**
 * Draws with every frame in which something is new. Not called before there is a view.
 * @param {(view: View) => void} draw
 */
export function part(draw) {
  parts.push(draw);
}

/**
 * Called after the address has changed.
 * @param {(before: State) => void} listener
 */
export function onTravel(listener) {
  travellers.push(listener);
}

function draw() {
  asked = false;
  for (const frame of frames) frame();
  if (app.view === undefined) return;
  for (const part of parts) part(app.view);
}

/** Asks for a frame. */
export function invalidate() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(draw);
}

/** @param {State} state */
function arrive(state) {
  const before = app.state;
  app.state = state;
  for (const listener of travellers) listener(before);
  invalidate();
}

/**
 * Changes what is looked at, and the address with it.
 * @param {Partial<State>} change
 * @param {boolean} [replace] leaves no entry in the history
 */
export function go(change, replace = false) {
  const state = { ...app.state, ...change };
  const address = format(state);
  if (address === format(app.state)) return;
  if (replace) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
  arrive(state);
}

export function watchHistory() {
  addEventListener('popstate', () => arrive(parse(location.search)));
}

/** Whether the person may change anything here. */
export const mayAct = () => app.view?.engine.read_only !== true;

/** @param {string} name */
export function remembered(name) {
  try {
    return localStorage.getItem(`resurge.${name}`) ?? '';
  } catch {
    return '';
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
export function remember(name, value) {
  try {
    if (value === '') localStorage.removeItem(`resurge.${name}`);
    else localStorage.setItem(`resurge.${name}`, value);
  } catch {
    // A browser that keeps nothing forgets it with the page.
  }
}
