// @ts-check
// What all parts share: requests to the server, the state of the page, merge patches.

import { t } from './strings.js';
import { format, parse } from './url.js';

// Requests to the server. Paths are relative, so that the page works below any address.

/** @type {() => void} */
let signedOut = () => {};

/** @param {() => void} listener called when the server asks for the token */
export function onSignedOut(listener) {
  signedOut = listener;
}

/** A key that no other request has; works without a secure context. */
function requestKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// Whoever waits longer than this is told so.
const ANSWER_MS = 15_000;
const AGAIN_MS = 700;

/**
 * Asks the server. A request with a key is repeated once if no answer comes: the server does it once all the same.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body] JSON if it is a text, otherwise what JSON is made of
 * @param {Record<string, string>} [headers]
 * @returns {Promise<Answer>}
 */
export async function call(method, path, body, headers = {}) {
  const first = await request(method, path, body, headers);
  if (first.status !== 0 || headers['Idempotency-Key'] === undefined) return first;
  await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
  return request(method, path, body, headers);
}

/** Keys of requests that had no answer: asked again, it is the same request. @type {Map<string, string>} */
const unanswered = new Map();

/**
 * As `call`, under a key that the same request has again if it had no answer.
 * @param {string} path
 * @param {unknown} [body]
 * @param {Record<string, string>} [headers]
 * @param {string} [method]
 * @returns {Promise<Answer>}
 */
export async function command(path, body, headers = {}, method = 'POST') {
  const what = JSON.stringify([path, body]);
  const key = unanswered.get(what) ?? requestKey();
  const answer = await call(method, path, body, { ...headers, 'Idempotency-Key': key });
  if (answer.status === 0) unanswered.set(what, key);
  else unanswered.delete(what);
  return answer;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} body
 * @param {Record<string, string>} headers
 * @returns {Promise<Answer>}
 */
async function request(method, path, body, headers) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(path, {
      method,
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
  } catch {
    return { ok: false, status: 0, data: undefined, problem: t(method === 'GET' ? 'refused.silence' : 'refused.network'), code: 'network' };
  }
  const data = await response.json().catch(() => undefined);
  if (response.ok) return { ok: true, status: response.status, data, problem: '', code: '' };
  if (response.status === 401 && path !== 'api/v1/session') signedOut();
  return { ok: false, status: response.status, data, problem: problemText(response.status, data), code: data?.code ?? '' };
}

/**
 * A body with an output as it was typed: read and written anew, large numbers would be others.
 * @param {string} output JSON
 * @param {object} more
 */
export function withOutput(output, more) {
  const rest = JSON.stringify(more).slice(1);
  return `{"output":${output}${rest === '}' ? rest : `,${rest}`}`;
}

/**
 * What a problem document says to a person.
 * @param {number} status
 * @param {any} data
 */
export function problemText(status, data) {
  const sentences = [data?.detail ?? data?.title, data?.remedy].filter((text) => typeof text === 'string' && text !== '');
  return sentences.length > 0 ? sentences.map(sentence).join(' ') : t('refused.other', { status });
}

/** @param {string} text */
function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}

// What the parts of the page share: the view as of now, the address, and the frame in which to draw.

/**
 * How the stream stands. `gone` carries the engine's time of what was heard last and when it is tried again; `old` is
 * a page that the server no longer speaks with, `stopped` an engine that has stopped behind a server that answers.
 * @typedef {{kind: 'connecting' | 'live' | 'asleep' | 'gone', since?: number, next?: number, busy?: boolean, old?: boolean, stopped?: boolean, why?: string}} Link
 */

export const app = {
  /** @type {View | undefined} */
  view: undefined,
  state: parse(globalThis.location?.search ?? ''),
  /** @type {Slice} */
  window: { from: 0, count: 60 },
  /** @type {Link} */
  link: { kind: 'connecting' },
  /** Chosen by their box. @type {Set<string>} */
  selected: new Set(),
  /** The row that the keyboard stands on. */
  current: '',
  held: false,
  /** The filters and the order of the rows that are shown. */
  shown: '',
  /** The operation that the server would not even look for. */
  refused: '',
  /** How long the last answer took, milliseconds. */
  took: 0,
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

/** Whether what is shown is no longer followed. */
export const isStale = () => app.link.kind === 'gone' && app.link.why === undefined;

/** Whether the person may change anything here. */
export const mayAct = () => app.view?.engine.read_only !== true;

/** What a browser that keeps nothing forgets with the page. @type {Map<string, string>} */
const kept = new Map();

/** @param {string} name */
export function remembered(name) {
  try {
    return localStorage.getItem(`resurge.${name}`) ?? kept.get(name) ?? '';
  } catch {
    return kept.get(name) ?? '';
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
export function remember(name, value) {
  kept.delete(name);
  try {
    if (value === '') localStorage.removeItem(`resurge.${name}`);
    else localStorage.setItem(`resurge.${name}`, value);
  } catch {
    kept.set(name, value);
  }
}

// JSON merge patches (RFC 7396). What a patch does not name keeps its identity, so that
// `before === after` tells a part of the page that it has nothing to do.

/**
 * @param {any} value
 * @returns {value is Record<string, any>}
 */
const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The value that comes of applying `patch` to `target`; neither is changed.
 * @param {any} target
 * @param {any} patch
 * @returns {any}
 */
export function merge(target, patch) {
  if (!isObject(patch)) return patch;
  const base = isObject(target) ? target : {};
  /** @type {Record<string, any> | undefined} */
  let next = base === target ? undefined : base;
  for (const key of Object.keys(patch)) {
    const change = patch[key];
    if (change === null) {
      if (!Object.hasOwn(base, key)) continue;
      next ??= { ...base };
      delete next[key];
      continue;
    }
    const before = Object.hasOwn(base, key) ? base[key] : undefined;
    const after = merge(before, change);
    if (after === before) continue;
    if (next === undefined || next === base) next = { ...base };
    // A key may be any text of the journal, `__proto__` too.
    Object.defineProperty(next, key, { value: after, enumerable: true, writable: true, configurable: true });
  }
  return next ?? base;
}

/**
 * The new value, with the parts that equal those of the old replaced by the old ones.
 * @param {any} before
 * @param {any} after
 * @returns {any}
 */
export function settled(before, after) {
  if (typeof before !== 'object' || typeof after !== 'object' || before === null || after === null) return after;
  if (Array.isArray(before) !== Array.isArray(after)) return after;
  const keys = Object.keys(after);
  let same = keys.length === Object.keys(before).length;
  for (const key of keys) {
    if (Object.hasOwn(before, key)) after[key] = settled(before[key], after[key]);
    if (!Object.hasOwn(before, key) || after[key] !== before[key]) same = false;
  }
  return same ? before : after;
}
