// @ts-check
// Many operations at once: those that are picked, and all that fit.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { curtain, journal, recorded, recovering, row, scene, start } from './cast.mjs';
import { until } from './harness.mjs';

after(curtain);

/** @param {import('playwright-core').Page} page */
const bar = (page) => page.getByRole('region', { name: 'Actions for many operations' });

/** @param {string[]} names @returns {(stage: import('./cast.mjs').Stage) => Promise<Record<string, string>>} */
const cast = (...names) => async (stage) => {
  /** @type {Record<string, string>} */
  const ids = {};
  for (const name of names) ids[name] = name.startsWith('broken') ? await recovering(stage, name) : await start(stage, name);
  return ids;
};

/** @param {any} stage @param {string} id */
const events = async (stage, id) => (await journal(stage, id)).filter((/** @type {any} */ each) => each.actor === 'dashboard').map((/** @type {any} */ each) => each.event);

test('what is picked is paused together', async (context) => {
  const { page, stage, made } = await scene(context, { before: cast('a', 'b', 'c') });
  await page.getByRole('checkbox', { name: 'Select a' }).check();
  await page.getByRole('checkbox', { name: 'Select c' }).check();
  await bar(page).getByText('2 selected').waitFor();
  await bar(page).getByRole('button', { name: 'Pause' }).click();
  await bar(page).getByText('Pause: 2 of 2 done').waitFor();
  for (const name of ['a', 'c']) {
    await row(page, name).getByText('Paused', { exact: true }).waitFor();
    assert.deepEqual(await events(stage, made[name]), ['run_paused']);
  }
  await row(page, 'b').getByText('In Progress').waitFor();
  assert.deepEqual(await events(stage, made.b), []);
  await bar(page).getByRole('button', { name: 'Close' }).click();
  await bar(page).waitFor({ state: 'hidden' });
});

test('a range is picked with Shift, and let go again', async (context) => {
  const { page } = await scene(context, { before: cast('a', 'b', 'c', 'd') });
  await page.getByRole('checkbox', { name: 'Select a' }).click();
  await page.getByRole('checkbox', { name: 'Select c' }).click({ modifiers: ['Shift'] });
  await bar(page).getByText('3 selected').waitFor();
  assert(!(await page.getByRole('checkbox', { name: 'Select d' }).isChecked()));
  await bar(page).getByRole('button', { name: 'Clear selection' }).click();
  await bar(page).waitFor({ state: 'hidden' });
  assert(!(await page.getByRole('checkbox', { name: 'Select b' }).isChecked()));
});

test('all that fit are counted first, then asked, with one reason', async (context) => {
  const { page, stage, made } = await scene(context, { before: cast('broken-a', 'broken-b', 'fine') });
  await page.getByRole('group', { name: 'Filter by status' }).getByRole('button', { name: /^Recovering/ }).click();
  await row(page, 'fine').waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Select all' }).click();
  await bar(page).getByText('All 2 that fit', { exact: true }).waitFor();
  await bar(page).getByRole('button', { name: 'Cancel recovery' }).click();
  const dialog = page.getByRole('dialog', { name: 'Cancel recovery: many operations' });
  await dialog.getByText('2 operations will be asked.').waitFor();
  // Nothing is done by counting.
  assert.deepEqual(await events(stage, made['broken-a']), []);
  await dialog.getByLabel('Reason (kept in the journal)').fill('the mirror is down');
  await dialog.getByRole('button', { name: 'Cancel recovery' }).click();
  await bar(page).getByText('Cancel recovery: 2 of 2 done').waitFor();
  for (const name of ['broken-a', 'broken-b']) {
    const asked = (await journal(stage, made[name])).find((/** @type {any} */ each) => each.actor === 'dashboard');
    assert.equal(asked.reason, 'the mirror is down');
  }
  assert.deepEqual(await events(stage, made.fine), []);
});

test('from some to all that fit, also those that are not in sight', async (context) => {
  const { page, stage } = await scene(context, { before: (stage) => stage.ask({ crowd: { ended: 0, active: 90 } }) });
  await page.getByRole('checkbox', { name: 'Select active-089' }).check();
  await bar(page).getByRole('button', { name: 'Act on all 90 that fit' }).click();
  await bar(page).getByRole('button', { name: 'Pause' }).click();
  const dialog = page.getByRole('dialog', { name: 'Pause: many operations' });
  await dialog.getByText('90 operations will be asked.').waitFor();
  await dialog.getByRole('button', { name: 'Pause' }).click();
  await bar(page).getByText('Pause: 90 of 90 done').waitFor();
  const { total } = await stage.call('GET', 'operations?state=paused');
  assert.equal(total, 90);
});

test('those that refuse are told with their reasons', async (context) => {
  const { page } = await scene(context, { before: cast('a', 'broken') });
  await page.getByRole('checkbox', { name: 'Select a' }).check();
  await page.getByRole('checkbox', { name: 'Select broken' }).check();
  await bar(page).getByRole('button', { name: 'Cancel recovery' }).click();
  const dialog = page.getByRole('dialog', { name: 'Cancel recovery: many operations' });
  await dialog.getByRole('button', { name: 'Cancel recovery' }).click();
  await row(page, 'broken').getByText('Failed').waitFor();
  await bar(page).getByText('Cancel recovery: 1 of 2 done').waitFor();
  // What is told meanwhile does not stand in the way.
  await page.getByTestId('toast').first().waitFor();
  await bar(page).getByText('1 refused').click({ timeout: 5000 });
  await bar(page).getByRole('listitem').filter({ hasText: /^a: nothing of .* is being retried/ }).waitFor();
});

test('nothing that fits can do it: that is said, and nothing can be sent', async (context) => {
  const { page } = await scene(context, { before: cast('a') });
  await page.getByRole('button', { name: 'Select all' }).click();
  await bar(page).getByRole('button', { name: 'Resume' }).click();
  const dialog = page.getByRole('dialog', { name: 'Resume: many operations' });
  await dialog.getByText('None of them can do that now.').waitFor();
  assert(await dialog.getByRole('button', { name: 'Resume' }).isDisabled());
});

test('a spread over time goes on by itself, and the rest can be stopped', async (context) => {
  const { page, stage } = await scene(context, { before: (stage) => stage.ask({ crowd: { ended: 0, active: 20 } }) });
  await page.getByRole('button', { name: 'Select all' }).click();
  await bar(page).getByRole('button', { name: 'Pause' }).click();
  const dialog = page.getByRole('dialog', { name: 'Pause: many operations' });
  await dialog.getByText('20 operations will be asked.').waitFor();
  await dialog.getByLabel('Spread over').selectOption({ label: '10 minutes' });
  await dialog.getByRole('button', { name: 'Pause' }).click();
  await bar(page).getByRole('button', { name: 'Stop the rest' }).click();
  await bar(page).getByText(/Pause: \d+ of 20 done/).waitFor();
  const { total } = await stage.call('GET', 'operations?state=paused');
  assert(total < 20, `${total} were asked although they were to be spread over ten minutes`);
});
