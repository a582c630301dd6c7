// @ts-check
// What the list shows and how it is narrowed, and that the address says so.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { curtain, details, everyState, recovering, row, scene, start } from './cast.mjs';
import { until } from './harness.mjs';

after(curtain);

/** @param {import('playwright-core').Page} page */
const chips = (page) => page.getByRole('group', { name: 'Filter by status' });

/** @param {import('playwright-core').Page} page */
const names = (page) => page.getByRole('list', { name: 'Operations' }).getByRole('link').allInnerTexts();

/**
 * @param {import('playwright-core').Page} page
 * @param {string[]} wanted
 */
const shows = (page, wanted) => until(() => names(page), (seen) => seen.join() === wanted.join());

const LABELS = {
  in_progress: 'In progress', recovering: 'Recovering', paused: 'Paused', pending: 'Pending', success: 'Success', failed: 'Failed', exhausted: 'Exhausted', cancelled: 'Cancelled',
};

test('every status is shown, counted and can be filtered for', async (context) => {
  const { page } = await scene(context, { before: everyState });
  await chips(page).getByRole('button', { name: 'All 8', exact: true }).waitFor();
  for (const [state, label] of Object.entries(LABELS)) {
    await row(page, state).getByText(label, { exact: false }).first().waitFor();
    const chip = chips(page).getByRole('button', { name: new RegExp(`^${label} 1$`, 'i') });
    await chip.click();
    await shows(page, [state]);
    assert.equal(await chip.getAttribute('aria-pressed'), 'true');
    assert.match(page.url(), new RegExp(`[?&]state=${state}$`));
    await page.getByText('1 fits', { exact: true }).waitFor();
    await chip.click();
    await until(() => names(page), (all) => all.length === 8);
  }
});

test('what waits is found whatever its status, and several chips add up', async (context) => {
  const { page } = await scene(context, { before: everyState });
  // The one in recovery waits for its delay, the paused one for a person, the pending one for a slot.
  await chips(page).getByRole('button', { name: 'Waiting 3', exact: true }).click();
  await shows(page, ['pending', 'recovering', 'paused']);
  await row(page, 'recovering').getByText(/^Retry in \d+ s$/).waitFor();
  await row(page, 'pending').getByText('Waits for its turn').waitFor();
  await chips(page).getByRole('button', { name: /^Failed/ }).click();
  await shows(page, ['pending', 'recovering', 'paused', 'failed']);
  assert.equal(new URL(page.url()).searchParams.get('state'), 'waiting,failed');
  await chips(page).getByRole('button', { name: /^All/ }).click();
  await until(() => names(page), (all) => all.length === 8);
});

/** @param {import('./cast.mjs').Stage} stage */
async function four(stage) {
  await start(stage, 'vae', [{ progress: [100, 1000] }]);
  await start(stage, 'Base-Model');
  await start(stage, 'lora', [], 'build-environment');
  return recovering(stage, 'base-extra');
}

test('a search narrows the list, and names, ids, workflows and errors are all searched', async (context) => {
  const { page, made: id } = await scene(context, { before: four });
  const search = page.getByRole('searchbox', { name: 'Search' });
  await search.fill('base');
  await shows(page, ['base-extra', 'Base-Model']);
  await chips(page).getByRole('button', { name: 'All 2', exact: true }).waitFor();
  await search.fill('environment');
  await shows(page, ['lora']);
  await search.fill('connection reset');
  await shows(page, ['base-extra']);
  await search.fill(id);
  await until(async () => new URL(page.url()).searchParams.get('q'), (q) => q === id);
  await shows(page, ['base-extra']);
  await search.fill('there is no such thing');
  await page.getByRole('heading', { name: 'Nothing fits these filters' }).waitFor();
  await page.getByRole('button', { name: 'Clear all filters' }).click();
  await until(() => names(page), (all) => all.length === 4);
  await until(() => search.inputValue(), (text) => text === '');
});

test('the list can be put in every order', async (context) => {
  const { page } = await scene(context, { before: four });
  const order = page.getByRole('combobox', { name: 'Order' });
  const orders = {
    'Oldest first': ['vae', 'Base-Model', 'lora', 'base-extra'],
    'Name A–Z': ['base-extra', 'Base-Model', 'lora', 'vae'],
    'Name Z–A': ['vae', 'lora', 'Base-Model', 'base-extra'],
    Status: ['base-extra', 'lora', 'Base-Model', 'vae'],
    'Newest first': ['base-extra', 'lora', 'Base-Model', 'vae'],
  };
  for (const [label, wanted] of Object.entries(orders)) {
    await order.selectOption({ label });
    await shows(page, wanted);
  }
  assert.equal(new URL(page.url()).search, '');
});

