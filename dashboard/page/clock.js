// @ts-check
// The engine's clock, and one timer for everything on the page that counts.

import { duration, left } from './format.js';
import { setText } from './dom.js';

const TICK_MS = 250;
// Smaller differences are the way of the message, not the clock.
const JITTER_MS = 300;

let offset = 0;

/** @type {Map<Element, () => void>} */
const counting = new Map();
/** @type {ReturnType<typeof setInterval> | undefined} */
let timer;

/**
 * Takes over the engine's clock.
 * @param {string} serverNow
 */
export function adjust(serverNow) {
  const next = Date.parse(serverNow) - Date.now();
  if (Number.isFinite(next) && Math.abs(next - offset) > JITTER_MS) offset = next;
}

/** Milliseconds since 1970, on the engine's clock. */
export const now = () => Date.now() + offset;

function beat() {
  for (const [element, draw] of counting) {
    if (element.isConnected) draw();
    else counting.delete(element);
  }
  settle();
}

function settle() {
  const wanted = counting.size > 0 && !document.hidden;
  if (wanted && timer === undefined) timer = setInterval(beat, TICK_MS);
  if (!wanted && timer !== undefined) {
    clearInterval(timer);
    timer = undefined;
  }
}

export function watchVisibility() {
  document.addEventListener('visibilitychange', () => {
    settle();
    if (!document.hidden) beat();
  });
}

/**
 * Draws an element now and at every tick until it leaves the page or is stopped.
 * @param {Element} element
 * @param {() => void} draw
 */
export function tick(element, draw) {
  counting.set(element, draw);
  draw();
  settle();
}

/** @param {Element} element */
export function still(element) {
  if (counting.delete(element)) settle();
}

/**
 * "8 s" until a moment; `due` once it has come.
 * @param {Element} element
 * @param {string} at
 * @param {(left: string) => string} words
 * @param {string} due
 */
export function countDown(element, at, words, due) {
  const end = Date.parse(at);
  tick(element, () => {
    const ms = end - now();
    setText(element, ms <= 0 ? due : words(left(ms)));
  });
}

/**
 * How long something has been going on.
 * @param {Element} element
 * @param {string} since
 * @param {(past: string) => string} words
 */
export function countUp(element, since, words) {
  const start = Date.parse(since);
  tick(element, () => setText(element, words(duration(Math.max(0, now() - start)))));
}
