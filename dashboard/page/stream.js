// @ts-check
// The live view. A subscription is an address; another one is opened beside the old, which goes on until the
// snapshot of the new is there.

import { app, askForToken, invalidate, merge, problemText, remembered, settled } from './app.js';
import { adjust, there } from './clock.js';
import { listKey, subscription } from './url.js';

// Server-sent events out of a stream of text. The browser's own EventSource hides the heartbeats and the
// status of a refusal, and both are needed here.

/** @typedef {{event: string, id: string, data: string}} Message */

/**
 * A reader to be fed with pieces of text, cut anywhere.
 * @param {(message: Message) => void} take
 * @returns {(piece: string) => void}
 */
export function reader(take) {
  let rest = '';
  let event = '';
  let id = '';
  /** @type {string[]} */
  let data = [];

  /** @param {string} line */
  const line = (line) => {
    if (line === '') {
      if (data.length > 0) take({ event: event || 'message', id, data: data.join('\n') });
      event = '';
      data = [];
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'event') event = value;
    else if (field === 'data') data.push(value);
    else if (field === 'id') id = value;
  };

  return (piece) => {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const each of lines) line(each.endsWith('\r') ? each.slice(0, -1) : each);
  };
}

const VERSION = 1;
// Heartbeats come every 15 s: two that do not come are a dead line.
const SILENCE_MS = 35_000;
// The first message comes at once.
const OPENING_MS = 15_000;
// A line that ends sooner was none.
const LIVED_MS = 5000;
// An engine that was stopped is not back in a moment.
const STOPPED_MS = 10_000;
const BACKOFF_MS = [300, 600, 1200, 2500, 5000, 8000];
const HIDDEN_MS = 10_000;

/** @typedef {{stop: AbortController, address: string, list: string, heard: number, stopped?: boolean}} Line */

/** @type {Line | undefined} */
let live;
/** @type {Line | undefined} */
let opening;
let failures = 0;
/** Since when there has been a line. */
let liveSince = 0;
/** When something was heard last, on the engine's clock. @type {number | undefined} */
let heardAt;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let retryTimer;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let hiddenTimer;
/** The view as of the last message; the page may be held at an older one. @type {View | undefined} */
let newest;
/** The address of what is on the page. */
let shown = '';
/** @type {((view: View) => void)[]} */
const listeners = [];
/** @type {((events: number) => void)[]} */
const returns = [];

/** @param {(view: View) => void} listener called with every message, in the background too */
export function onMessage(listener) {
  listeners.push(listener);
}

/** @param {(events: number) => void} listener called when the line is back after it was gone */
export function onReturn(listener) {
  returns.push(listener);
}

/** Opens the stream of what is looked at now, unless it is open or on its way. */
export function resubscribe() {
  if (app.link.stopped === true) {
    clearTimeout(retryTimer);
    retryTimer = undefined;
  }
  if (app.link.kind === 'asleep' || retryTimer !== undefined) return;
  // What was refused is over once something else is asked for.
  if (app.link.why !== undefined) app.link = { kind: live === undefined ? 'connecting' : 'live' };
  const listed = app.state.panel !== 'breakers' && app.state.panel !== 'stats';
  const state = app.refused === app.state.operation ? { ...app.state, operation: '' } : app.state;
  const address = subscription(state, listed ? app.window : { from: 0, count: 0 });
  if ((opening ?? live)?.address === address) return;
  opening?.stop.abort();
  opening = undefined;
  if (live?.address === address) return;
  void open(address, listKey(state));
}

/**
 * @param {string} address
 * @param {string} list what of it chooses and orders the rows
 */
async function open(address, list) {
  /** @type {Line} */
  const line = { stop: new AbortController(), address, list, heard: Date.now() };
  opening = line;
  try {
    const response = await fetch(address, {
      signal: line.stop.signal,
      headers: { accept: 'text/event-stream' },
      credentials: 'same-origin',
      cache: 'no-store',
    });
    if (response.status === 401) {
      close(line);
      askForToken();
      return;
    }
    if ([400, 404, 422].includes(response.status)) {
      await refused(line, response);
      return;
    }
    if (!response.ok || response.body === null) {
      lost(line, response.status === 503 || response.status === 429);
      return;
    }
    await read(line, response.body);
    lost(line, false);
  } catch {
    if (!line.stop.signal.aborted) lost(line, false);
  }
}

/**
 * The address asks for what cannot be: without the operation first, then not at all.
 * @param {Line} line
 * @param {Response} response
 */
async function refused(line, response) {
  const data = await response.json().catch(() => undefined);
  if (line !== opening) return;
  close(line);
  if (app.state.operation !== '' && app.refused !== app.state.operation) {
    app.refused = app.state.operation;
    resubscribe();
  } else {
    app.link = { kind: 'gone', why: problemText(response.status, data) };
  }
  invalidate();
}

/**
 * @param {Line} line
 * @param {ReadableStream<Uint8Array>} body
 */
async function read(line, body) {
  const feed = reader((message) => take(line, message));
  const source = body.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await source.read();
    if (done) return;
    line.heard = Date.now();
    if (line === live) heard();
    feed(decoder.decode(value, { stream: true }));
  }
}

