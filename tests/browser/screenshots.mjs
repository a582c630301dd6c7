// @ts-check
// Takes the pictures of docs/images: `just screenshots`.

import { mkdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import assert from 'node:assert/strict';
import { control, exhausted, fail, recovering, row, seen, start, tell } from './cast.mjs';
import { browser as launch, open, stage as raise, until } from './harness.mjs';

const IMAGES = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const BYTES_MAX = 200_000;
const GB = 1_000_000_000;
const MB = 1_000_000;

/** What comes down, of how much, and how fast a second. @type {[string, number, number, number][]} */
const MOVING = [['sdxl-base-1.0.safetensors', 2.94 * GB, 6.94 * GB, 14 * MB], ['flux-dev-fp8.safetensors', 9.1 * GB, 17.2 * GB, 23 * MB], ['clip-vit-large.bin', 0.62 * GB, 1.71 * GB, 6 * MB]];

const stage = await raise(['--unlimited']);
const shown = await launch();
let moving = true;

/** Has the bytes come that such a line brings. */
async function flow() {
  const since = Date.now();
  while (moving) {
    for (const [name, from, total, rate] of MOVING) {
      await tell(stage, name, { progress: [Math.round(Math.min(total, from + (rate * (Date.now() - since)) / 1000)), total] });
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function cast() {
  for (const name of ['tokenizer.json', 'vae-ft-mse-840000.safetensors', 'python-3.12-runtime']) {
    await start(stage, name, [{ progress: [334_600_000, 334_600_000] }, 'succeed', 'succeed', 'succeed']);
  }
  const mended = await recovering(stage, 'text-encoder-2.safetensors');
  await tell(stage, 'text-encoder-2.safetensors', 'succeed', 'succeed', 'succeed');
  await control(stage, mended, 'retry', {});
  await start(stage, 'lora-ink-sketch.safetensors', [fail('404 Not Found', { class: 'not_found', kind: 'http_404', hint: 'check the address of the model: it may have been renamed' })]);
  await exhausted(stage, 'upscaler-4x-ultrasharp.pth');
  for (let number = 1; number <= 5; number += 1) {
    const id = await start(stage, `mirror-part-${number}.bin`, [fail('connect: connection refused', { kind: 'connection_refused' })], 'ask-host');
    await seen(stage, id, (row) => row.wait !== undefined);
  }
  for (const name of ['mirror-part-6.bin', 'mirror-part-7.bin']) await start(stage, name, [], 'ask-host');
  const paused = await start(stage, 'controlnet-depth.safetensors', [{ progress: [0.9 * GB, 2.5 * GB] }]);
  await control(stage, paused, 'pause', { reason: 'the line is needed for a call' });
  for (const [name, from, total] of MOVING) await start(stage, name, [{ progress: [Math.round(from), total] }]);
  const hint = 'nothing to do: it goes on where it was, with the bytes that are there';
  const slow = await start(stage, 'refiner-1.0.safetensors', [{ progress: [1_312 * MB, 6_080 * MB] }, fail('read tcp 10.0.0.7:51344: connection reset by peer after 1.3 GB', { hint })]);
  await seen(stage, slow, (row) => row.wait !== undefined);
  await tell(stage, 'refiner-1.0.safetensors', fail('dial tcp 10.0.0.7:443: network is unreachable', { kind: 'unreachable', hint }));
  await control(stage, slow, 'retry', {});
  await seen(stage, slow, (row) => row.error?.kind === 'unreachable' && row.wait !== undefined);
  return slow;
}

/**
 * @param {string} name
 * @param {string} path
 * @param {import('playwright-core').BrowserContextOptions} options
 * @param {(page: import('playwright-core').Page) => Promise<void>} ready
 */
async function picture(name, path, options, ready) {
  const address = new URL(path, stage.url);
  address.hash = new URL(stage.url).hash;
  const opened = await open(shown, address.href, options);
  await ready(opened.page);
  const file = `${IMAGES}${name}.png`;
  await opened.page.screenshot({ path: file });
  await opened.close();
  const { size } = statSync(file);
  assert(size < BYTES_MAX, `${file} has ${size} bytes`);
  console.log(`${name}.png ${size}`);
}

/** @param {import('playwright-core').Page} page */
const flowing = (page) => until(() => row(page, 'sdxl-base-1.0.safetensors').innerText(), (text) => /1\d(\.\d)? MB\/s · \d+ min left/.test(text)).then(() => undefined);

mkdirSync(IMAGES, { recursive: true });
const chosen = await cast();
const flood = flow();
try {
  await picture('dashboard-dark', `?operation=${chosen}`, { colorScheme: 'dark', viewport: { width: 1320, height: 800 } }, async (page) => {
    await flowing(page);
    await page.getByRole('heading', { name: 'Timeline' }).waitFor();
  });
  await picture('dashboard-phone', '', { colorScheme: 'light', viewport: { width: 360, height: 740 }, deviceScaleFactor: 2 }, flowing);
  await picture('dashboard-breakers', '?panel=breakers', { colorScheme: 'light', viewport: { width: 1200, height: 560 } }, (page) => page.getByRole('heading', { name: 'models.test' }).waitFor());
} finally {
  moving = false;
  await flood;
  await shown.close();
  await stage.end();
}
