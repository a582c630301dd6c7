import { test } from 'node:test';
import assert from 'node:assert/strict';
import { call, command, withOutput } from '../../../dashboard/page/app.js';

/**
 * A server that gives these answers, one after the other; what it was asked.
 * @param {import('node:test').TestContext} context
 * @param {...(Response | Error)} answers
 */
function server(context, ...answers) {
  const asked = [];
  context.mock.method(globalThis, 'fetch', async (path, { method, headers, body }) => {
    asked.push({ method, path, key: headers['Idempotency-Key'], seen: headers['If-Match'], body });
    const answer = answers.shift() ?? new Error('there is no answer left');
    if (answer instanceof Error) throw answer;
    return answer;
  });
  context.mock.timers.enable({ apis: ['setTimeout'] });
  return asked;
}

/** Lets time pass until a promise is done. */
async function done(context, promise) {
  let over = false;
  void promise.then(() => { over = true; });
  for (let turn = 0; turn < 20 && !over; turn += 1) {
    await new Promise((resolve) => { setImmediate(resolve); });
    context.mock.timers.tick(1000);
  }
  assert(over, 'it never ends');
  return promise;
}

const gone = () => new TypeError('Failed to fetch');
const accepted = () => Response.json({ seq: 7 }, { status: 202 });

test('a command without an answer is sent once more, as the same request', async (context) => {
  const asked = server(context, gone(), accepted());
  const answer = await done(context, command('api/v1/x/pause', { reason: 'r' }, { 'If-Match': 'W/"3"' }));
  assert.deepEqual([answer.ok, answer.data], [true, { seq: 7 }]);
  assert.equal(asked.length, 2);
  assert.match(asked[0].key, /^[0-9a-f]{32}$/);
  assert.deepEqual(asked[0], asked[1]);
  assert.deepEqual([asked[0].seen, asked[0].body], ['W/"3"', '{"reason":"r"}']);
});

test('asked again after no answer at all, it is still the same request, and afterwards another', async (context) => {
  const asked = server(context, gone(), gone(), accepted(), accepted());
  const lost = await done(context, command('api/v1/y/pause', {}));
  assert.deepEqual([lost.ok, lost.status], [false, 0]);
  assert.match(lost.problem, /may or may not have been done/);
  await done(context, command('api/v1/y/pause', {}));
  await done(context, command('api/v1/y/pause', {}));
  const keys = asked.map((each) => each.key);
  assert.equal(new Set(keys.slice(0, 3)).size, 1);
  assert.notEqual(keys[3], keys[0]);
});

test('what changes nothing is not repeated, and not called uncertain', async (context) => {
  const asked = server(context, gone());
  const answer = await done(context, call('GET', 'api/v1/settings'));
  assert.equal(asked.length, 1);
  assert.doesNotMatch(answer.problem, /may or may not/);
});

test('a refusal is told in the words of the server', async (context) => {
  server(context, Response.json({ detail: 'it has ended', remedy: 'start another', code: 'ended' }, { status: 409 }));
  const answer = await done(context, command('api/v1/z/pause', {}));
  assert.deepEqual([answer.status, answer.code, answer.problem], [409, 'ended', 'It has ended. Start another.']);
});

test('an output is sent as it was typed', () => {
  const typed = '{"bytes": 12345678901234567890, "part": 1.0}';
  assert.equal(withOutput(typed, {}), `{"output":${typed}}`);
  const body = withOutput(' null\n', { reason: 'it is "there"' });
  assert.deepEqual(JSON.parse(body), { output: null, reason: 'it is "there"' });
});
