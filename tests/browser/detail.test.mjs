// @ts-check
// Everything about one operation, as it is told and as it goes on.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { control, curtain, details, fail, journal, recovering, row, scene, seen, start, tell } from './cast.mjs';
import { accessible, until } from './harness.mjs';

after(curtain);

/**
 * A stage with one operation called `vae`, and a page that shows it in full.
 * @param {import('node:test').TestContext} context
 * @param {(stage: import('./cast.mjs').Stage) => Promise<string>} before
 */
async function opened(context, before) {
  const set = await scene(context, { before });
  await set.page.getByRole('list', { name: 'Operations' }).getByRole('link').click();
  const panel = details(set.page);
  await panel.getByRole('heading', { level: 2 }).waitFor();
  /** @param {string} name */
  const part = (name) => panel.getByRole('region', { name });
  /** @param {string} name */
  const step = (name) => part('Steps').getByRole('listitem').filter({ has: set.page.getByRole('heading', { name, exact: true }) });
  return { ...set, id: /** @type {string} */ (set.made), panel, part, step };
}

test('the delay counts down, second by second, towards the moment of the journal', async (context) => {
  const { page, stage, id, panel } = await opened(context, (stage) => recovering(stage, 'vae'));
  const wait = panel.getByText(/^Retry in \d+ s$/);
  const failed = (await journal(stage, id)).find((/** @type {any} */ each) => each.event === 'attempt_failed');
  /** @type {Set<number>} */
  const told = new Set();
  await until(async () => {
    const before = Date.now();
    const left = Number(/\d+/.exec(await wait.innerText())?.[0]);
    // Rounded up, and drawn four times a second.
    const most = (Date.parse(failed.due_at) - before) / 1000 + 1.5;
    const least = (Date.parse(failed.due_at) - Date.now()) / 1000 - 0.5;
    assert(left <= most && left >= least, `${left} s are told, between ${least} and ${most} are left`);
    told.add(left);
    return told.size;
  }, (many) => many >= 4);
  const down = [...told];
  assert.deepEqual(down, [...down].sort((a, b) => b - a));
  await row(page, 'vae').getByText(/^Retry in \d+ s$/).waitFor();
});

test('the attempt and the arithmetic of the delay go along with the retries', async (context) => {
  const { page, stage, id, panel, part } = await opened(context, (stage) => recovering(stage, 'vae'));
  await panel.getByText('Attempt 2/5').first().waitFor();
  const sums = part('What is going on').getByRole('listitem');
  await sums.filter({ hasText: '30 s × 2^0 = 30 s' }).waitFor();
  await part('What is going on').getByText('Step download: retry 1 of 4 comes after a delay').waitFor();
  await tell(stage, 'vae', fail());
  await control(stage, id, 'retry');
  await panel.getByText('Attempt 3/5').first().waitFor();
  await row(page, 'vae').getByText('Attempt 3/5').waitFor();
  await sums.filter({ hasText: '30 s × 2^1 = 1 min' }).waitFor();
});

test('an error is told with what to do about it, and its raw text is folded away', async (context) => {
  const hint = 'check the line, then try again';
  const how = fail('GET https://models.test/vae: connection reset', { hint });
  const { part } = await opened(context, (stage) => recovering(stage, 'vae', how));
  const why = part('What is going on');
  await why.getByText('Network problem').waitFor();
  await why.getByText(hint).waitFor();
  const raw = why.getByText('GET https://models.test/vae: connection reset');
  assert(!(await raw.isVisible()), 'the raw text is not folded');
  await why.getByText('Raw text').click();
  await raw.waitFor();
  await why.getByText('network / connection_reset').waitFor();
});

test('the graph shows every step, also those that are not reached', async (context) => {
  const { page, stage, part, step } = await opened(context, (stage) => start(stage, 'vae', [], 'build-environment'));
  const graph = part('Step graph').getByRole('group');
  await until(async () => graph.getAttribute('aria-label'), (words) => /fetch: Running/.test(words ?? '') && /join: Not reached yet/.test(words ?? ''));
  await step('join').getByText('Not reached yet').waitFor();
  await step('join').getByText('after left, right').waitFor();
  await step('join').getByText('begins when left, right is done').or(step('join').getByText('begins when left, right are done')).waitFor();
  await tell(stage, 'vae', 'succeed');
  await until(async () => graph.getAttribute('aria-label'), (words) => /fetch: Succeeded/.test(words ?? '') && /left: Running/.test(words ?? '') && /right: Running/.test(words ?? ''));
  await tell(stage, 'vae', 'succeed', 'succeed');
  await until(async () => graph.getAttribute('aria-label'), (words) => /join: Succeeded/.test(words ?? ''));
  // From each of them one comes to what is told of it, without a mouse.
  for (const [name, key] of [['left', 'Enter'], ['join', ' ']]) {
    await graph.getByRole('button', { name: `${name}: Succeeded` }).press(key);
    await until(() => page.evaluate(() => document.activeElement?.getAttribute('data-step')), (step) => step === name);
  }
  await accessible(page, 'the graph');
});

test('the progress of each step is its own', async (context) => {
  const { stage, step } = await opened(context, (stage) => start(stage, 'vae', [{ progress: [250, 1000] }]));
  await step('download').getByText(/^0\.3 of 1\.0 KB/).waitFor();
  await tell(stage, 'vae', { progress: [1000, 1000] }, 'succeed', { progress: [50_000_000, 200_000_000] });
  await step('download').getByText('Succeeded').waitFor();
  await step('verify').getByText(/^50\.0 of 200 MB/).waitFor();
  await until(async () => step('verify').getByRole('progressbar').getAttribute('aria-valuenow'), (now) => now === '25');
});

