// @ts-check
// Every control: what a person sees of it, and what the journal keeps of it.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { control, curtain, details, exhausted, fail, journal, recorded, recovering, row, scene, seen, start } from './cast.mjs';
import { until } from './harness.mjs';

after(curtain);

/**
 * A stage with one operation, and a page that shows it in full.
 * @param {import('node:test').TestContext} context
 * @param {(stage: import('./cast.mjs').Stage) => Promise<string>} before
 */
async function opened(context, before) {
  const set = await scene(context, { before });
  const id = set.made;
  await set.page.getByRole('link').filter({ hasText: 'vae' }).click();
  const panel = details(set.page);
  await panel.getByRole('heading', { name: 'vae', exact: true }).waitFor();
  return { ...set, id, panel, can: panel.getByRole('region', { name: 'What you can do' }), steps: panel.getByRole('region', { name: 'Steps' }) };
}

/** @param {import('playwright-core').Page} page @param {string} text */
const told = (page, text) => page.getByTestId('toast').filter({ hasText: text }).waitFor();

/** @param {any} event @param {string} reason */
function by(event, reason = 'asked on the dashboard') {
  assert.deepEqual({ actor: event.actor, reason: event.reason }, { actor: 'dashboard', reason });
}

/**
 * Answers the question of a dialog.
 * @param {import('playwright-core').Page} page
 * @param {string} title
 * @param {string} go
 * @param {string} [reason]
 */
async function answer(page, title, go, reason) {
  const dialog = page.getByRole('dialog', { name: title });
  await dialog.waitFor();
  if (reason !== undefined) await dialog.getByLabel('Reason (kept in the journal)').fill(reason);
  await dialog.getByRole('button', { name: go, exact: true }).click();
  await dialog.waitFor({ state: 'hidden' });
}

test('pause and resume', async (context) => {
  const { page, stage, id, can } = await opened(context, (stage) => start(stage, 'vae'));
  await can.getByRole('button', { name: 'Pause', exact: true }).click();
  await told(page, 'Asked to pause vae');
  await row(page, 'vae').getByText('Paused', { exact: true }).waitFor();
  await row(page, 'vae').getByText('Paused by dashboard: asked on the dashboard').waitFor();
  by(await recorded(stage, id, 'run_paused'));
  await can.getByRole('button', { name: 'Resume', exact: true }).click();
  await row(page, 'vae').getByText('In Progress').waitFor();
  by(await recorded(stage, id, 'run_resumed'));
});

test('what asks nothing can be given a reason all the same', async (context) => {
  const { page, stage, id, can } = await opened(context, (stage) => start(stage, 'vae'));
  await can.getByRole('button', { name: /with a reason/ }).click();
  await answer(page, 'Pause: vae?', 'Pause', 'the line is needed for a call');
  await row(page, 'vae').getByText('Paused by dashboard: the line is needed for a call').waitFor();
  by(await recorded(stage, id, 'run_paused'), 'the line is needed for a call');
});

