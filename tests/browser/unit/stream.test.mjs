import { test } from 'node:test';
import assert from 'node:assert/strict';
import { app } from '../../../dashboard/page/app.js';
import { freeze, now } from '../../../dashboard/page/clock.js';
import { onMessage, onReturn, resubscribe } from '../../../dashboard/page/stream.js';

const START = Date.parse('2026-11-22T12:00:00.000Z');
const view = (seq, at, state) => ({ v: 1, seq, now: new Date(at).toISOString(), engine: { name: 'launcher', state }, counts: {}, totals: { active: 0 }, list: { total: 0, from: 0, order: [], rows: {} } });
const snapshot = (data) => `event: snapshot\nid: ${data.seq}\ndata: ${JSON.stringify(data)}\n\n`;

/** Lets so much time pass, a little at a time, with all that comes of it. */
async function pass(context, ms) {
  for (let at = 0; at < ms; at += 100) {
    context.mock.timers.tick(100);
    await new Promise((resolve) => { setImmediate(resolve); });
    await new Promise((resolve) => { setImmediate(resolve); });
  }
}

test('an engine that has stopped is told of, asked for seldom, and does not turn the clock', async (context) => {
  globalThis.requestAnimationFrame = () => 0;
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: START });
  /** @type {ReadableStreamDefaultController | undefined} */
  let line;
  let stopped = false;
  let asked = 0;
  const says = new TextEncoder();
  context.mock.method(globalThis, 'fetch', async () => {
    asked += 1;
    return new Response(new ReadableStream({
      start(controller) {
        line = controller;
        controller.enqueue(says.encode(snapshot(stopped ? view(9, START - 60_000, 'stopped') : view(asked === 1 ? 9 : 12, Date.now(), 'running'))));
        if (stopped) controller.close();
      },
    }));
  });
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
  await pass(context, 1000);
  assert.deepEqual([app.link.kind, heard], ['live', ['running']]);
  assert.deepEqual(faults, ['a part of the page is broken'], 'what goes wrong in a part is no fault of the line');
  const before = now() - Date.now();

  stopped = true;
  line?.close();
  await pass(context, 30_000);
  assert.deepEqual([app.link.kind, app.link.stopped], ['gone', true]);
  assert(asked >= 3 && asked <= 6, `it was asked for ${asked} times in half a minute`);
  assert.deepEqual(returns, [], 'nothing was caught up with');
  assert.equal(now() - Date.now(), before);
  assert.equal(app.link.since, START - 60_000, 'what is seen is as old as the engine');

  stopped = false;
  await pass(context, 11_000);
  assert.equal(app.link.kind, 'live');
  assert.deepEqual(returns, [3]);
  line?.error(new Error('the test is over'));
});

test('time stands while it is frozen', () => {
  freeze(42);
  assert.equal(now(), 42);
  freeze(undefined);
  assert.ok(now() > 42);
});