test('what changed last comes first in that order, as it changes', async (context) => {
  const { page, stage } = await scene(context, { before: four });
  await page.getByRole('combobox', { name: 'Order' }).selectOption({ label: 'Last changed' });
  await shows(page, ['base-extra', 'lora', 'Base-Model', 'vae']);
  await stage.ask({ tell: { name: 'vae', lines: ['succeed'] } });
  await shows(page, ['vae', 'base-extra', 'lora', 'Base-Model']);
});

test('filters by workflow, host and error stand beside the list and are taken off there', async (context) => {
  const { page } = await scene(context, { before: four, path: '?workflow=install-model&error=network' });
  await shows(page, ['base-extra']);
  const filters = page.getByRole('group', { name: 'Filters' });
  await filters.getByText('error network').waitFor();
  await filters.getByRole('button', { name: 'Remove the filter error network' }).click();
  await shows(page, ['base-extra', 'Base-Model', 'vae']);
  await filters.getByRole('button', { name: 'Remove the filter workflow install-model' }).click();
  await until(() => names(page), (all) => all.length === 4);
  await filters.waitFor({ state: 'hidden' });
});

test('a link with everything in it shows the same to somebody else, and after a reload', async (context) => {
  const { page, made: id } = await scene(context, { before: four });
  await page.getByRole('searchbox', { name: 'Search' }).fill('base');
  await until(async () => page.url(), (url) => url.includes('q=base'));
  await page.getByRole('combobox', { name: 'Order' }).selectOption({ label: 'Name Z–A' });
  await page.getByRole('link', { name: 'base-extra', exact: true }).click();
  await details(page).getByRole('heading', { name: 'base-extra' }).waitFor();
  assert.deepEqual(Object.fromEntries(new URL(page.url()).searchParams), { q: 'base', sort: '-name', operation: id });
  await page.reload();
  await details(page).getByRole('heading', { name: 'base-extra' }).waitFor();
  await shows(page, ['Base-Model', 'base-extra']);
  assert.equal(await page.getByRole('searchbox', { name: 'Search' }).inputValue(), 'base');
  assert.equal(await page.getByRole('combobox', { name: 'Order' }).inputValue(), '-name');
});

test('the back button goes back through what was looked at', async (context) => {
  const { page } = await scene(context, { before: four });
  await chips(page).getByRole('button', { name: /^Recovering/ }).click();
  await shows(page, ['base-extra']);
  await page.getByRole('link', { name: 'base-extra', exact: true }).click();
  await details(page).getByRole('heading', { name: 'base-extra' }).waitFor();
  await page.getByRole('button', { name: 'Statistics' }).click();
  await page.getByRole('heading', { name: 'Statistics' }).waitFor();
  await page.goBack();
  await page.getByRole('heading', { name: 'Statistics' }).waitFor({ state: 'hidden' });
  await page.goBack();
  await details(page).waitFor({ state: 'hidden' });
  await shows(page, ['base-extra']);
  await page.goBack();
  await until(() => names(page), (all) => all.length === 4);
  await page.goForward();
  await shows(page, ['base-extra']);
});

test('what is added and what ends is shown by itself, and the sums go along', async (context) => {
  const { page, stage } = await scene(context);
  await page.getByRole('heading', { name: 'No operations yet' }).waitFor();
  const sums = page.getByRole('region', { name: 'All downloads under way' });
  await sums.getByText('Nothing under way').waitFor();
  await start(stage, 'vae', [{ progress: [250_000_000, 1_000_000_000] }]);
  await start(stage, 'lora', [{ progress: [500_000_000, 1_000_000_000] }]);
  await shows(page, ['lora', 'vae']);
  await sums.getByText('2 active').waitFor();
  await sums.getByText('0.8 of 2.0 GB').waitFor();
  await until(async () => Number(await sums.getByRole('progressbar').getAttribute('aria-valuenow')), (now) => now === 38);
  await until(async () => row(page, 'vae').getByRole('progressbar', { name: 'Progress of vae' }).getAttribute('aria-valuetext'), (text) => /^250 of 1000 MB|^0.3 of 1.0 GB/.test(text ?? ''));
  await stage.ask({ tell: { name: 'vae', lines: ['succeed', 'succeed', 'succeed'] } });
  await row(page, 'vae').getByText('Success').waitFor();
  await chips(page).getByRole('button', { name: 'Success 1', exact: true }).waitFor();
  await sums.getByText('1 active').waitFor();
});

test('a rate is shown while bytes come, and is gone when they stop', async (context) => {
  const { page, stage } = await scene(context, { before: (stage) => start(stage, 'vae', [{ progress: [1_000_000, 1_000_000_000] }]) });
  const text = () => row(page, 'vae').innerText();
  let done = 1_000_000;
  await until(async () => {
    done += 1_000_000;
    await stage.ask({ tell: { name: 'vae', lines: [{ progress: [done, 1_000_000_000] }] } });
    return text();
  }, (seen) => /[1-9][\d.]* [KM]B\/s · .* left/.test(seen));
  await until(text, (seen) => !/left/.test(seen) && !/[KM]B\/s/.test(seen));
});
