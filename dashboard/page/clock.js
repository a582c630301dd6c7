// @ts-check
// Numbers in words, and what counts.

import { setText } from './dom.js';

// Numbers as people read them. Pure.

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB', 'PB'];

/** @param {number} bytes */
const scaleOf = (bytes) => {
  let scale = 0;
  // 999.95 would be written as 1000.0.
  while (scale < UNITS.length - 1 && Math.abs(bytes) / 1000 ** scale >= 999.95) scale += 1;
  return scale;
};

/**
 * @param {number} bytes
 * @param {number} scale
 */
const scaled = (bytes, scale) => {
  const value = bytes / 1000 ** scale;
  return scale === 0 ? String(Math.round(value)) : value.toFixed(value >= 100 ? 0 : 1);
};

/** @param {number} value */
export const bytes = (value) => {
  const scale = scaleOf(value);
  return `${scaled(value, scale)} ${UNITS[scale]}`;
};

/**
 * "2.1 of 6.9 GB": both in the unit of the whole.
 * @param {number} done
 * @param {number} [total]
 */
export const amount = (done, total) => {
  if (total === undefined) return bytes(done);
  const scale = scaleOf(total);
  return `${scaled(done, scale)} of ${scaled(total, scale)} ${UNITS[scale]}`;
};

/** @param {number} perSecond bytes */
export const rate = (perSecond) => `${bytes(perSecond)}/s`;

/**
 * A length of time, rough: two units at most. Below ten seconds `fine` keeps a tenth.
 * @param {number} ms
 * @param {boolean} [fine]
 */
export const duration = (ms, fine = false) => {
  if (fine && ms < 9_950) return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return minutes >= 10 || seconds % 60 === 0 ? `${minutes} min` : `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return hours % 24 === 0 ? `${Math.floor(hours / 24)} d` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
};

/**
 * What is left until a moment: whole seconds, rounded up, never below zero.
 * @param {number} ms
 */
export const left = (ms) => duration(Math.ceil(Math.max(0, ms) / 1000) * 1000);

/**
 * An estimate: coarse, so that it does not flicker.
 * @param {number} ms
 */
export const estimate = (ms) => {
  const seconds = ms / 1000;
  if (seconds < 10) return 'a few seconds';
  if (seconds < 57.5) return `${Math.round(seconds / 5) * 5} s`;
  if (seconds < 3570) return `${Math.max(1, Math.round(seconds / 60))} min`;
  return duration(Math.round(seconds / 300) * 300_000);
};

const GROUPS = new Intl.NumberFormat('en');

/** @param {number} value */
export const count = (value) => (value < 1000 ? String(value) : GROUPS.format(value).replaceAll(',', '\u202f'));

/** @param {number} value between 0 and 1 */
export const percent = (value) => {
  const hundredths = value * 100;
  // Not all of them is not 100 %.
  if (value < 1 && hundredths > 99.9) return '99.9 %';
  return `${hundredths >= 99.95 || hundredths === 0 ? Math.round(hundredths) : hundredths.toFixed(1)} %`;
};

/** @param {number} value */
const two = (value) => String(value).padStart(2, '0');

/**
 * A moment in local time; with the day unless it is that of `now`.
 * @param {string} at
 * @param {number} now milliseconds since 1970
 */
export const moment = (at, now) => {
  const when = new Date(at);
  if (Number.isNaN(when.getTime())) return at;
  const today = new Date(now);
  const clock = `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`;
  if (when.toDateString() === today.toDateString()) return clock;
  return `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())} ${clock}`;
};

// The engine's clock, and one timer for everything on the page that counts.

const TICK_MS = 250;
// Smaller differences are the way of the message, not the clock.
const JITTER_MS = 300;

let offset = 0;

/** @type {Map<Element, () => void>} */
const counting = new Map();
/** @type {ReturnType<typeof setInterval> | undefined} */
let timer;

/** What the last messages said of the difference between the clocks. @type {number[]} */
const told = [];
const TOLD_MAX = 8;

/**
 * Takes over the engine's clock.
 * @param {string} serverNow
 */
export function adjust(serverNow) {
  const next = Date.parse(serverNow) - Date.now();
  if (!Number.isFinite(next)) return;
  told.push(next);
  if (told.length > TOLD_MAX) told.shift();
  // A message that comes late says too little, never too much.
  const best = Math.max(...told);
  if (Math.abs(best - offset) > JITTER_MS) offset = best;
}

/** Where time stands while nothing is heard of the engine. @type {number | undefined} */
let frozen;

/** Milliseconds since 1970, on the engine's clock. */
export const now = () => frozen ?? Date.now() + offset;

/**
 * Lets time stand at a moment, or go on.
 * @param {number | undefined} at on the engine's clock
 */
export function freeze(at) {
  if (frozen === at) return;
  frozen = at;
  if (!globalThis.document?.hidden) beat();
}

/** A moment of this machine on the engine's clock.  @param {number} at */
export const there = (at) => at + offset;

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
