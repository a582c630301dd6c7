// @ts-check
// Ten thousand operations, and a thousand events a second.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { curtain, row, start, tell, visit } from './cast.mjs';
import { stage as raise, until } from './harness.mjs';

/** Bounds that a machine with both cores busy keeps, and a defect breaks. */
const AFTER_MS = 700;
const MEDIAN_MS = 60;
const SLOW_MS = 1000;
const BEHIND_MS = 5000;
const ROWS_MAX = 200;

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
 * Scrolls by so many pixels a frame, to the end or for so many frames; tells what share of the places in sight had
 * no row on the way, how long they had none after it, how many rows there ever were, and how long frames took.
 * @param {import('playwright-core').Page} page
 * @param {{by: number, frames?: number}} how
 */
const scroll = (page, how) => page.evaluate(async ({ by, frames = Infinity }) => {
  const main = /** @type {HTMLElement} */ (document.getElementById('main'));
  const { left, top, width, height } = main.getBoundingClientRect();
  const isBlank = (/** @type {number} */ part) => document.elementFromPoint(left + width / 3, top + height * part)?.closest('[data-testid=row]') === null;
  const blank = () => [0.3, 0.5, 0.7, 0.9].filter(isBlank).length / 4;
  let [last, sum, most] = [performance.now(), 0, 0];
  /** @type {number[]} */
  const took = [];
  const frame = async () => {
    await new Promise((resolve) => { requestAnimationFrame(resolve); });
    const now = performance.now();
    took.push(now - last);
    last = now;
    most = Math.max(most, document.querySelectorAll('[data-testid=row]').length);
  };
  for (let at = -1; main.scrollTop !== at && took.length < frames;) {
    at = main.scrollTop;
    main.scrollTop += by;
    await frame();
    sum += blank();
  }
  const seen = { frames: took.length, blank: sum / took.length, most };
  const stopped = performance.now();
  while (blank() > 0 && performance.now() - stopped < 10_000) await frame();
  took.sort((a, b) => a - b);
  return { ...seen, after: performance.now() - stopped, median: took[took.length >> 1] ?? 0, slowest: took.at(-1) ?? 0 };
}, how);

for (const [how, by, share] of /** @type {const} */ ([['as fast as one reads', 90, 0.02], ['a page every other frame', 400, 0.3]])) {
  test(`rows are in sight all the way: ${how}`, async (context) => {
    const { page, line } = await visit(context, stage);
    await page.getByRole('button', { name: 'All 10\u202f000', exact: true }).waitFor();
    for (const way of [by, -by]) {
      const seen = await scroll(page, { by: way, frames: 200 });
      context.diagnostic(JSON.stringify(seen));
      assert(seen.blank <= share && seen.after < AFTER_MS, JSON.stringify(seen));
      assert(seen.most < ROWS_MAX && seen.median < MEDIAN_MS && seen.slowest < SLOW_MS, JSON.stringify(seen));
    }
    assert(line.asked > 3 && line.most === 1, `each window is there before the next is asked for: ${JSON.stringify(line)}`);
  });
}

test('ten thousand are flown over to the end and back, and some are seen on the way', async (context) => {
  const { page, line } = await visit(context, stage);
  await page.getByRole('button', { name: 'All 10\u202f000', exact: true }).waitFor();
  for (const [by, last] of /** @type {const} */ ([[6000, /ended-000/], [-6000, /active-0/]])) {
    const seen = await scroll(page, { by });
    context.diagnostic(JSON.stringify(seen));
    assert(seen.frames >= 90, `it was over after ${seen.frames} frames`);
    assert(seen.blank < 0.95 && seen.after < AFTER_MS, JSON.stringify(seen));
    assert(seen.most < ROWS_MAX && seen.median < MEDIAN_MS && seen.slowest < SLOW_MS, JSON.stringify(seen));
    await page.getByTestId('row').filter({ hasText: last }).first().waitFor();
  }
  assert(line.asked > 3 && line.most === 1, `each window is there before the next is asked for: ${JSON.stringify(line)}`);
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
