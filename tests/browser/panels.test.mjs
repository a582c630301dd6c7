// @ts-check
// The breakers, the statistics, the settings, the button of the embedder, and what is told when something ends.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { HOST, HOST_KEY, control, curtain, details, exhausted, fail, recovering, row, scene, seen, start, tell } from './cast.mjs';
import { until } from './harness.mjs';

after(curtain);

/** @param {import('playwright-core').Page} page @param {string} text */
const told = (page, text) => page.getByTestId('toast').filter({ hasText: text }).waitFor();

/** @param {import('playwright-core').Page} page */
const card = (page) => page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: HOST }) });

/** @param {import('./cast.mjs').Stage} stage */
const breaker = async (stage) => (await stage.call('GET', 'breakers')).breakers[HOST_KEY];

/** @param {import('playwright-core').Page} page @param {string} go @param {string} reason */
async function confirm(page, go, reason) {
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Reason (kept in the journal)').fill(reason);
  await dialog.getByRole('button', { name: go, exact: true }).click();
  await dialog.waitFor({ state: 'hidden' });
}

/** Five failures in a row open the breaker; one more operation is held back behind it.  @param {import('./cast.mjs').Stage} stage */
async function troubled(stage) {
  for (let number = 1; number <= 5; number += 1) {
    const id = await start(stage, `ask-${number}`, [fail('connection refused')], 'ask-host');
    await seen(stage, id, (row) => row.wait !== undefined);
  }
  await until(() => breaker(stage), (of) => of.state === 'open');
  return start(stage, 'held', [], 'ask-host');
}

test('an open breaker says why, until when, and what it holds back', async (context) => {
  const { page } = await scene(context, { before: troubled });
  await row(page, 'held').getByText(/the host models\.test is down: too many failures in a row · next in \d+ s/i).waitFor();
  await page.getByRole('button', { name: /^Breakers 1 not closed/ }).click();
  await card(page).getByText('Open', { exact: true }).waitFor();
  await card(page).getByText('Open: too many failures in a row').waitFor();
  await card(page).getByText('Open since').waitFor();
  assert.equal(await card(page).getByText(/\d of \d/).count(), 0, 'failures are counted while it is closed');
  await card(page).getByText(/^in \d/).waitFor();
  assert.equal(await card(page).getByRole('definition').filter({ hasText: /^1$/ }).count(), 1, 'it tripped once');
  // What it holds back is a step away.
  await card(page).getByRole('button', { name: /\d+ operations?$/ }).click();
  await row(page, 'held').waitFor();
  assert.equal(new URL(page.url()).searchParams.get('host'), HOST_KEY);
});

test('a probe is let through by hand, and its success closes the breaker', async (context) => {
  const { page, stage, made: held } = await scene(context, { before: troubled, path: '?panel=breakers' });
  for (const name of ['held', 'ask-1', 'ask-2', 'ask-3', 'ask-4', 'ask-5']) await tell(stage, name, 'succeed');
  await card(page).getByRole('button', { name: `Probe now: ${HOST}` }).click();
  await told(page, `Asked: probe now ${HOST}`);
  await card(page).getByText('Closed', { exact: true }).waitFor();
  await seen(stage, held, (row) => row.status === 'success');
});

test('a breaker is closed, isolated, disabled and enforced by hand', async (context) => {
  const { page, stage } = await scene(context, { before: troubled, path: '?panel=breakers' });
  await card(page).getByRole('button', { name: `Close: ${HOST}` }).click();
  await card(page).getByText('Closed', { exact: true }).waitFor();
  await card(page).getByText('0 of 5').waitFor();
  await card(page).getByRole('button', { name: `Isolate: ${HOST}` }).click();
  await confirm(page, 'Isolate', 'they move their servers');
  await card(page).getByText('isolated by hand').waitFor();
  await card(page).getByText('dashboard, they move their servers').waitFor();
  assert.deepEqual((await breaker(stage)).set_by, { actor: 'dashboard', reason: 'they move their servers' });
  await card(page).getByRole('button', { name: `Enforce: ${HOST}` }).click();
  await card(page).getByText('isolated by hand').waitFor({ state: 'hidden' });
  await card(page).getByRole('button', { name: `Isolate: ${HOST}` }).click();
  await page.getByRole('dialog').getByLabel('For how long').selectOption('10 minutes');
  await confirm(page, 'Isolate', 'for a while');
  await card(page).getByText(/^dashboard, for a while, until \d\d:\d\d:\d\d$/).waitFor();
  await card(page).getByText(/^in (10|9) min/).waitFor();
  const { set_by: by } = await breaker(stage);
  const left = Date.parse(by.until) - Date.now();
  assert(left > 9 * 60_000 && left <= 10 * 60_000, by.until);
  await card(page).getByRole('button', { name: `Enforce: ${HOST}` }).click();
  await card(page).getByText('isolated by hand').waitFor({ state: 'hidden' });
  await card(page).getByRole('button', { name: `Disable: ${HOST}` }).click();
  await confirm(page, 'Disable', 'it counts wrongly');
  await card(page).getByText('disabled', { exact: true }).waitFor();
  assert.equal((await breaker(stage)).mode, 'disabled');
  await card(page).getByRole('button', { name: `Enforce: ${HOST}` }).click();
  await until(() => breaker(stage), (of) => of.mode === 'enforced');
});

