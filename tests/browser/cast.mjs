// @ts-check
/** Operations for the tests: one in any state, made by the means that people have. */

import { stage as raise, open, browser as launch, until } from './harness.mjs';

/** @typedef {import('./harness.mjs').Stage} Stage */

export const HOST = 'models.test';
/** Its key in the API and in addresses. */
export const HOST_KEY = 'host:https/models.test:443';

/**
 * A failure for a script.
 * @param {string} [message]
 * @param {{class?: string, kind?: string, hint?: string}} [more]
 */
export const fail = (message = 'connection reset by peer', more = {}) => ({ fail: { class: 'network', kind: 'connection_reset', message, ...more } });

/** @param {Stage} stage @param {string} name @param {...unknown} lines */
export const tell = (stage, name, ...lines) => stage.ask({ tell: { name, lines } });

/**
 * Starts an operation, its steps told what to do.
 * @param {Stage} stage
 * @param {string} name
 * @param {unknown[]} [lines]
 * @param {string} [workflow]
 * @returns {Promise<string>} its id
 */
export async function start(stage, name, lines = [], workflow = undefined) {
  if (lines.length > 0) await tell(stage, name, ...lines);
  const { operation } = await stage.ask({ start: { name, workflow } });
  // Those of the same millisecond have no order among them.
  const at = Date.now();
  await until(async () => Date.now(), (now) => now > at);
  return operation;
}

/** @param {Stage} stage @param {string} id */
export const rowOf = async (stage, id) => (await stage.call('GET', `operations/${id}`)).row;

/**
 * Waits until the engine shows the operation so.
 * @param {Stage} stage
 * @param {string} id
 * @param {(row: any) => boolean} holds
 */
export const seen = (stage, id, holds) => until(() => rowOf(stage, id), holds);

/** @param {Stage} stage @param {string} id @param {string} verb @param {object} [body] */
export const control = (stage, id, verb, body = { reason: 'for the test' }) => stage.call('POST', `operations/${id}/${verb}`, body);

/**
 * What the journal says about an operation, with the newest last.
 * @param {Stage} stage
 * @param {string} id
 */
export const journal = async (stage, id) => (await stage.call('GET', `operations/${id}/events?limit=500`)).events;

/**
 * Waits for an event in the journal.
 * @param {Stage} stage
 * @param {string} id
 * @param {string} event
 */
export async function recorded(stage, id, event) {
  const events = await until(() => journal(stage, id), (all) => all.some((/** @type {any} */ each) => each.event === event));
  return events.findLast((/** @type {any} */ each) => each.event === event);
}

/**
 * Starts one that has failed once and waits half a minute for its retry.
 * @param {Stage} stage
 * @param {string} name
 * @param {ReturnType<typeof fail>} [how]
 */
export async function recovering(stage, name, how = fail()) {
  const id = await start(stage, name, [{ progress: [400, 1000] }, how]);
  await seen(stage, id, (row) => row.wait?.kind === 'backoff');
  return id;
}

/** Starts one that uses up all its retries.  @param {Stage} stage @param {string} name */
export async function exhausted(stage, name) {
  const id = await start(stage, name, [fail()]);
  for (let attempt = 2; attempt <= 5; attempt += 1) {
    await seen(stage, id, (row) => row.wait?.kind === 'backoff' && row.attempt === attempt);
    await tell(stage, name, fail());
    await control(stage, id, 'retry');
  }
  await seen(stage, id, (row) => row.status === 'exhausted');
  return id;
}

/**
 * One operation in every state; its name is that of the state.
 * @param {Stage} stage
 */
export async function everyState(stage) {
  /** @type {Record<string, string>} */
  const ids = {};
  ids.success = await start(stage, 'success', ['succeed', 'succeed', 'succeed']);
  ids.failed = await start(stage, 'failed', [fail('404 Not Found', { class: 'not_found', kind: 'http_404' })]);
  ids.exhausted = await exhausted(stage, 'exhausted');
  ids.cancelled = await start(stage, 'cancelled');
  await control(stage, ids.cancelled, 'cancel');
  ids.paused = await start(stage, 'paused');
  await control(stage, ids.paused, 'pause');
  ids.recovering = await recovering(stage, 'recovering');
  ids.in_progress = await start(stage, 'in_progress', [{ progress: [600, 1000] }]);
  await seen(stage, ids.in_progress, (row) => row.status === 'in_progress');
  // One attempt at a time, and that one is under way.
  await stage.call('PATCH', 'settings', { changes: { attempts_in_flight_max: 1 } });
  ids.pending = await start(stage, 'pending');
  for (const [state, id] of Object.entries(ids)) await seen(stage, id, (row) => row.status === state);
  return ids;
}

/**
 * A stage and a page upon it for one test; everything is taken down after it, and the page must
 * have done nothing that never must be.
 * @param {import('node:test').TestContext} context
 * @param {{args?: string[], options?: import('playwright-core').BrowserContextOptions, before?: (stage: Stage) => Promise<any>, path?: string}} [more]
 */
export async function scene(context, { args = ['--unlimited'], options, before, path = '' } = {}) {
  const stage = await raise(args);
  context.after(() => stage.kill());
  const made = await before?.(stage);
  const opened = await visit(context, stage, { options, path });
  return { stage, made, ...opened };
}

/**
 * A page upon a stage that there is already.
 * @param {import('node:test').TestContext} context
 * @param {Stage} stage
 * @param {{options?: import('playwright-core').BrowserContextOptions, path?: string, token?: boolean}} [more] `token` false comes without it
 */
export async function visit(context, stage, { options, path = '', token = true } = {}) {
  running ??= launch();
  const address = new URL(path, stage.url);
  if (token) address.hash = new URL(stage.url).hash;
  const opened = await open(await running, address.href, options);
  context.after(() => opened.close());
  if (token) await opened.page.getByTestId('link').filter({ hasText: 'Live' }).waitFor();
  return opened;
}

/** @type {Promise<import('playwright-core').Browser> | undefined} */
let running;

/** To be called after all tests of a file. */
export async function curtain() {
  await (await running)?.close();
}

/**
 * The row of an operation.
 * @param {import('playwright-core').Page} page
 * @param {string} name
 */
export const row = (page, name) => page.getByRole('listitem').filter({ has: page.getByRole('link', { name, exact: true }) });

/** @param {import('playwright-core').Page} page */
export const details = (page) => page.getByRole('complementary', { name: 'Details' });
