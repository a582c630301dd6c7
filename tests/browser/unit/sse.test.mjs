import { test } from 'node:test';
import assert from 'node:assert/strict';
import { reader } from '../../../dashboard/page/stream.js';

const STREAM = ': alive\n\nevent: snapshot\nid: 12\ndata: {"a":1}\n\nevent: patch\r\nid:13\r\ndata: one\r\ndata: two\r\n\r\n\n\ndata:bare\n\n';
const MESSAGES = [
  { event: 'snapshot', id: '12', data: '{"a":1}' }, { event: 'patch', id: '13', data: 'one\ntwo' }, { event: 'message', id: '13', data: 'bare' },
];

test('messages are the same wherever the stream is cut', () => {
  for (let size = 1; size <= STREAM.length; size += 1) {
    const found = [];
    const feed = reader((message) => found.push(message));
    for (let at = 0; at < STREAM.length; at += size) feed(STREAM.slice(at, at + size));
    assert.deepEqual(found, MESSAGES, `cut every ${size}`);
  }
});

test('a message without its end is not told', () => {
  const found = [];
  reader((message) => found.push(message))('event: patch\ndata: {"half":');
  assert.deepEqual(found, []);
});