test('the cards of the statistics go along with what happens', async (context) => {
  const { page, stage } = await scene(context, { before: (stage) => recovering(stage, 'vae'), path: '?panel=stats' });
  /** @param {string} name */
  const stat = (name) => page.getByTestId('stat-cards').locator('div').filter({ has: page.getByText(name, { exact: true }) }).getByRole('definition').first();
  /** @param {string} name @param {string | RegExp} value */
  const says = (name, value) => until(() => stat(name).innerText(), (text) => (typeof value === 'string' ? text === value : value.test(text)));
  await says('Total operations', '1');
  await says('Recovered', '0');
  await tell(stage, 'vae', 'succeed', 'succeed', 'succeed');
  await control(stage, (await stage.call('GET', 'operations')).operations[0].id, 'retry');
  await says('Succeeded', '1');
  await says('Recovered', '1');
  await says('Retry attempts', '1');
  await says('Success rate', '100 %');
  await says('Average recovery time', /^[\d.]+ (ms|s)$/);
  await start(stage, 'lost', [fail('404 Not Found', { class: 'not_found', kind: 'http_404' })]);
  await says('Failed', '1');
  await says('Success rate', '50.0 %');
  const causes = page.getByRole('region', { name: 'Top causes' });
  await causes.getByRole('button', { name: 'network' }).waitFor();
  await page.getByRole('region', { name: 'The last half hour' }).getByRole('img', { name: /1 succeeded, 1 failed, 1 retries/ }).waitFor();
  assert.match(await page.getByTestId('chart-recent').locator('.ends').innerText(), /^\d\d:\d\d(\s+\d\d:\d\d){3}$/);
  await causes.getByRole('button').filter({ hasNotText: 'network' }).first().click();
  await row(page, 'lost').waitFor();
});

test('a change of settings is told before it is made, then made, then taken back', async (context) => {
  const { page, stage } = await scene(context, { before: (stage) => recovering(stage, 'vae') });
  await page.getByRole('button', { name: 'Settings' }).click();
  const dialog = page.getByRole('dialog', { name: 'Download settings' });
  const retries = dialog.getByLabel('Max retries', { exact: true });
  const apply = dialog.getByRole('button', { name: 'Apply' });
  await dialog.getByText('Nothing is changed yet.').waitFor();
  assert(await apply.isDisabled());
  await retries.fill('0');
  const preview = dialog.getByRole('status');
  await preview.getByRole('listitem').filter({ hasNotText: 'Nothing is changed' }).first().waitFor();
  const settings = async () => (await stage.call('GET', 'settings')).settings;
  assert.equal((await settings()).max_retries.changed, false, 'a preview changes nothing');
  await apply.click();
  await told(page, 'Settings are applied');
  await dialog.waitFor({ state: 'hidden' });
  assert.equal((await settings()).max_retries.value, 0);
  await page.getByRole('button', { name: 'Settings' }).click();
  await until(() => retries.inputValue(), (value) => value === '0');
  await dialog.getByRole('button', { name: 'Reset Max retries to its default' }).click();
  await apply.click();
  await dialog.waitFor({ state: 'hidden' });
  assert.equal((await settings()).max_retries.changed, false);
});

