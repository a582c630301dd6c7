// @ts-check
// Without a mouse: a whole story, and the sheet that says how.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { control, curtain, details, exhausted, journal, recorded, recovering, row, rowOf, scene, start } from './cast.mjs';
import { until } from './harness.mjs';

after(curtain);

/** @param {import('playwright-core').Page} page */
const focused = (page) => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '');

/** @param {import('playwright-core').Page} page @param {string} name */
const focus = (page, name) => until(() => focused(page), (now) => now === name);

/**
 * Goes on with the Tab key until it stands on what is looked for.
 * @param {import('playwright-core').Page} page
 * @param {string} name
 */
async function tabTo(page, name) {
  for (let press = 0; press < 80; press += 1) {
    if (await focused(page) === name) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`the Tab key never came to ${name}`);
}

test('a whole story: find it, look at it, pause it, go on, call it off', async (context) => {
  const { page, stage, made: id } = await scene(context, {
    async before(stage) {
      await start(stage, 'lora');
      const id = await recovering(stage, 'vae');
      await start(stage, 'base');
      return id;
    },
  });
  const keys = page.keyboard;
  await keys.press('/');
  await focus(page, 'Search');
  await keys.type('va');
  await row(page, 'base').waitFor({ state: 'hidden' });
  await keys.press('Escape');
  await keys.press('j');
  await focus(page, 'vae');
  await keys.press('Enter');
  await details(page).getByRole('heading', { name: 'vae', exact: true }).waitFor();
  await focus(page, 'vae');
  await keys.press('p');
  await row(page, 'vae').getByText('Paused', { exact: true }).waitFor();
  await recorded(stage, id, 'run_paused');
  await keys.press('p');
  await row(page, 'vae').getByText('Recovering').waitFor();
  await keys.press('r');
  await until(() => row(page, 'vae').getByText(/Retry in/).count(), (many) => many === 0);
  await keys.press('c');
  const dialog = page.getByRole('dialog', { name: 'Cancel: vae?' });
  await dialog.waitFor();
  // The way back has the focus: the key that opened it does no harm when it is struck again.
  await focus(page, 'Go back');
  await tabTo(page, 'Cancel');
  await keys.press('Enter');
  await dialog.waitFor({ state: 'hidden' });
  await row(page, 'vae').getByText('Cancelled').waitFor();
  assert.equal((await recorded(stage, id, 'run_cancelled')).actor, 'dashboard');
  await keys.press('Escape');
  await details(page).waitFor({ state: 'hidden' });
  await focus(page, 'vae');
});

test('the rows are walked through with j and k, arrows, Home and End, and picked with x', async (context) => {
  const { page } = await scene(context, { before: (stage) => stage.ask({ crowd: { ended: 0, active: 100 } }), path: '?sort=-name' });
  const keys = page.keyboard;
  await keys.press('j');
  await focus(page, 'active-099');
  await keys.press('j');
  await focus(page, 'active-098');
  await keys.press('ArrowDown');
  await focus(page, 'active-097');
  await keys.press('k');
  await focus(page, 'active-098');
  await keys.press('End');
  await focus(page, 'active-000');
  await keys.press('x');
  await keys.press('k');
  await focus(page, 'active-001');
  await keys.press('x');
  await page.getByRole('region', { name: 'Actions for many operations' }).getByText('2 selected').waitFor();
  await keys.press('Home');
  await focus(page, 'active-099');
  await keys.press('Escape');
  await page.getByRole('region', { name: 'Actions for many operations' }).waitFor({ state: 'hidden' });
});

test('once the row is gone that a key was meant for, the key is for nobody', async (context) => {
  const { page, stage, made } = await scene(context, {
    async before(stage) {
      return { a: await recovering(stage, 'a'), b: await recovering(stage, 'b'), c: await recovering(stage, 'c') };
    },
    path: '?state=recovering&sort=name',
  });
  const keys = page.keyboard;
  await row(page, 'c').waitFor();
  await keys.press('j');
  await keys.press('j');
  await focus(page, 'b');
  await control(stage, made.b, 'cancel');
  await row(page, 'b').waitFor({ state: 'hidden' });
  await until(() => page.evaluate(() => document.activeElement?.id), (id) => id === 'main');
  for (const key of ['p', 'r', 'f', 'c', 'n', 'x']) await keys.press(key);
  assert.equal(await page.getByRole('dialog').count(), 0);
  // What has come to its place is the next; what the keys asked for would be in the journal before what this one does.
  await keys.press('j');
  await focus(page, 'c');
  await keys.press('p');
  await recorded(stage, made.c, 'run_paused');
  for (const id of [made.a, made.c]) {
    const asked = (await journal(stage, id)).filter((/** @type {any} */ each) => each.actor === 'dashboard').map((/** @type {any} */ each) => each.event);
    assert.deepEqual(asked, id === made.c ? ['run_paused'] : []);
  }
  assert.equal(await page.getByRole('checkbox', { checked: true }).count(), 0);
});

