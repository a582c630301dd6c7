// @ts-check
// Ten thousand operations, and a thousand events a second.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { curtain, row, start, tell, visit } from './cast.mjs';
import { stage as raise, until } from './harness.mjs';

/** Bounds that a loaded machine keeps and a defect breaks. */
const BLANK_MS = 1500;
const BEHIND_MS = 5000;
const ROWS_MAX = 200;
const SLOW_MS = 1000;

/** @type {import('./cast.mjs').Stage} */
let stage;

before(async () => {
  stage = await raise(['--unlimited']);
  await stage.ask({ crowd: { ended: 9_900, active: 100 } });
});

after(async () => {
  await curtain();
  await stage.kill();
});

/** @param {import('playwright-core').Page} page */
const rows = (page) => page.getByTestId('row').count();

/**
 * Scrolls by so many pixels a frame, to the end or for so many frames; tells for how long no row was in sight
 * on the way and after it, how many rows there ever were, and what the slowest frame took.
 * @param {import('playwright-core').Page} page
 * @param {{by: number, frames?: number}} how
 */
const scroll = (page, how) => page.evaluate(async ({ by, frames = Infinity }) => {
  const main = /** @type {HTMLElement} */ (document.getElementById('main'));
  const isBlank = () => {
    const { left, width, bottom } = main.getBoundingClientRect();
    return document.elementFromPoint(left + width / 3, bottom - 60)?.closest('[data-testid=row]') === null;
  };
  const seen = { frames: 0, most: 0, slowest: 0, blank: 0, after: 0 };
  let last = performance.now();
  let blankSince = 0;
  const frame = async () => {
    await new Promise((resolve) => { requestAnimationFrame(resolve); });
    const now = performance.now();
    seen.slowest = Math.max(seen.slowest, now - last);
    last = now;
    blankSince = isBlank() ? blankSince || now : 0;
    if (blankSince > 0) seen.blank = Math.max(seen.blank, now - blankSince);
    seen.most = Math.max(seen.most, document.querySelectorAll('[data-testid=row]').length);
    seen.frames += 1;
  };
  for (let at = -1; main.scrollTop !== at && seen.frames < frames;) {
    at = main.scrollTop;
    main.scrollTop += by;
    await frame();
  }
  const stopped = performance.now();
  while (isBlank() && performance.now() - stopped < 10_000) await frame();
  return { ...seen, after: performance.now() - stopped };
}, how);

test('ten thousand are scrolled to the end and back, and are there when it stops', async (context) => {
  const { page } = await visit(context, stage);
  await page.getByRole('button', { name: 'All 10\u202f000', exact: true }).waitFor();
  for (const [by, last] of /** @type {const} */ ([[6000, /ended-000/], [-6000, /active-0/]])) {
    const seen = await scroll(page, { by });
    assert(seen.frames >= 90, `it was over after ${seen.frames} frames`);
    assert(seen.after < BLANK_MS, `nothing was in sight for ${seen.after} ms after it stopped`);
    assert(seen.most < ROWS_MAX, `${seen.most} rows are elements`);
    assert(seen.slowest < SLOW_MS, `a frame took ${seen.slowest} ms`);
    await page.getByTestId('row').filter({ hasText: last }).first().waitFor();
  }
});

test('whoever scrolls as fast as one reads always has rows in sight', async (context) => {
  const { page } = await visit(context, stage);
  await page.getByRole('button', { name: 'All 10\u202f000', exact: true }).waitFor();
  const seen = await scroll(page, { by: 90, frames: 200 });
  assert.equal(seen.frames, 200);
  assert(seen.blank < BLANK_MS && seen.slowest < SLOW_MS, JSON.stringify(seen));
});

test('the end of ten thousand is one key away, and a search finds the one', async (context) => {
  const { page } = await visit(context, stage, { path: '?sort=name' });
  await row(page, 'active-000').waitFor();
  await page.keyboard.press('End');
  await row(page, 'ended-09899').waitFor();
  await page.getByRole('searchbox', { name: 'Search' }).fill('ended-04711');
  await row(page, 'ended-04711').waitFor();
  await page.getByText('1 fits', { exact: true }).waitFor();
  assert(await rows(page) < ROWS_MAX);
});

test('a row that is read stays where it is while a hundred others move', async (context) => {
  const { page } = await visit(context, stage, { path: '?sort=name' });
  await row(page, 'active-003').waitFor();
  const stir = stage.ask({ stir: { active: 100, rounds: 20, every_ms: 50 } });
  await row(page, 'active-003').getByText(/^\d+(\.\d)? of 1\.0 MB/).waitFor();
  await stir;
  await row(page, 'active-003').getByText(/^23\.\d of 1000 KB|^0\.0 of 1\.0 MB/).waitFor();
});

test('after a storm of a thousand events a second the page is not behind', async (context) => {
  const { page } = await visit(context, stage);
  await page.getByRole('button', { name: 'All 10\u202f000', exact: true }).waitFor();
  const { events } = await stage.ask({ storm: { per_second: 1000, seconds: 5 } });
  assert(events >= 4000, `only ${events} events were made`);
  // Something after the storm: what comes before it in the journal is then on the page as well.
  await start(stage, 'after-the-storm');
  const since = Date.now();
  await row(page, 'after-the-storm').waitFor();
  const behind = Date.now() - since;
  assert(behind < BEHIND_MS, `the page was ${behind} ms behind`);
  const { total } = await stage.call('GET', 'operations?limit=1');
  await until(() => page.getByRole('button', { name: /^All/ }).innerText(), (text) => Number(text.replace(/\D/g, '')) === total);
  await tell(stage, 'after-the-storm', 'succeed', 'succeed', 'succeed');
  await row(page, 'after-the-storm').getByText('Success').waitFor();
  assert(await rows(page) < ROWS_MAX);
});