test('settings whose answer is lost are sent again as the same order', async (context) => {
  const { page, stage } = await scene(context, { path: '?panel=settings' });
  /** @type {string[]} */
  const keys = [];
  await page.route('**/api/v1/settings', async (route) => {
    keys.push(route.request().headers()['idempotency-key'] ?? '');
    if (keys.length > 1) return route.continue();
    await route.fetch();
    return route.abort();
  });
  const dialog = page.getByRole('dialog', { name: 'Download settings' });
  await dialog.getByLabel('Max retries', { exact: true }).fill('7');
  await dialog.getByRole('button', { name: 'Apply' }).click();
  await told(page, 'Settings are applied');
  assert.equal((await stage.call('GET', 'settings')).settings.max_retries.value, 7);
  assert.match(keys[0] ?? '', /^[0-9a-f]{32}$/);
  assert.deepEqual(keys, [keys[0], keys[0]]);
});

test('units of the settings are those of people, and what is no number is told', async (context) => {
  const { page, stage } = await scene(context, { path: '?panel=settings' });
  const dialog = page.getByRole('dialog', { name: 'Download settings' });
  await dialog.getByLabel('Initial delay', { exact: true }).fill('1.5');
  await dialog.getByLabel('Bandwidth limit', { exact: true }).fill('2');
  await dialog.getByRole('button', { name: 'Apply' }).click();
  await dialog.waitFor({ state: 'hidden' });
  const { settings } = await stage.call('GET', 'settings');
  assert.deepEqual([settings.initial_delay_ms.value, settings.bandwidth_limit.value], [1500, 2_000_000]);
  await page.getByRole('button', { name: 'Settings' }).click();
  await dialog.getByLabel('Concurrent operations', { exact: true }).fill('0');
  await dialog.getByText('Concurrent operations: give a number of at least 1').waitFor();
  assert(await dialog.getByRole('button', { name: 'Apply' }).isDisabled());
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  assert.equal(new URL(page.url()).searchParams.get('panel'), null);
});

test('the button of the embedder asks, then is pressed once', async (context) => {
  const { page, stage } = await scene(context);
  await page.getByRole('button', { name: 'Ring the bell' }).click();
  const dialog = page.getByRole('dialog', { name: 'Ring the bell' });
  await dialog.getByText('Ring it?').waitFor();
  await dialog.getByRole('button', { name: 'Go back' }).last().click();
  assert.equal((await stage.ask('look')).rung, 0);
  await page.getByRole('button', { name: 'Ring the bell' }).click();
  await dialog.getByRole('button', { name: 'Ring the bell' }).click();
  await told(page, 'Done: Ring the bell');
  assert.equal((await stage.ask('look')).rung, 1);
});

test('that something gave up is told at once, and kept in the activity', async (context) => {
  const { page, stage } = await scene(context, { before: (stage) => start(stage, 'fine') });
  await exhausted(stage, 'vae');
  const toast = page.getByTestId('toast').filter({ hasText: /vae gave up/ });
  await toast.waitFor();
  await page.getByTestId('announcer').filter({ hasText: /vae gave up/ }).waitFor({ state: 'attached' });
  await toast.getByRole('button', { name: 'Open vae' }).click();
  await details(page).getByRole('heading', { name: 'vae', exact: true }).waitFor();
  await tell(stage, 'fine', 'succeed', 'succeed', 'succeed');
  await page.getByRole('button', { name: 'Activity: 2 new' }).click();
  const activity = page.getByRole('dialog', { name: 'Activity' });
  assert.match((await activity.getByRole('listitem').allInnerTexts()).join('\n'), /Succeeded[^]*Gave up/);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Activity', exact: true }).waitFor();
});

test('a page that is held still shows nothing new until it goes on', async (context) => {
  const { page, stage, made } = await scene(context, { before: (stage) => start(stage, 'vae') });
  await page.getByRole('button', { name: 'Hold the page still' }).click();
  await page.getByText('Held still').first().waitFor();
  await control(stage, made, 'pause');
  // What is told to the page while it stands still is not drawn.
  await start(stage, 'second');
  await exhausted(stage, 'third');
  await page.getByTestId('toast').filter({ hasText: /third gave up/ }).waitFor();
  assert.equal(await row(page, 'vae').getByText('Paused', { exact: true }).count(), 0);
  assert.equal(await row(page, 'second').count(), 0);
  await page.getByRole('button', { name: 'Go on live' }).click();
  await row(page, 'vae').getByText('Paused', { exact: true }).waitFor();
  await row(page, 'second').waitFor();
});
