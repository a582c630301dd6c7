// @ts-check
// That everybody can read it: rules of accessibility, light and dark, and the narrowest telephone.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { curtain, details, everyState, fail, recovering, row, scene, seen, start, visit } from './cast.mjs';
import { accessible, until } from './harness.mjs';

after(curtain);

const NARROW = { viewport: { width: 360, height: 740 } };

/** @type {[string, import('playwright-core').BrowserContextOptions][]} */
const WAYS = [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['light, 360 px', { colorScheme: 'light', ...NARROW }],
  ['dark, 360 px', { colorScheme: 'dark', ...NARROW }],
];

/** @param {import('./cast.mjs').Stage} stage */
async function troubled(stage) {
  for (let number = 1; number <= 6; number += 1) {
    const id = await start(stage, `ask-${number}`, [fail('connection refused')], 'ask-host');
    await seen(stage, id, (row) => row.wait !== undefined);
  }
  return everyState(stage);
}

/** @param {import('playwright-core').Page} page */
const overflow = (page) => page.evaluate(() => ({
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  main: (document.getElementById('main')?.scrollWidth ?? 0) - (document.getElementById('main')?.clientWidth ?? 0),
  detail: (document.getElementById('detail')?.scrollWidth ?? 0) - (document.getElementById('detail')?.clientWidth ?? 0),
}));

for (const [name, options] of WAYS) {
  test(`nothing stands in anybody's way: ${name}`, async (context) => {
    const { page, made } = await scene(context, { before: troubled, options });
    /** @param {string} where */
    const check = async (where) => {
      await accessible(page, `${where}, ${name}`);
      assert.deepEqual(await overflow(page), { wide: 0, main: 0, detail: 0 }, `${where}, ${name}: it scrolls sideways`);
    };
    await row(page, 'recovering').waitFor();
    await check('list');
    await page.getByRole('checkbox', { name: 'Select recovering' }).check();
    await page.getByRole('region', { name: 'Actions for many operations' }).waitFor();
    await check('selection');
    await page.getByRole('button', { name: 'Clear selection' }).click();
    for (const id of ['recovering', 'failed', 'success']) {
      await page.goto(`?operation=${made[id]}`);
      await details(page).getByRole('region', { name: 'Timeline' }).waitFor();
      await check(`details of ${id}`);
    }
    for (const [panel, heading] of [['breakers', 'Circuit breakers'], ['stats', 'Statistics']]) {
      await page.goto(`?panel=${panel}`);
      await page.getByRole('heading', { name: heading }).waitFor();
      await page.getByText('models.test').first().waitFor();
      await check(heading ?? '');
    }
    await page.goto('?panel=settings');
    await page.getByLabel('Max retries', { exact: true }).waitFor();
    await check('settings');
    await page.keyboard.press('Escape');
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await check('keyboard shortcuts');
    await page.keyboard.press('Escape');
    await page.keyboard.press('a');
    await page.getByRole('dialog', { name: 'Activity' }).waitFor();
    await check('activity');
    await page.keyboard.press('Escape');
    await page.goto('?q=nothing-is-called-so');
    await page.getByRole('heading', { name: 'Nothing fits these filters' }).waitFor();
    await check('empty list');
  });
}

test('the questions can be read in both themes', async (context) => {
  const { page } = await scene(context, { before: (stage) => recovering(stage, 'vae'), options: { colorScheme: 'dark' } });
  await page.getByRole('link', { name: 'vae', exact: true }).click();
  for (const scheme of /** @type {const} */ (['dark', 'light'])) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    for (const verb of ['Cancel', 'Skip download']) {
      await details(page).getByRole('button', { name: verb, exact: true }).click();
      await page.getByRole('dialog').waitFor();
      await accessible(page, `${verb}, ${scheme}`);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
    }
  }
});

test('the way in can be read too', async (context) => {
  const { stage } = await scene(context);
  const { page } = await visit(context, stage, { token: false });
  await page.getByRole('dialog', { name: 'This page needs its token' }).waitFor();
  await accessible(page, 'way in');
});

test('on a telephone everything can be reached', async (context) => {
  const { page } = await scene(context, { before: (stage) => recovering(stage, 'a-model-with-a-name-that-is-much-too-long-for-a-telephone'), options: { ...NARROW, hasTouch: true } });
  /** Whether it can be hit where it is seen.  @param {import('playwright-core').Locator} control */
  const reach = async (control) => {
    await control.scrollIntoViewIfNeeded();
    await control.click({ trial: true });
    // A box is ticked by its label, too.
    const label = control.locator('xpath=ancestor::label');
    const box = await ((await label.count()) > 0 ? label : control).boundingBox();
    assert(box !== null && box.x >= 0 && box.x + box.width <= 360.5, `${control} is out of sight`);
    // A link within a sentence is as high as its line.
    const least = await control.evaluate((element) => (element.matches('.link') ? 16 : 24));
    assert(box.width >= least && box.height >= least, `${control} is too small for a finger: ${box.width} x ${box.height}`);
  };
  const shown = async () => (await page.getByRole('button').all()).concat(await page.getByRole('checkbox').all());
  for (const control of await shown()) if (await control.isVisible()) await reach(control);
  await page.getByRole('link', { name: /^a-model/ }).click();
  await details(page).getByRole('region', { name: 'What you can do' }).waitFor();
  for (const control of await details(page).getByRole('region', { name: 'What you can do' }).getByRole('button').all()) await reach(control);
  await details(page).getByRole('button', { name: 'Close details' }).first().click();
  await details(page).waitFor({ state: 'hidden' });
});

test('the theme is that of the system until somebody chooses, and the choice is kept', async (context) => {
  const { page } = await scene(context, { options: { colorScheme: 'dark' } });
  const ground = () => page.evaluate(() => {
    const [r = 0, g = 0, b = 0] = (getComputedStyle(document.body).backgroundColor.match(/\d+/g) ?? []).map(Number);
    return (r + g + b) / 3;
  });
  assert(await ground() < 80, 'it is not dark');
  await page.getByRole('button', { name: 'Theme' }).click();
  await until(ground, (light) => light > 180);
  await page.reload();
  await page.getByTestId('link').filter({ hasText: 'Live' }).waitFor();
  assert(await ground() > 180, 'the choice is forgotten');
  await page.getByRole('button', { name: 'Theme' }).click();
  await until(ground, (light) => light < 80);
});
