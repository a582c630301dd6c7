// @ts-check
/** What every test of the page needs: a stage, a browser, and eyes for what must never happen. */

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const STAGE = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target', process.env.RESURGE_PROFILE ?? 'debug', 'stage');
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Long enough for a machine that does other things as well. */
export const PATIENCE = 30_000;

/**
 * @typedef {object} Stage
 * @property {string} url with the token
 * @property {string} origin
 * @property {number} pid
 * @property {(command: unknown) => Promise<any>} ask
 * @property {(method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<any>} call asks the API below /api/v1
 * @property {() => Promise<void>} end
 * @property {() => Promise<void>} kill
 */

/**
 * Starts a program that prints one line of JSON with its address, and speaks lines with us.
 * @param {string[]} [args]
 * @returns {Promise<Stage>}
 */
export async function stage(args = []) {
  const child = spawn(STAGE, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value, done } = await lines.next();
    assert(!done, 'the stage has ended');
    return JSON.parse(value);
  };
  const { url } = await next();
  const { origin, hash } = new URL(url);
  const token = new URLSearchParams(hash.slice(1)).get('token');
  return {
    url,
    origin,
    pid: child.pid ?? 0,
    async call(method, path, body, headers = {}) {
      const sent = body === undefined ? {} : { 'content-type': 'application/json' };
      const answer = await fetch(`${origin}/api/v1/${path}`, {
        method, headers: { authorization: `Bearer ${token}`, ...sent, ...headers }, body: body === undefined ? undefined : JSON.stringify(body),
      });
      const data = await answer.json().catch(() => ({}));
      assert(answer.ok, `${method} ${path}: ${answer.status} ${JSON.stringify(data)}`);
      return data;
    },
    async ask(command) {
      child.stdin.write(`${JSON.stringify(command)}\n`);
      const answer = await next();
      assert(!answer.error, answer.error);
      return answer;
    },
    async end() {
      child.stdin.end();
      await gone;
    },
    async kill() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

/** @returns {Promise<import('playwright-core').Browser>} */
export async function browser() {
  const names = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
  const executablePath = process.env.CHROMIUM ?? names.find((name) => existsSync(name));
  assert(executablePath, 'no Chromium; install the package `chromium` or set CHROMIUM');
  // A container has no large /dev/shm; without a sandbox it runs for anybody, and it visits nobody but the stage.
  const args = ['--disable-dev-shm-usage', '--force-color-profile=srgb', '--no-sandbox'];
  return chromium.launch({ executablePath, args });
}

/**
 * Opens the page, and watches for what must never happen: an error, a refusal of the content
 * security policy, a request to anybody else.
 * @param {import('playwright-core').Browser} browser
 * @param {string} url
 * @param {import('playwright-core').BrowserContextOptions} [options]
 * @param {() => void} [first] runs in the page before anything else
 */
export async function open(browser, url, options = {}, first = undefined) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    reducedMotion: 'reduce',
    baseURL: new URL(url).origin,
    ...options,
  });
  context.setDefaultTimeout(PATIENCE);
  const origin = new URL(url).origin;
  /** @type {string[]} */
  const faults = [];
  /** @type {{ url: string, bytes: number }[]} */
  const requests = [];
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`csp: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  if (first !== undefined) await context.addInitScript(first);
  const page = await context.newPage();
  // What was asked for over the line, and how much of it was answered.
  const line = { asked: 0, answered: 0, most: 0 };
  page.on('websocket', (socket) => {
    socket.on('framesent', () => {
      line.asked += 1;
      line.most = Math.max(line.most, line.asked - line.answered);
    });
    socket.on('framereceived', ({ payload }) => { if (/^\{"type":"(snapshot|problem)"/.test(String(payload))) line.answered += 1; });
  });
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() !== 'error') return;
    // The browser itself complains when a server is gone or refuses; the page shows that.
    if (/^(Failed to load resource|WebSocket connection to)/.test(message.text())) return;
    faults.push(`console: ${message.text()}`);
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith('data:')) {
      faults.push(`foreign request: ${request.url()}`);
    }
  });
  page.on('requestfinished', async (request) => {
    const sizes = await request.sizes().catch(() => undefined);
    if (sizes) requests.push({ url: request.url(), bytes: sizes.responseBodySize });
  });
  await page.goto(url);
  return {
    page,
    context,
    requests,
    line,
    /** Asserts that nothing has happened that never must, and closes the page. */
    async close() {
      await context.close();
      assert.deepEqual(faults, []);
    },
    faults,
  };
}

/**
 * Asserts that the page as it stands breaks no rule of accessibility.
 * @param {import('playwright-core').Page} page
 * @param {string} where
 */
export async function accessible(page, where) {
  // Evaluated by the driver, not by the page: its policy lets no foreign script in.
  const found = await page.evaluate(`${AXE}; axe.run(document, { resultTypes: ['violations'] })`);
  const told = found.violations.map((/** @type {any} */ rule) => ({
    rule: rule.id,
    help: rule.help,
    at: rule.nodes.slice(0, 3).map((/** @type {any} */ node) => node.target.join(' ')),
  }));
  assert.deepEqual(told, [], where);
}

/**
 * Waits until something holds that the page cannot be asked to tell.
 * @template T
 * @param {() => Promise<T>} look
 * @param {(seen: T) => boolean} holds
 */
export async function until(look, holds) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    assert(Date.now() < end, `it never came true; last seen: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
