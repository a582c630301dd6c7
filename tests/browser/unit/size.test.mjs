import { test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { withoutComments } from '../mock/strip.mjs';

const PAGE = new URL('../../../dashboard/page/', import.meta.url);
const SERVED = /\.(js|css|html|svg)$/;
const MOST = 60_000;

const served = readdirSync(PAGE).filter((name) => SERVED.test(name)).map((name) => {
  const text = readFileSync(new URL(name, PAGE), 'utf8');
  return [name, /\.(js|css)$/.test(name) ? withoutComments(text) : text];
});

test('the whole page is small', () => {
  const sizes = served.map(([name, text]) => [name, gzipSync(text, { level: 9 }).length]);
  const total = sizes.reduce((sum, [, size]) => sum + size, 0);
  assert.ok(total < MOST, `${total} bytes: ${sizes.map((each) => each.join(' ')).join(', ')}`);
});

test('only comments are left out', () => {
  assert.equal(withoutComments('// a\nx = 1; // b\n/** c */\n/*\n d\n */\n/** @type {T} */ (y).z = 2;\n\n'), 'x = 1; // b\n(y).z = 2;\n');
});

test('what is served is still JavaScript', () => {
  const folder = mkdtempSync(join(tmpdir(), 'page-'));
  try {
    for (const [name, text] of served.filter(([name]) => name.endsWith('.js'))) {
      const path = join(folder, name.replace('.js', '.mjs'));
      writeFileSync(path, text);
      execFileSync(process.execPath, ['--check', path]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('no text that spans lines holds what looks like a comment', () => {
  for (const [name, text] of served.filter(([name]) => name.endsWith('.js'))) {
    // Every line closes the templates that it opens, so no line is the inside of one.
    const open = text.split('\n').filter((line) => ((line.match(/(?<!\\)`/g) ?? []).length) % 2 === 1);
    assert.deepEqual(open, [], name);
  }
});

test('every module is asked for at once', () => {
  const html = readFileSync(new URL('index.html', PAGE), 'utf8');
  const asked = [...html.matchAll(/(?:href|src)="([\w-]+\.js)"/g)].map((match) => match[1]).sort();
  assert.deepEqual(asked, served.map(([name]) => name).filter((name) => name.endsWith('.js')).sort());
});
