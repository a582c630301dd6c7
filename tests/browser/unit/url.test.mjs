import { test } from 'node:test';
import assert from 'node:assert/strict';
import { filterOf, format, isFiltered, listKey, parse, subscription } from '../../../dashboard/page/url.js';

test('an address without anything is the whole list, newest first', () => {
  const state = parse('');
  assert.deepEqual(state, { state: [], workflow: '', error: '', host: '', q: '', sort: '-started', operation: '', panel: '' });
  assert.equal(format(state), './');
  assert.equal(isFiltered(state), false);
});

test('what an address says comes back as the same address', () => {
  for (const search of ['?state=recovering,failed', '?q=a+b%26c%3D%23', '?host=a%3A443&sort=name', '?operation=x%2Fy&panel=stats', '?workflow=w&error=network&q=%C3%BC']) {
    assert.equal(format(parse(search)), search);
  }
});

test('what the page does not know is left out', () => {
  assert.deepEqual(parse('?state=nonsense,failed&sort=sideways&panel=secret').state, ['failed']);
  assert.equal(format(parse('?state=nonsense&sort=sideways&panel=secret')), './');
});

test('a subscription carries the filters and the window', () => {
  assert.equal(subscription(parse('?state=failed,waiting&operation=a b'), { from: 40, count: 60 }), '{"view":{"state":"waiting,failed","operation":"a b","from":40,"count":60}}');
});

test('a batch is asked for with the filters alone', () => {
  assert.deepEqual(filterOf(parse('?state=failed&host=h%3A1&operation=a&panel=stats&sort=name')), { state: 'failed', host: 'h:1' });
});

test('what chooses the rows is told apart from where somebody looks', () => {
  const key = (search) => listKey(parse(search));
  assert.equal(key('?operation=a&panel=settings'), key(''));
  for (const other of ['?state=failed', '?q=a', '?sort=name', '?host=h']) assert.notEqual(key(other), key(''));
});
