// @ts-check
// What the page costs, and how soon it shows what happened: `just figures`, on a machine with nothing else to do.

import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { start, tell } from './cast.mjs';
import { browser as launch, open, stage as raise } from './harness.mjs';

const ENDED = 9_900;
const ACTIVE = 100;
const WATCH_MS = 15_000;
const PIXELS = 100;
const STORMS = [1000, 2000, 4000];

/** @type {[string, string][]} */
const table = [];
const note = (/** @type {string} */ what, /** @type {string} */ value) => table.push([what, value]);
const mb = (/** @type {number} */ bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
const ms = (/** @type {number} */ value) => `${Math.round(value)} ms`;
/** @param {number[]} values @param {number} part */
const quantile = (values, part) => [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? NaN;

/** CPU seconds and resident bytes of a process, as Linux tells them.  @param {number} pid */
function usage(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const rss = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return { cpu: (Number(fields[11]) + Number(fields[12])) / 100, rss: Number(rss) * 1024 };
}

/** @param {import('playwright-core').Page} page */
async function costs(page) {
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable');
  return async () => {
    const { metrics } = await session.send('Performance.getMetrics');
    const of = (/** @type {string} */ name) => metrics.find((each) => each.name === name)?.value ?? NaN;
    return { cpu: of('TaskDuration'), heap: of('JSHeapUsedSize') };
  };
}

/** Watches for the rows from the very beginning. */
const watcher = () => new MutationObserver((_, self) => {
  if (document.querySelector('[data-testid=row]') === null) return;
  self.disconnect();
  requestAnimationFrame(() => setTimeout(() => { document.documentElement.dataset.rows = String(performance.now()); }));
}).observe(document, { childList: true, subtree: true });

/**
 * Times from the record in the journal to the pixel, of one thing after the other.
 * @param {import('playwright-core').Page} page
 */
async function pixels(page) {
  /** @type {number[]} */
  const took = [];
  for (let number = 0; number < PIXELS; number += 1) {
    const name = `pixel-${number}`;
    const drawn = page.evaluate((name) => new Promise((resolve) => {
      const look = () => [...document.querySelectorAll('[data-testid=row] .name')].some((each) => each.textContent === name);
      const observer = new MutationObserver(() => {
        if (!look()) return;
        observer.disconnect();
        requestAnimationFrame(() => setTimeout(() => resolve(Date.now())));
      });
      observer.observe(document.body, { childList: true, subtree: true, characterData: true });
    }), name);
    const id = await start(stage, name, ['succeed', 'succeed', 'succeed']);
    const at = await drawn;
    const { events } = await stage.call('GET', `operations/${id}/events?limit=1&after=0`);
    took.push(Number(at) - Date.parse(events[0].at));
  }
  return took;
}

const stage = await raise(['--unlimited']);
const shown = await launch();
try {
  await stage.ask({ crowd: { ended: ENDED, active: ACTIVE } });
  const paints = [];
  for (let round = 0; round < 10; round += 1) {
    const opened = await open(shown, stage.url, {}, watcher);
    await opened.page.waitForFunction(() => document.documentElement.dataset.rows !== undefined);
    paints.push(await opened.page.evaluate(() => Number(document.documentElement.dataset.rows)));
    if (round === 0) {
      const files = opened.requests.filter(({ url }) => url.startsWith(stage.origin) && !url.includes('/api/'));
      note('First page, requests of files', String(files.length));
      note('First page, bytes of files (compressed)', String(files.reduce((sum, { bytes }) => sum + bytes, 0)));
    }
    await opened.context.close();
  }
  note('First rows on the screen, nothing cached, 10,000 operations (median of 10)', ms(quantile(paints, 0.5)));

  const { page, context } = await open(shown, stage.url);
  await page.getByTestId('row').first().waitFor();
  const look = await costs(page);
  const quiet = { server: usage(stage.pid), page: await look() };
  await page.waitForTimeout(WATCH_MS);
  const rest = { server: usage(stage.pid), page: await look() };
  const share = (/** @type {number} */ from, /** @type {number} */ to) => `${((100_000 * (to - from)) / WATCH_MS).toFixed(1)} % of one CPU`;
  note('Server at rest, one page open', share(quiet.server.cpu, rest.server.cpu));
  note('Page at rest', share(quiet.page.cpu, rest.page.cpu));
  await stage.ask({ stir: { active: ACTIVE, rounds: WATCH_MS / 50, every_ms: 50 } });
  const busy = { server: usage(stage.pid), page: await look() };
  note(`Server while ${ACTIVE} operations report 20 times a second`, share(rest.server.cpu, busy.server.cpu));
  note('Page meanwhile', share(rest.page.cpu, busy.page.cpu));
  note('Memory of the server, engine and 10,000 operations included', mb(busy.server.rss));
  note('JavaScript heap of the page', mb(busy.page.heap));

  const took = await pixels(page);
  note(`From the record to the pixel, p50 of ${PIXELS}`, ms(quantile(took, 0.5)));
  note(`From the record to the pixel, p99 of ${PIXELS}`, ms(quantile(took, 0.99)));

  for (const rate of STORMS) {
    const began = Date.now();
    const { events } = await stage.ask({ storm: { per_second: rate, seconds: 5 } });
    const seconds = (Date.now() - began) / 1000;
    const name = `behind-${rate}`;
    await start(stage, name);
    const since = Date.now();
    await page.getByRole('link', { name, exact: true }).waitFor();
    note(`Storm of ${rate} events a second asked for`, `${Math.round(events / seconds)} a second made, then ${ms(Date.now() - since)} behind`);
    await tell(stage, name, 'succeed', 'succeed', 'succeed');
  }
  await context.close();
} finally {
  await shown.close();
  await stage.end();
}
console.log(`| ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'} | |\n|---|---|`);
for (const [what, value] of table) console.log(`| ${what} | ${value} |`);