test('the timeline has one bar for each attempt and one for each wait', async (context) => {
  const { stage, id, part } = await opened(context, (stage) => recovering(stage, 'vae'));
  await tell(stage, 'vae', fail('connection refused'));
  await control(stage, id, 'retry');
  await seen(stage, id, (row) => row.attempt === 3 && row.wait !== undefined);
  await control(stage, id, 'retry');
  await tell(stage, 'vae', 'succeed');
  const lane = part('Timeline').getByRole('group', { name: 'Timeline of download' }).getByRole('button');
  await until(() => lane.count(), (many) => many === 5);
  const bars = await lane.evaluateAll((all) => all.map((bar) => bar.getAttribute('aria-label')));
  const patterns = [/^download: Attempt 1, failed/, /^download: Wait before the next attempt/, /^download: Attempt 2, failed .*connection refused/, /^download: Wait/, /^download: Attempt 3, succeeded/];
  for (const [at, pattern] of patterns.entries()) assert.match(bars[at] ?? '', pattern);
  await part('Timeline').getByRole('group', { name: 'Timeline of verify' }).getByRole('button', { name: /Attempt 1, running/ }).waitFor();
});

test('a bar of the timeline narrows the history to its attempt', async (context) => {
  const { stage, id, part } = await opened(context, (stage) => recovering(stage, 'vae'));
  await control(stage, id, 'retry');
  await part('Timeline').getByRole('button', { name: /Attempt 2, running/ }).waitFor();
  // A bar of a few milliseconds is a hair wide: the keyboard is the way to it.
  await part('Timeline').getByRole('button', { name: /Attempt 1, failed/ }).focus();
  await part('Timeline').getByRole('button', { name: /Attempt 1, failed/ }).press('Enter');
  await part('Timeline').getByText(/^download: Attempt 1, failed .*connection reset by peer/).last().waitFor();
  await part('Timeline').getByRole('button', { name: 'History of this attempt only' }).click();
  await part('History').getByText('Only attempt 1 of download').waitFor();
  await until(() => part('History').getByRole('listitem').count(), (many) => many === 2);
  await part('History').getByRole('button', { name: 'Show all' }).click();
  await until(() => part('History').getByRole('listitem').count(), (many) => many > 3);
});

/** One with more than a hundred events.  @param {import('./cast.mjs').Stage} stage */
async function eventful(stage) {
  const id = await start(stage, 'vae');
  for (let round = 0; round < 40; round += 1) {
    await control(stage, id, 'pause', { reason: `round ${round}` });
    await control(stage, id, 'resume', {});
  }
  return id;
}

test('older pages of the history come when they are asked for', async (context) => {
  const { stage, id, part } = await opened(context, eventful);
  const all = (await journal(stage, id)).length;
  assert(all > 110, `only ${all} events`);
  const shown = part('History').getByRole('listitem');
  await until(() => shown.count(), (many) => many === 100);
  await part('History').getByText(/was started/).waitFor({ state: 'hidden' });
  await part('History').getByRole('button', { name: 'Load older' }).click();
  await until(() => shown.count(), (many) => many === all);
  await part('History').getByText('install-model version 1 was started').waitFor();
  await part('History').getByRole('button', { name: 'Load older' }).waitFor({ state: 'hidden' });
  // Live events go on top of what was loaded.
  await control(stage, id, 'cancel', { reason: 'enough' });
  await part('History').getByText(/called off by dashboard: enough/).waitFor();
  await part('History').getByText('install-model version 1 was started').waitFor();
});

test('what a journal says is text, whatever it looks like', async (context) => {
  const name = '<img src=x onerror=alert(1)>';
  const how = fail('<script>alert(2)</script> & <b>bold</b>', { hint: '<a href="javascript:alert(3)">click</a>' });
  const { page, panel, part } = await opened(context, (stage) => recovering(stage, name, how));
  page.on('dialog', (dialog) => assert.fail(`a script ran: ${dialog.message()}`));
  await panel.getByRole('heading', { name, exact: true }).waitFor();
  await row(page, name).getByText('<a href="javascript:alert(3)">click</a>').waitFor();
  await part('What is going on').getByText('Raw text').click();
  await part('What is going on').getByText('<script>alert(2)</script> & <b>bold</b>').waitFor();
  await part('History').getByText(/<script>alert\(2\)<\/script> & <b>bold<\/b>/).waitFor();
  await page.getByRole('button', { name: `Cancel: ${name}` }).click();
  await page.getByRole('dialog', { name: `Cancel: ${name}?` }).waitFor();
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('img, body script, body b script, a[href^="javascript"]').count(), 0);
});

test('input and output are there to be looked at, and the id to be copied', async (context) => {
  const { page, stage, panel, part, id } = await opened(context, (stage) => start(stage, 'vae', ['succeed', 'succeed', 'succeed']));
  await panel.getByText('Success').first().waitFor();
  await part('Input and output').getByText('Output', { exact: true }).click();
  await part('Input and output').getByText('"vae"', { exact: true }).last().waitFor();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: stage.origin });
  await panel.getByRole('button', { name: 'Copy the id' }).click();
  await page.getByTestId('toast').filter({ hasText: 'Copied' }).waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), id);
});

test('an operation that is not there is told of', async (context) => {
  const { page } = await scene(context, { path: '?operation=01a2049d-19e6-70d6-aa99-8b2afcdd01e7' });
  await details(page).getByRole('heading', { name: 'There is no such operation' }).waitFor();
  await details(page).getByRole('button', { name: 'Close details' }).click();
  await details(page).waitFor({ state: 'hidden' });
});