test('a key struck on the way to a row that is not there yet is for nobody', async (context) => {
  const { page, stage } = await scene(context, { before: (stage) => stage.ask({ crowd: { ended: 0, active: 100 } }), path: '?sort=-name' });
  await row(page, 'active-099').waitFor();
  await page.keyboard.press('j');
  await focus(page, 'active-099');
  const id = await row(page, 'active-099').getAttribute('data-id') ?? '';
  await page.evaluate(() => {
    for (const key of ['End', 'p']) document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
  });
  await focus(page, 'active-000');
  await page.keyboard.press('p');
  await row(page, 'active-000').getByText('Paused', { exact: true }).waitFor();
  assert.notEqual((await rowOf(stage, id)).status, 'paused');
});

test('every panel has its key, and Escape closes what was opened', async (context) => {
  const { page } = await scene(context, { before: (stage) => start(stage, 'vae') });
  const keys = page.keyboard;
  await keys.press('b');
  await page.getByRole('heading', { name: 'Circuit breakers' }).waitFor();
  await keys.press('s');
  await page.getByRole('heading', { name: 'Statistics' }).waitFor();
  await keys.press('g');
  await keys.press('l');
  await page.getByRole('heading', { name: 'Statistics' }).waitFor({ state: 'hidden' });
  await keys.press(',');
  await page.getByRole('dialog', { name: 'Download settings' }).waitFor();
  await keys.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await keys.press('a');
  await page.getByRole('dialog', { name: 'Activity' }).waitFor();
  await keys.press('Escape');
  await keys.press('h');
  await page.getByText('Held still').first().waitFor();
  await keys.press('h');
  await until(() => page.getByTestId('link').innerText(), (text) => text === 'Live');
});

test('f and n ask before they overrule anything', async (context) => {
  const { page } = await scene(context, {
    async before(stage) {
      await recovering(stage, 'vae');
      await exhausted(stage, 'lora');
    },
  });
  const keys = page.keyboard;
  await keys.press('j');
  await focus(page, 'lora');
  await keys.press('f');
  await page.getByRole('dialog', { name: 'Force retry: lora?' }).waitFor();
  await keys.press('Escape');
  await keys.press('j');
  await focus(page, 'vae');
  await keys.press('n');
  await page.getByRole('dialog', { name: 'Cancel recovery: vae?' }).waitFor();
  await keys.press('Escape');
  await focus(page, 'vae');
});

test('the sheet tells all keys, and each of them is one that works', async (context) => {
  const { page } = await scene(context, { before: (stage) => start(stage, 'vae') });
  await page.keyboard.press('?');
  const sheet = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await sheet.waitFor();
  const told = await sheet.getByRole('definition').allInnerTexts();
  assert(told.length >= 15, `only ${told.length} shortcuts are told`);
  await page.keyboard.press('Escape');
  await sheet.waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
  await sheet.waitFor();
});

test('keys that are typed into a field are text', async (context) => {
  const { page } = await scene(context, { before: (stage) => start(stage, 'vae') });
  await page.getByRole('searchbox', { name: 'Search' }).focus();
  await page.keyboard.type('pcrbs,?');
  assert.equal(await page.getByRole('searchbox', { name: 'Search' }).inputValue(), 'pcrbs,?');
  assert.equal(await page.getByRole('dialog').count(), 0);
});

test('the way to the list is one step, and the focus goes with what is opened and closed', async (context) => {
  const { page } = await scene(context, { before: (stage) => start(stage, 'vae') });
  await page.keyboard.press('Tab');
  await focus(page, 'Skip to the list');
  await page.keyboard.press('Enter');
  await until(() => page.evaluate(() => document.activeElement?.id), (id) => id === 'main');
  await tabTo(page, 'vae');
  await page.keyboard.press('Enter');
  await focus(page, 'vae');
  await tabTo(page, 'Close details');
  await page.keyboard.press('Enter');
  await details(page).waitFor({ state: 'hidden' });
  await until(() => page.evaluate(() => document.activeElement?.tagName), (tag) => tag === 'A');
});

test('the bars of the timeline are walked through with arrows', async (context) => {
  const { page } = await scene(context, { before: (stage) => recovering(stage, 'vae') });
  await page.getByRole('link', { name: 'vae', exact: true }).click();
  const timeline = details(page).getByRole('region', { name: 'Timeline' });
  await timeline.getByRole('button', { name: /Wait before/ }).focus();
  await page.keyboard.press('ArrowLeft');
  await until(() => focused(page), (now) => now.startsWith('download: Attempt 1, failed'));
  await page.keyboard.press('ArrowRight');
  await until(() => focused(page), (now) => now.startsWith('download: Wait before'));
});
