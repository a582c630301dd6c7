import { test } from 'node:test';
import assert from 'node:assert/strict';
import { amount, bytes, duration, estimate, left, moment, percent, rate } from '../../../dashboard/page/clock.js';

test('bytes have the unit that keeps them short', () => {
  for (const [value, text] of [[0, '0 B'], [999, '999 B'], [1000, '1.0 KB'], [999_949, '1000 KB'], [999_950, '1.0 MB'], [14_200_000, '14.2 MB'], [6.9e9, '6.9 GB'], [1.5e15, '1.5 PB']]) {
    assert.equal(bytes(value), text);
  }
});

test('an amount is written in the unit of the whole', () => {
  assert.equal(amount(2.1e9, 6.9e9), '2.1 of 6.9 GB');
  assert.equal(amount(1000, 6.9e9), '0.0 of 6.9 GB');
  assert.equal(amount(0, 0), '0 of 0 B');
  assert.equal(amount(1500), '1.5 KB');
  assert.equal(rate(14.2e6), '14.2 MB/s');
});

test('durations have two units at most', () => {
  for (const [ms, text] of [[0, '0 s'], [-5, '0 s'], [8000, '8 s'], [60_000, '1 min'], [80_000, '1 min 20 s'], [605_000, '10 min'], [3_600_000, '1 h'], [7_800_000, '2 h 10 min'], [90_000_000, '1 d 1 h'], [172_800_000, '2 d']]) {
    assert.equal(duration(ms), text);
  }
  assert.equal(duration(340, true), '340 ms');
  assert.equal(duration(1240, true), '1.2 s');
  assert.equal(duration(12_400, true), '12 s');
});

test('a countdown says one second until it is over', () => {
  assert.equal(left(8000), '8 s');
  assert.equal(left(7001), '8 s');
  assert.equal(left(1), '1 s');
  assert.equal(left(-100), '0 s');
});

test('an estimate is coarse and never says sixty seconds', () => {
  assert.equal(estimate(3000), 'a few seconds');
  assert.equal(estimate(42_000), '40 s');
  assert.equal(estimate(58_000), '1 min');
  assert.equal(estimate(290_000), '5 min');
  assert.equal(estimate(3_590_000), '1 h');
  assert.equal(estimate(7_900_000), '2 h 10 min');
});

test('not quite all is not a hundred per cent', () => {
  assert.equal(percent(1), '100 %');
  assert.equal(percent(0.9999), '99.9 %');
  assert.equal(percent(0.957), '95.7 %');
  assert.equal(percent(0), '0 %');
});

test('a moment of another day is written with the day', () => {
  const noon = new Date(2026, 10, 22, 12, 4, 5);
  assert.equal(moment(noon.toISOString(), noon.getTime()), '12:04:05');
  assert.equal(moment(noon.toISOString(), noon.getTime() + 86_400_000), '2026-11-22 12:04:05');
  assert.equal(moment('never', 0), 'never');
});
