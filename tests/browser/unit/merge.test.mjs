import { test } from 'node:test';
import assert from 'node:assert/strict';
import { merge } from '../../../dashboard/page/app.js';

// The table of RFC 7396, appendix A.
const TABLE = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }], [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }], [{ a: 'b' }, { a: null }, {}], [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }], [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }], [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }], [['a', 'b'], ['c', 'd'], ['c', 'd']], [{ a: 'b' }, ['c'], ['c']], [{ a: 'foo' }, null, null], [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }], [[1, 2], { a: 'b', c: null }, { a: 'b' }], [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

test('every example of the RFC comes out as it says', () => {
  for (const [target, patch, result] of TABLE) assert.deepEqual(merge(target, patch), result);
});

test('neither the target nor the patch is changed', () => {
  const target = { a: { b: 1 }, c: [1] };
  const patch = { a: { b: null, d: 2 } };
  const before = JSON.stringify([target, patch]);
  merge(target, patch);
  assert.equal(JSON.stringify([target, patch]), before);
});

test('what a patch does not change keeps its identity', () => {
  const target = { rows: { a: { n: 1 }, b: { n: 2 } }, stats: { total: 3 } };
  const next = merge(target, { rows: { a: { n: 5 } } });
  assert.equal(next.stats, target.stats);
  assert.equal(next.rows.b, target.rows.b);
  assert.notEqual(next.rows, target.rows);
  assert.equal(merge(target, { rows: { a: { n: 1 } }, gone: null }), target);
});

test('a key named __proto__ is a key like any other', () => {
  const next = merge({}, JSON.parse('{"__proto__": {"polluted": 1}, "constructor": {"a": 1}}'));
  assert.equal(Object.hasOwn(next, '__proto__'), true);
  assert.equal({}.polluted, undefined);
  assert.equal(Object.getPrototypeOf(next), Object.prototype);
  assert.deepEqual(next.constructor, { a: 1 });
});