/**
 * @param {Line} line
 * @param {import('./stream.js').Message} message
 */
function take(line, message) {
  if (message.event === 'snapshot') {
    const view = JSON.parse(message.data);
    if (view.v !== VERSION) {
      for (const each of [live, opening]) if (each !== undefined) close(each);
      app.link = { kind: 'gone', old: true };
      invalidate();
      return;
    }
    swap(line, view);
    // What a snapshot repeats keeps its identity, so that nothing is drawn anew for it.
    set(newest === undefined ? view : settled(newest, view), line);
    return;
  }
  if (message.event !== 'patch' || line !== live || newest === undefined) return;
  set(merge(newest, JSON.parse(message.data)), line);
}

/** @param {View} view */
const isStopped = (view) => view.engine.state === 'stopped';

function heard() {
  if (newest === undefined || !isStopped(newest)) heardAt = there(Date.now());
}

/**
 * @param {Line} line
 * @param {View} view
 */
function swap(line, view) {
  if (line === opening) opening = undefined;
  if (live === undefined) liveSince = Date.now();
  else if (live !== line) live.stop.abort();
  live = line;
  if (isStopped(view)) return;
  const missed = newest === undefined || app.link.kind !== 'gone' ? 0 : view.seq - newest.seq;
  app.link = { kind: 'live' };
  if (missed > 0) queueMicrotask(() => returns.forEach((back) => back(missed)));
}

/**
 * @param {View} view
 * @param {Line} line where it comes from
 */
function set(view, line) {
  newest = view;
  if (isStopped(view)) {
    line.stopped = true;
    heardAt = Date.parse(view.now);
    app.link = { kind: 'gone', stopped: true, since: heardAt, next: app.link.next };
  } else {
    // The clock of an engine that has stopped stands.
    adjust(view.now);
    heard();
  }
  for (const listener of listeners) {
    // What goes wrong here is not the fault of the line.
    try {
      listener(view);
    } catch (error) {
      reportError(error);
    }
  }
  // Held still is what is shown, not where somebody goes.
  if (app.held && line.address === shown) return;
  shown = line.address;
  app.shown = line.list;
  app.view = view;
  invalidate();
}

/** Shows the newest view again after the page was held still. */
export function release() {
  app.held = false;
  if (newest !== undefined) app.view = newest;
  invalidate();
}

/** @param {Line} line */
function close(line) {
  line.stop.abort();
  if (line === live) live = undefined;
  if (line === opening) opening = undefined;
}

/**
 * @param {Line} line
 * @param {boolean} busy the server answered, but has no room
 */
function lost(line, busy) {
  const mattered = line === live || line === opening;
  const wasExtra = line === opening && live !== undefined;
  close(line);
  if (!mattered) return;
  if (wasExtra) {
    // The old line still runs; if the server is gone, that one says so.
    setTimeout(resubscribe, 1000);
    return;
  }
  if (opening !== undefined) close(opening);
  if (liveSince > 0 && Date.now() - liveSince >= LIVED_MS) failures = 0;
  liveSince = 0;
  const stopped = line.stopped === true;
  const most = stopped ? STOPPED_MS : (BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)] ?? 0);
  if (!stopped) failures += 1;
  const pause = most * (0.7 + 0.3 * Math.random());
  app.link = { kind: 'gone', since: heardAt, next: Date.now() + pause, busy, stopped };
  clearTimeout(retryTimer);
  retryTimer = setTimeout(again, pause);
  invalidate();
}

/** Tries to connect now. */
export function again() {
  clearTimeout(retryTimer);
  retryTimer = undefined;
  if (app.link.kind === 'gone') app.link = { ...app.link, next: undefined };
  else app.link = { kind: 'connecting' };
  resubscribe();
  invalidate();
}

function sleep() {
  if (!document.hidden || remembered('notify') === 'on') return;
  clearTimeout(retryTimer);
  retryTimer = undefined;
  if (live !== undefined) close(live);
  if (opening !== undefined) close(opening);
  app.link = { kind: 'asleep' };
}

function watchSilence() {
  for (const [line, most] of /** @type {[Line | undefined, number][]} */ ([[opening, OPENING_MS], [live, SILENCE_MS]])) {
    if (line !== undefined && Date.now() - line.heard > most) lost(line, false);
  }
}

/** Connects, and keeps connected while somebody looks. */
export function start() {
  document.addEventListener('visibilitychange', () => {
    clearTimeout(hiddenTimer);
    if (document.hidden) hiddenTimer = setTimeout(sleep, HIDDEN_MS);
    else if (app.link.kind !== 'live') again();
    else watchSilence();
  });
  addEventListener('online', () => app.link.kind === 'gone' && again());
  addEventListener('pagehide', () => {
    if (live !== undefined) close(live);
    if (opening !== undefined) close(opening);
    app.link = { kind: 'asleep' };
  });
  addEventListener('pageshow', (event) => event.persisted && again());
  setInterval(watchSilence, 5000);
  resubscribe();
}
