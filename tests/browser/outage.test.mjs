// @ts-check
// The server is killed with SIGKILL and comes back: the same page goes on.

import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { control, curtain, details, fail, recovering, row, start, tell, visit } from './cast.mjs';
import { stage as raise, until } from './harness.mjs';

after(curtain);

/**
 * A stage that can come back where it was, with what it knew.
 * @param {import('node:test').TestContext} context
 */
async function mortal(context) {
  const folder = mkdtempSync(join(tmpdir(), 'stage-'));
  const kept = ['--unlimited', '--journal', join(folder, 'journal'), '--token-file', join(folder, 'token')];
  const first = await raise(kept);
  const again = () => raise([...kept, '--listen', new URL(first.url).host]);
  let last = first;
  context.after(async () => {
    await last.kill();
    rmSync(folder, { recursive: true });
  });
  const revive = async () => {
    last = await again();
    return last;
  };
  return {
    first,
    revive,
    /** Comes back with a journal that knows nothing. */
    async replace() {
      rmSync(join(folder, 'journal'), { recursive: true });
      return revive();
    },
  };
}

/** @param {import('playwright-core').Page} page @param {string} state */
const link = (page, state) => page.getByTestId('link').filter({ hasText: state }).waitFor();

test('the page says that the server is gone, and catches up by itself', async (context) => {
  const { first, revive } = await mortal(context);
  await start(first, 'under-way', [{ progress: [400, 1000] }]);
  const id = await recovering(first, 'in-recovery');
  const { page } = await visit(context, first, { path: `?operation=${id}` });
  await row(page, 'under-way').waitFor();
  await page.evaluate(() => { document.body.dataset.same = 'yes'; });
  await page.getByRole('searchbox', { name: 'Search' }).fill('r');
  await until(async () => page.url(), (url) => url.includes('q=r'));

  await first.kill();
  await link(page, 'Offline');
  const banner = page.getByTestId('banner');
  await banner.getByText('The engine does not answer.').waitFor();
  await banner.getByText(/^(Trying again in \d+ s|Trying now)$/).waitFor();
  await banner.getByRole('button', { name: 'Try now' }).waitFor();
  // What was seen last stays to be read, and what is pressed meanwhile is refused in words.
  await row(page, 'in-recovery').waitFor();
  await page.getByRole('button', { name: 'Pause: in-recovery' }).click();
  await page.getByTestId('toast').filter({ hasText: 'may or may not have been done' }).waitFor();

  const second = await revive();
  await link(page, 'Live');
  await banner.waitFor({ state: 'hidden' });
  await page.getByTestId('toast').filter({ hasText: /Connected again, caught up with \d+ event/ }).waitFor();
  // The attempt that was under way is lost and made again; the delay of the other goes on where it was.
  await row(page, 'under-way').getByText(/In Progress|Recovering/).waitFor();
  await row(page, 'in-recovery').getByText(/^Retry in \d+ s$/).waitFor();
  await details(page).getByRole('heading', { name: 'in-recovery', exact: true }).waitFor();
  assert.equal(await page.evaluate(() => document.body.dataset.same), 'yes', 'the page was loaded anew');
  assert.equal(await page.getByRole('searchbox', { name: 'Search' }).inputValue(), 'r');

  await page.getByRole('button', { name: 'Pause: in-recovery' }).click();
  await row(page, 'in-recovery').getByText('Paused', { exact: true }).waitFor();
  assert.equal((await second.call('GET', `operations/${id}`)).row.status, 'paused');
});

test('what happens behind the back of the page is there when it is back', async (context) => {
  const { first, revive } = await mortal(context);
  await start(first, 'vae');
  const { page } = await visit(context, first);
  await row(page, 'vae').waitFor();
  await page.context().setOffline(true);
  await first.kill();
  await link(page, 'Offline');
  const second = await revive();
  const [{ id }] = (await second.call('GET', 'operations')).operations;
  await control(second, id, 'cancel', {});
  await start(second, 'lora');
  await tell(second, 'lora', 'succeed', 'succeed', 'succeed');
  await page.context().setOffline(false);
  await link(page, 'Live');
  await row(page, 'vae').getByText('Cancelled').waitFor();
  await row(page, 'lora').getByText('Success').waitFor();
});

test('what another journal tells is new, though its numbers are small', async (context) => {
  const { first, replace } = await mortal(context);
  const gone = fail('404 Not Found', { class: 'not_found', kind: 'http_404' });
  for (const name of ['a', 'b', 'c']) await start(first, name, [gone]);
  const { page } = await visit(context, first);
  await page.getByRole('button', { name: 'Activity: 3 new' }).click();
  await page.getByRole('dialog', { name: 'Activity' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Activity', exact: true }).waitFor();
  await first.kill();
  await link(page, 'Offline');
  const second = await replace();
  await link(page, 'Live');
  await start(second, 'other', [gone]);
  await page.getByTestId('toast').filter({ hasText: /other/ }).waitFor();
  await page.getByRole('button', { name: 'Activity: 1 new' }).waitFor();
});

test('an engine that has stopped is told of while the dashboard still answers', async (context) => {
  const { first } = await mortal(context);
  await start(first, 'vae');
  const { page } = await visit(context, first);
  await row(page, 'vae').waitFor();
  await first.ask('stop');
  await page.getByText(/stage \(stopped\)/).or(page.getByTestId('link').filter({ hasText: 'Offline' })).first().waitFor();
  await row(page, 'vae').waitFor();
});