test('the same from the row, without the details', async (context) => {
  const { page, stage, made: id } = await scene(context, { before: (stage) => start(stage, 'vae') });
  await page.getByRole('button', { name: 'Pause: vae' }).click();
  await row(page, 'vae').getByText('Paused', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Resume: vae' }).click();
  await page.getByRole('button', { name: 'Pause: vae' }).waitFor();
  await page.getByRole('button', { name: 'Cancel: vae' }).click();
  await answer(page, 'Cancel: vae?', 'Cancel', 'the disk is needed');
  await row(page, 'vae').getByText('Cancelled').waitFor();
  by(await recorded(stage, id, 'run_cancelled'), 'the disk is needed');
  assert.equal(await page.getByRole('button', { name: /: vae$/ }).count(), 0);
});

test('cancel asks first, and going back does nothing', async (context) => {
  const { page, stage, id, can } = await opened(context, (stage) => start(stage, 'vae'));
  await can.getByRole('button', { name: 'Cancel', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Cancel: vae?' });
  await dialog.getByText('It is In Progress at the moment.').waitFor();
  const back = dialog.getByRole('button', { name: 'Go back' }).last();
  // A key that is struck in haste harms nothing.
  await until(() => back.evaluate((button) => button === document.activeElement), (focused) => focused);
  await back.click();
  await dialog.waitFor({ state: 'hidden' });
  await can.getByRole('button', { name: 'Cancel', exact: true }).click();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  assert(!(await journal(stage, id)).some((/** @type {any} */ each) => each.event === 'run_cancelled'));
  await can.getByRole('button', { name: 'Cancel', exact: true }).click();
  await answer(page, 'Cancel: vae?', 'Cancel', 'no longer needed');
  await row(page, 'vae').getByText('Cancelled').waitFor();
  by(await recorded(stage, id, 'run_cancelled'), 'no longer needed');
});

test('retry now does not wait for the delay', async (context) => {
  const { page, stage, id, can } = await opened(context, (stage) => recovering(stage, 'vae'));
  await can.getByRole('button', { name: 'Retry now', exact: true }).click();
  await told(page, 'Asked to try vae again');
  await row(page, 'vae').getByText('Attempt 2/5').waitFor();
  await row(page, 'vae').getByText(/Retry in/).waitFor({ state: 'hidden' });
  const events = await journal(stage, id);
  const asked = events.find((/** @type {any} */ each) => each.actor === 'dashboard');
  by(asked);
  const again = await recorded(stage, id, 'attempt_started');
  assert.equal(again.attempt, 2);
  assert(Date.parse(again.at) - Date.parse(asked.at) < 10_000, 'it was not at once');
});

test('cancel recovery lets it fail, and retry now takes it up again', async (context) => {
  const { page, stage, id, can } = await opened(context, (stage) => recovering(stage, 'vae'));
  await can.getByRole('button', { name: 'Cancel recovery' }).click();
  await answer(page, 'Cancel recovery: vae?', 'Cancel recovery', 'the server is gone');
  await row(page, 'vae').getByText('Failed').waitFor();
  const asked = (await journal(stage, id)).find((/** @type {any} */ each) => each.actor === 'dashboard');
  by(asked, 'the server is gone');
  await can.getByRole('button', { name: 'Retry now', exact: true }).click();
  await row(page, 'vae').getByText('Recovering').waitFor();
  assert.equal((await recorded(stage, id, 'attempt_started')).attempt, 2);
});

test('force retry gives a run that has used up its retries a new start', async (context) => {
  const { page, stage, id, can } = await opened(context, (stage) => exhausted(stage, 'vae'));
  await can.getByRole('button', { name: 'Force retry' }).click();
  await answer(page, 'Force retry: vae?', 'Force retry', 'the server is mended');
  await row(page, 'vae').getByText('Recovering').waitFor();
  await row(page, 'vae').getByText('Attempt 1/5').waitFor();
  assert.equal((await recorded(stage, id, 'attempt_started')).attempt, 6);
  const asked = (await journal(stage, id)).findLast((/** @type {any} */ each) => each.actor === 'dashboard');
  by(asked, 'the server is mended');
});

test('a step is skipped with an output, and only with JSON', async (context) => {
  const { page, stage, id, can, steps } = await opened(context, (stage) => recovering(stage, 'vae'));
  await can.getByRole('button', { name: 'Skip download' }).click();
  const dialog = page.getByRole('dialog', { name: 'Skip download: vae?' });
  const output = dialog.getByLabel('Output of the step, as JSON');
  await output.fill('{"not": json}');
  await dialog.getByRole('button', { name: 'Skip download' }).click();
  await dialog.getByRole('alert').filter({ hasText: 'This is not JSON' }).waitFor();
  await output.fill('"taken from the shelf"');
  await answer(page, 'Skip download: vae?', 'Skip download', 'it is here already');
  await steps.getByRole('listitem').filter({ has: page.getByRole('heading', { name: 'verify' }) }).getByText('Running').waitFor();
  const event = await recorded(stage, id, 'step_skipped');
  by(event, 'it is here already');
  assert.deepEqual([event.step, event.output], ['download', 'taken from the shelf']);
});

test('an output of a wrong type is refused in words', async (context) => {
  const { page, can } = await opened(context, (stage) => recovering(stage, 'vae'));
  await can.getByRole('button', { name: 'Skip download' }).click();
  await page.getByRole('dialog').getByLabel('Output of the step, as JSON').fill('{"a": 1}');
  await answer(page, 'Skip download: vae?', 'Skip download');
  const refusal = page.getByTestId('toast').filter({ hasText: 'Skip download: Not done' });
  await refusal.waitFor();
  assert.match(await refusal.innerText(), /string/);
});

test('what asks first is refused if the operation has moved since', async (context) => {
  const { page, stage, id, can } = await opened(context, (stage) => start(stage, 'vae'));
  await can.getByRole('button', { name: 'Cancel', exact: true }).click();
  // The answer of the server goes by the version that was looked at.
  await page.route('**/cancel', async (route) => {
    await stage.ask({ tell: { name: 'vae', lines: [fail()] } });
    await seen(stage, id, (row) => row.status === 'recovering');
    await route.continue();
  });
  await answer(page, 'Cancel: vae?', 'Cancel');
  await told(page, 'It has moved on since you looked.');
  await row(page, 'vae').getByText('Recovering').waitFor();
  assert(!(await journal(stage, id)).some((/** @type {any} */ each) => each.event === 'run_cancelled'));
});

test('what has become impossible is refused with the reason of the server', async (context) => {
  const { page, stage, id, can } = await opened(context, (stage) => start(stage, 'vae'));
  await page.route('**/pause', async (route) => {
    await control(stage, id, 'cancel', {});
    await route.continue();
  });
  await can.getByRole('button', { name: 'Pause', exact: true }).click();
  const refusal = page.getByTestId('toast').filter({ hasText: 'Pause: Not done' });
  await refusal.waitFor();
  assert.match(await refusal.innerText(), /has ended|ended/);
  assert.match(await refusal.innerText(), /start the operation again/i);
});

test('a double click asks once', async (context) => {
  const { page, stage, id } = await opened(context, (stage) => start(stage, 'vae'));
  await page.getByRole('button', { name: 'Pause: vae' }).dblclick();
  await row(page, 'vae').getByText('Paused', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Resume: vae' }).waitFor();
  const asked = (await journal(stage, id)).filter((/** @type {any} */ each) => each.actor === 'dashboard');
  assert.deepEqual(asked.map((/** @type {any} */ each) => each.event), ['run_paused']);
});
