// @ts-check
// The way in, what the page costs, and a page that may only look.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { curtain, recovering, row, scene, start, visit } from './cast.mjs';
import { until } from './harness.mjs';

after(curtain);

test('the token lets in once, leaves the address, and is not needed again', async (context) => {
  const { page, stage } = await scene(context, { before: (stage) => start(stage, 'vae') });
  await row(page, 'vae').waitFor();
  assert.equal(page.url(), `${stage.origin}/`);
  const cookies = await page.context().cookies();
  assert.deepEqual(cookies.map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite })), [{ httpOnly: true, sameSite: 'Strict' }]);
  const token = new URLSearchParams(new URL(stage.url).hash.slice(1)).get('token');
  assert(token && !cookies.some(({ value }) => value.includes(token)), 'the cookie is the token itself');
  assert.equal(await page.evaluate((token) => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.length]).includes(token), token), false);
  await page.goto('/');
  await row(page, 'vae').waitFor();
});

test('without a token the page asks for it, and takes the whole address as well', async (context) => {
  const { stage } = await scene(context, { before: (stage) => start(stage, 'vae') });
  const { page } = await visit(context, stage, { token: false, path: '?q=vae' });
  const dialog = page.getByRole('dialog', { name: 'This page needs its token' });
  await dialog.getByLabel('Token or whole address').fill('0'.repeat(64));
  await dialog.getByRole('button', { name: 'Open the dashboard' }).click();
  await dialog.getByRole('alert').filter({ hasText: 'That token is not the one of this server' }).waitFor();
  await page.keyboard.press('Escape');
  assert(await dialog.isVisible(), 'there is a way around the token');
  await dialog.getByLabel('Token or whole address').fill(stage.url);
  await page.keyboard.press('Enter');
  await row(page, 'vae').waitFor();
  assert.equal(new URL(page.url()).search, '?q=vae');
});

test('the first page is small, all of it from this server, and nothing is fetched later', async (context) => {
  const { page, requests, stage } = await scene(context, { before: (stage) => recovering(stage, 'vae') });
  await row(page, 'vae').waitFor();
  const files = () => requests.filter(({ url }) => !url.includes('/api/'));
  await page.waitForLoadState('load');
  const bytes = files().reduce((sum, { bytes }) => sum + bytes, 0);
  assert(bytes > 10_000 && bytes <= 60_000, `${bytes} bytes: ${JSON.stringify(files())}`);
  assert(files().length <= 24, `${files().length} requests`);
  const before = new Set(files().map(({ url }) => url));
  await page.getByRole('link', { name: 'vae', exact: true }).click();
  for (const key of ['b', 's', ',', 'Escape', 'a', 'Escape', '?']) await page.keyboard.press(key);
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  assert.deepEqual(files().filter(({ url }) => !before.has(url)), []);
  const answer = await fetch(stage.origin);
  assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'/);
});

test('the policy of the page lets no foreign script in', async (context) => {
  const { page, faults } = await scene(context);
  const ran = await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.ran = true';
    document.body.append(script);
    return 'ran' in window;
  });
  assert.equal(ran, false);
  // Also shows that a violation would be noticed in every other test.
  await until(async () => faults.join(), (told) => /Content Security Policy/.test(told) && /csp: script-src/.test(told));
  faults.length = 0;
});

test('a page that may only look offers no control, and says so', async (context) => {
  const { page } = await scene(context, { args: ['--unlimited', '--read-only'], before: (stage) => start(stage, 'vae') });
  await row(page, 'vae').waitFor();
  assert.equal(await page.getByRole('button', { name: /^(Pause|Cancel|Retry now|Select all|Ring the bell)(:|$)/ }).count(), 0);
  await page.getByRole('link', { name: 'vae', exact: true }).click();
  await page.getByText('Read only: this page shows, but changes nothing.').waitFor();
  await page.getByRole('heading', { name: 'vae', exact: true }).focus();
  for (const key of ['p', 'c', 'r']) await page.keyboard.press(key);
  assert.equal(await page.getByRole('dialog').count(), 0);
  await page.keyboard.press(',');
  assert(await page.getByLabel('Max retries', { exact: true }).isDisabled());
  const refused = await page.evaluate(async () => (await fetch('api/v1/buttons/ring', { method: 'POST' })).status);
  assert.equal(refused, 403);
});

test('eight tabs of one browser are all live, and each can act', async (context) => {
  const { page, context: browser, stage } = await scene(context, { before: (stage) => start(stage, 'vae') });
  const pages = [page];
  while (pages.length < 8) {
    const tab = await browser.newPage();
    await tab.goto(stage.origin);
    pages.push(tab);
  }
  for (const tab of pages) await tab.getByTestId('link').filter({ hasText: 'Live' }).waitFor();
  const last = /** @type {import('playwright-core').Page} */ (pages.at(-1));
  await last.getByRole('button', { name: 'Pause: vae' }).click();
  for (const tab of pages) await row(tab, 'vae').getByText('Paused', { exact: true }).waitFor();
});

test('who must give the token anew loses nothing by it, and a wrong one is told of where it is seen', async (context) => {
  const { page, context: browser, stage } = await scene(context, { path: '?panel=settings' });
  const settings = page.getByRole('dialog', { name: 'Download settings' });
  await settings.getByLabel('Max retries', { exact: true }).waitFor();
  await browser.clearCookies();
  await settings.getByLabel('Max retries', { exact: true }).fill('7');
  const login = page.getByTestId('login');
  await login.waitFor();
  for (let press = 0; press < 5; press += 1) await page.keyboard.press('Escape');
  assert(await login.isVisible() && await settings.isVisible(), 'Escape closes what must stay');
  await page.evaluate(() => { location.hash = '#token=wrong'; });
  await login.getByRole('alert').filter({ hasText: 'That token is not the one of this server' }).waitFor();
  await page.evaluate((hash) => { location.hash = hash; }, new URL(stage.url).hash);
  await login.waitFor({ state: 'hidden' });
  assert.equal(new URL(page.url()).hash, '');
  assert.equal(await settings.getByLabel('Max retries', { exact: true }).inputValue(), '7');
  await page.keyboard.press('Escape');
  await settings.waitFor({ state: 'hidden' });
  await page.evaluate(() => { location.hash = '#token=wrong'; });
  await page.getByTestId('toast').filter({ hasText: 'That token is not the one of this server' }).waitFor();
});
