import { test } from 'node:test';
import assert from 'node:assert/strict';
import { idle, keysOf, scale, ticks, union } from '../../../dashboard/page/timeline.js';

const whole = { from: 0, to: 100_000 };
const busy = [{ from: 0, to: 10_000 }, { from: 8000, to: 20_000 }, { from: 80_000, to: 90_000 }];

test('spans that touch are one', () => {
  assert.deepEqual(union([{ from: 5, to: 9 }, { from: 0, to: 6 }, { from: 20, to: 21 }]), [{ from: 0, to: 9 }, { from: 20, to: 21 }]);
});

test('only long times without an attempt are idle', () => {
  assert.deepEqual(idle(whole, busy), [{ from: 20_000, to: 80_000 }]);
  assert.deepEqual(idle({ from: 0, to: 1000 }, []), []);
});

test('without a gap the scale is even', () => {
  const { place } = scale(whole, []);
  assert.equal(place(0), 0);
  assert.equal(place(50_000), 0.5);
  assert.equal(place(100_000), 1);
  assert.equal(place(-5), 0);
});

test('a collapsed gap takes little room and the order of moments stays', () => {
  const { place, gaps } = scale(whole, idle(whole, busy));
  assert.equal(gaps.length, 1);
  assert.ok(gaps[0].wide < 0.05);
  let last = -1;
  for (let at = 0; at <= 100_000; at += 500) {
    const x = place(at);
    assert.ok(x > last && x >= 0 && x <= 1.000001, `${at} is at ${x}`);
    last = x;
  }
  assert.ok(Math.abs(place(100_000) - 1) < 1e-9);
});

test('a run that has only waited is drawn whole', () => {
  const { place } = scale(whole, idle(whole, []));
  assert.equal(place(0), 0);
  assert.equal(place(100_000), 1);
});

test('marks of the axis are few and even', () => {
  assert.deepEqual(ticks(60_000, 5), [0, 15_000, 30_000, 45_000, 60_000]);
  for (const length of [1, 999, 123_456, 9e7, 3e9]) assert.ok(ticks(length, 5).length <= 6, String(length));
});

test('two bars that begin in one millisecond have two names, which stay when others follow', () => {
  const at = '2026-11-22T12:00:00.000Z';
  const segments = [{ kind: 'hold', from: at }, { kind: 'hold', from: at }, { kind: 'attempt', from: at, attempt: 1 }, { kind: 'attempt', from: at, attempt: 2 }];
  const keys = keysOf(segments);
  assert.equal(new Set(keys).size, 4);
  assert.deepEqual(keysOf([...segments, { kind: 'delay', from: at }]).slice(0, 4), keys);
});
