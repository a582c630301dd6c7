// @ts-check
// The live view, over one WebSocket: browsers let a page have many of them, but only six streams for all its tabs.
// What is looked at is asked for over it; what was looked at before goes on until the answer is there.

import { app, call, invalidate, merge, problemText, remembered, settled } from './app.js';
import { adjust, there } from './clock.js';
import { listKey, subscription } from './url.js';

const VERSION = 1;
// Scripts do not see the heartbeats of the server: who hears nothing for so long asks again.
const QUIET_MS = 20_000;
// What was asked for comes at once.
const OPENING_MS = 15_000;
// A line that ends sooner was none.
const LIVED_MS = 5000;
// An engine that was stopped is not back in a moment.
const STOPPED_MS = 10_000;
const BACKOFF_MS = [300, 600, 1200, 2500, 5000, 8000];
const HIDDEN_MS = 10_000;
// One who has no room for an operation in full has it soon.
const ROOM_MS = 1000;

/** What is asked for, and what of it chooses and orders the rows. @typedef {{text: string, list: string}} Wish */

/** @type {WebSocket | undefined} */
let line;
/** What was asked for last, until the answer is there. @type {Wish | undefined} */
let asked;
/** What the messages are about. @type {Wish | undefined} */
let live;
/** When something was asked for or heard last. */
let stirred = 0;
let askedAt = 0;
/** Whether the line has told that the engine has stopped. */
let stopped = false;
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
/** What was asked for to get what is on the page. */
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

/** @returns {Wish} */
function wish() {
  const listed = app.state.panel !== 'breakers' && app.state.panel !== 'stats';
  const state = app.refused === app.state.operation ? { ...app.state, operation: '' } : app.state;
  return { text: subscription(state, listed ? app.window : { from: 0, count: 0 }), list: listKey(state) };
}

/** Asks for what is looked at now, unless it is there or on its way. */
export function resubscribe() {
  if (app.link.stopped === true) {
    clearTimeout(retryTimer);
    retryTimer = undefined;
  }
  if (app.link.kind === 'asleep' || retryTimer !== undefined) return;
  // What was refused is over once something else is asked for.
  if (app.link.why !== undefined) app.link = { kind: live === undefined ? 'connecting' : 'live' };
  if (line === undefined) connect();
  // One at a time: who scrolls on and on is answered all the same, and then asks for the newest.
  else if (asked === undefined && line.readyState === 1 && live?.text !== wish().text) request(wish());
}

/** @param {Wish} of */
function request(of) {
  asked = of;
  askedAt = Date.now();
  stirred = askedAt;
  line?.send(of.text);
}

function connect() {
  const at = new URL('api/v1/ws', document.baseURI);
  at.protocol = at.protocol.replace('http', 'ws');
  const mine = new WebSocket(at);
  line = mine;
  stopped = false;
  stirred = Date.now();
  mine.onopen = () => mine === line && resubscribe();
  mine.onmessage = ({ data }) => mine === line && take(JSON.parse(data));
  mine.onclose = async () => {
    if (mine !== line) return;
    // A browser does not tell why there is no line; whoever has no token is asked for it by this.
    const { status } = live === undefined ? await call('GET', 'api/v1/stats') : { status: 0 };
    if (mine !== line) return;
    if (status === 401) hangUp();
    else lost(status !== 0);
  };
}

/** @param {any} message */
function take(message) {
  stirred = Date.now();
  if (message.type === 'problem') refused(message.problem);
  if (message.type === 'patch' && newest !== undefined && live !== undefined) set(merge(newest, message.data), live);
  if (message.type !== 'snapshot' || asked === undefined) return;
  const view = message.data;
  if (view.v !== VERSION) {
    hangUp();
    app.link = { kind: 'gone', old: true };
    invalidate();
    return;
  }
  app.took = stirred - askedAt;
  if (live === undefined) liveSince = stirred;
  live = asked;
  asked = undefined;
  if (!isStopped(view)) back(view);
  // What a snapshot repeats keeps its identity, so that nothing is drawn anew for it.
  set(newest === undefined ? view : settled(newest, view), live);
  if (!stopped) resubscribe();
}

/** @param {View} view */
function back(view) {
  const missed = newest === undefined || app.link.kind !== 'gone' ? 0 : view.seq - newest.seq;
  app.link = { kind: 'live' };
  if (missed > 0) queueMicrotask(() => returns.forEach((listener) => listener(missed)));
}

/**
 * What cannot be had: it is asked for without the operation first, then not at all.
 * @param {any} problem
 */
function refused(problem) {
  const what = asked;
  asked = undefined;
  if (![400, 404, 422].includes(problem.status)) {
    if (live === undefined) lost(true);
    else setTimeout(resubscribe, ROOM_MS);
    return;
  }
  if (what?.text === wish().text) {
    if (app.state.operation === '' || app.refused === app.state.operation) {
      app.link = { kind: 'gone', why: problemText(problem.status, problem) };
      invalidate();
      return;
    }
    app.refused = app.state.operation;
  }
  resubscribe();
  invalidate();
}

/** @param {View} view */
const isStopped = (view) => view.engine.state === 'stopped';

/**
 * @param {View} view
 * @param {Wish} of what it shows
 */
function set(view, of) {
  newest = view;
  stopped = isStopped(view);
  if (stopped) {
    heardAt = Date.parse(view.now);
    app.link = { kind: 'gone', stopped: true, since: heardAt, next: app.link.next };
  } else {
    // The clock of an engine that has stopped stands.
    adjust(view.now);
    heardAt = there(Date.now());
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
  if (app.held && of.text === shown) return;
  shown = of.text;
  app.shown = of.list;
  app.view = view;
  invalidate();
}

/** Shows the newest view again after the page was held still. */
export function release() {
  app.held = false;
  if (newest !== undefined) app.view = newest;
  invalidate();
}

function hangUp() {
  const mine = line;
  line = undefined;
  asked = undefined;
  live = undefined;
  mine?.close();
}

/** @param {boolean} busy the server answers, but has no room */
function lost(busy) {
  hangUp();
  if (liveSince > 0 && Date.now() - liveSince >= LIVED_MS) failures = 0;
  liveSince = 0;
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
  hangUp();
  app.link = { kind: 'asleep' };
}

function watchSilence() {
  const quiet = Date.now() - stirred;
  if (line === undefined) return;
  if (live !== undefined && asked === undefined) {
    if (quiet > QUIET_MS) request(live);
  } else if (quiet > OPENING_MS) lost(false);
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
    hangUp();
    app.link = { kind: 'asleep' };
  });
  addEventListener('pageshow', (event) => event.persisted && again());
  setInterval(watchSilence, 5000);
  resubscribe();
}
