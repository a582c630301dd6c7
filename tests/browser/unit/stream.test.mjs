import { test } from 'node:test';
import assert from 'node:assert/strict';
import { app, onSignedOut } from '../../../dashboard/page/app.js';
import { freeze, now } from '../../../dashboard/page/clock.js';
import { again, onMessage, onReturn, resubscribe } from '../../../dashboard/page/stream.js';

const START = Date.parse('2026-11-22T12:00:00.000Z');
const view = (seq, at, state) => ({ v: 1, seq, now: new Date(at).toISOString(), engine: { name: 'launcher', state }, counts: {}, totals: { active: 0 }, list: { total: 0, from: 0, order: [], rows: {} } });

/** A line that answers what is asked for when it is told to; the newest is `Line.last`. */
class Line {
  /** @type {Line[]} */
  static all = [];
  static get last() { return /** @type {Line} */ (Line.all.at(-1)); }
  readyState = 0;
  /** @type {any[]} */
  sent = [];
  constructor(at) {
    this.at = String(at);
    Line.all.push(this);
  }
  send(text) { this.sent.push(JSON.parse(text).view); }
  open() { this.readyState = 1; this.onopen(); }
  tell(type, of) { this.onmessage({ data: JSON.stringify({ type, seq: of.seq, ...(type === 'problem' ? { problem: of } : { data: of }) }) }); }
  drop() { this.readyState = 3; return this.onclose?.(); }
  close() { this.readyState = 3; }
}

/** Lets so much time pass, a little at a time, with all that comes of it. */
async function pass(context, ms) {
  for (let at = 0; at < ms; at += 100) {
    context.mock.timers.tick(100);
    await new Promise((resolve) => { setImmediate(resolve); });
    await new Promise((resolve) => { setImmediate(resolve); });
  }
}

globalThis.requestAnimationFrame = () => 0;
globalThis.WebSocket = /** @type {any} */ (Line);
globalThis.document = /** @type {any} */ ({ baseURI: 'https://box.test/below/', hidden: false });

test('an engine that has stopped is told of, asked for seldom, and does not turn the clock', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: START });
  const returns = [];
  onReturn((events) => returns.push(events));
  const heard = [];
  onMessage((view) => {
    heard.push(view.engine.state);
    throw new Error('a part of the page is broken');
  });
  const faults = [];
  globalThis.reportError = (error) => faults.push(error.message);

  resubscribe();
  assert.equal(Line.last.at, 'wss://box.test/below/api/v1/ws');
  Line.last.open();
  assert.deepEqual(Line.last.sent, [{ from: 0, count: 60 }]);
  Line.last.tell('snapshot', view(9, Date.now(), 'running'));
  assert.deepEqual([app.link.kind, heard], ['live', ['running']]);
  assert.deepEqual(faults, ['a part of the page is broken'], 'what goes wrong in a part is no fault of the line');
  const before = now() - Date.now();

  Line.last.tell('patch', { seq: 9, now: new Date(START - 60_000).toISOString(), engine: { state: 'stopped' } });
  await Line.last.drop();
  const lines = Line.all.length;
  for (let at = 0; at < 300; at += 1) {
    await pass(context, 100);
    if (Line.last.readyState !== 0) continue;
    Line.last.open();
    Line.last.tell('snapshot', view(9, START - 60_000, 'stopped'));
    await Line.last.drop();
  }
  const asked = Line.all.length - lines;
  assert.deepEqual([app.link.kind, app.link.stopped], ['gone', true]);
  assert(asked >= 2 && asked <= 5, `it was asked for ${asked} times in half a minute`);
  assert.deepEqual(returns, [], 'nothing was caught up with');
  assert.equal(now() - Date.now(), before);
  assert.equal(app.link.since, START - 60_000, 'what is seen is as old as the engine');

  await pass(context, 11_000);
  Line.last.open();
  Line.last.tell('snapshot', view(12, Date.now(), 'running'));
  await pass(context, 100);
  assert.equal(app.link.kind, 'live');
  assert.deepEqual(returns, [3]);
});

test('one thing is asked for at a time, and then the newest', () => {
  const of = (from, seq) => ({ ...view(seq, Date.now(), 'running'), list: { total: 9999, from, order: [], rows: {} } });
  const before = Line.last.sent.length;
  for (const from of [100, 200, 300]) {
    app.window = { from, count: 60 };
    resubscribe();
  }
  const sent = () => Line.last.sent.slice(before).map((each) => each.from);
  assert.deepEqual(sent(), [100]);
  Line.last.tell('patch', { seq: 13, counts: { all: 7 } });
  assert.equal(app.view?.counts.all, 7, 'what was looked at before goes on until then');
  Line.last.tell('snapshot', of(100, 14));
  assert.deepEqual([sent(), app.view?.list.from], [[100, 300], 100]);
  Line.last.tell('snapshot', of(300, 15));
  resubscribe();
  assert.deepEqual([sent(), app.view?.list.from], [[100, 300], 300]);
});

test('an operation that cannot be had is done without, and what is refused then is told', () => {
  const problem = { status: 400, detail: 'this is no id', remedy: 'take one from the list' };
  app.state = { ...app.state, operation: 'nonsense' };
  resubscribe();
  assert.equal(Line.last.sent.at(-1).operation, 'nonsense');
  const many = Line.last.sent.length;
  Line.last.tell('problem', problem);
  assert.equal(Line.last.sent.length, many, 'the rest of it is what is there already');
  app.state = { ...app.state, q: '!' };
  resubscribe();
  Line.last.tell('problem', problem);
  assert.deepEqual([app.link.kind, app.link.why], ['gone', 'This is no id. Take one from the list.']);
  assert.equal(Line.last.sent.length, many + 1, 'it is not asked for again');
});

test('who is let in nowhere is asked for the token, and who finds no room waits', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: START });
  let status = 401;
  context.mock.method(globalThis, 'fetch', async () => new Response('{}', { status }));
  let asked = 0;
  onSignedOut(() => { asked += 1; });
  await Line.last.drop();
  await pass(context, 1000);
  const lines = Line.all.length;
  await Line.last.drop();
  await pass(context, 20_000);
  assert.deepEqual([asked, Line.all.length], [1, lines], 'nothing is tried again without it');
  again();
  status = 200;
  await Line.last.drop();
  assert.deepEqual([asked, app.link.busy], [1, true]);
  await pass(context, 10_000);
  assert.equal(Line.all.length, lines + 2);
});

test('time stands while it is frozen', () => {
  freeze(42);
  assert.equal(now(), 42);
  freeze(undefined);
  assert.ok(now() > 42);
});
