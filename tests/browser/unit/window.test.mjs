import { test } from 'node:test';
import assert from 'node:assert/strict';
import { COUNT_MAX, inSight, shift, windowFor } from '../../../dashboard/page/url.js';

test('rows in sight are those that are touched by what is seen', () => {
  assert.deepEqual(inSight(0, 600, 60, 1000), [0, 10]);
  assert.deepEqual(inSight(90, 600, 60, 1000), [1, 12]);
  assert.deepEqual(inSight(-200, 600, 60, 1000), [0, 7]);
  assert.deepEqual(inSight(0, 600, 60, 3), [0, 3]);
  assert.deepEqual(inSight(5000, 600, 60, 3), [3, 3]);
  assert.deepEqual(inSight(-900, 600, 60, 30), [0, 0]);
});

test('a window that does is kept as it is', () => {
  const current = { from: 0, count: 60 };
  assert.equal(windowFor(current, 0, 15, 10_000), current);
  assert.equal(windowFor(current, 40, 55, 60), current);
});

test('whatever is in sight, the window holds it, within what the server gives', () => {
  let current = { from: 0, count: 60 };
  for (let first = 0; first < 10_000; first += 37) {
    const end = Math.min(10_000, first + 18);
    current = windowFor(current, first, end, 10_000);
    assert.ok(current.from <= first && current.from + current.count >= end, `${first} is not in ${JSON.stringify(current)}`);
    assert.ok(current.from >= 0 && current.count <= COUNT_MAX);
  }
});

test('a window once moved is not moved again by the same rows', () => {
  for (const [first, end, total] of [[0, 20, 10_000], [5000, 5018, 10_000], [9982, 10_000, 10_000], [100, 112, 150]]) {
    const moved = windowFor({ from: 0, count: 0 }, first, end, total);
    assert.equal(windowFor(moved, first, end, total), moved);
  }
});

test('who goes on gets what comes, with what is in sight as long as both fit', () => {
  const near = windowFor({ from: 0, count: 60 }, 500, 514, 10_000, 60);
  assert.ok(near.from <= 500 && near.from + near.count >= 514 + 60 + 40, JSON.stringify(near));
  assert.equal(windowFor(near, 500, 514, 10_000, 60), near);
  const up = windowFor({ from: 0, count: 60 }, 500, 514, 10_000, -60);
  assert.ok(up.from <= 500 - 60 - 40 && up.from + up.count >= 514, JSON.stringify(up));
  assert.equal(windowFor(up, 500, 514, 10_000, -60), up);
  const far = windowFor({ from: 0, count: 60 }, 500, 514, 10_000, 1000);
  assert.ok(far.from <= 1500 && far.from + far.count >= 1514 + 40, JSON.stringify(far));
  const back = windowFor({ from: 0, count: 60 }, 5000, 5014, 10_000, -1000);
  assert.ok(back.from <= 4000 - 40 && back.from + back.count >= 4014, JSON.stringify(back));
  for (const ahead of [500, -500]) {
    const last = windowFor({ from: 0, count: 60 }, ahead > 0 ? 9800 : 100, ahead > 0 ? 9814 : 114, 10_000, ahead);
    assert.equal(last.from, ahead > 0 ? 9800 : 0);
    assert.equal(last.count, COUNT_MAX);
  }
});

test('rows that come above are told by how far most of those that were seen have moved', () => {
  assert.equal(shift(['c', 'd', 'e'], 2, ['a', 'b', 'c', 'd', 'e'], 0), 0);
  assert.equal(shift(['c', 'd', 'e'], 2, ['x', 'y', 'a', 'b', 'c', 'd', 'e'], 0), 2);
  assert.equal(shift(['c', 'd', 'e'], 2, ['b', 'c', 'd', 'e'], 0), -1);
  assert.equal(shift(['c', 'd', 'e'], 2, ['c', 'x', 'a', 'd', 'e'], 0), 0, 'one that is sorted elsewhere takes nobody with it');
  assert.equal(shift(['c', 'd'], 52, ['x', 'c', 'd'], 51), 0);
  assert.equal(shift(['c'], 2, ['x', 'y'], 0), 0);
  assert.equal(shift([], 0, ['x'], 0), 0);
});
