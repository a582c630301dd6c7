import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { asText, has, plain, t } from '../../../dashboard/page/strings.js';

const PAGE = new URL('../../../dashboard/page/', import.meta.url);
const sources = readdirSync(PAGE).filter((name) => name.endsWith('.js')).map((name) => [name, readFileSync(new URL(name, PAGE), 'utf8')]);

test('every word that a part asks for is in the table', () => {
  const missing = sources.flatMap(([name, text]) => [...text.matchAll(/\bt\('([^'`]+)'/g)].map((match) => match[1]).filter((key) => !has(key)).map((key) => `${name}: ${key}`));
  assert.deepEqual(missing, []);
});

test('one and many are told apart', () => {
  assert.equal(t('list.count', { n: 1 }), '1 operation');
  assert.equal(t('list.count', { n: 0 }), '0 operations');
});

test('a value with braces is not read again', () => {
  assert.equal(t('verb.skip', { step: '{step}' }), 'Skip {step}');
});

test('no part writes markup, and none asks anybody else', () => {
  const forbidden = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\(|new Function|https?:\/\/(?!www\.w3\.org\/2000\/svg)/;
  assert.deepEqual(sources.filter(([, text]) => forbidden.test(text)).map(([name]) => name), []);
  const html = readFileSync(new URL('index.html', PAGE), 'utf8');
  assert.ok(!/ style=| on\w+=|<style|<script(?![^>]* src=)|(?:src|href)="(?:\/|[a-z]+:)/.test(html), 'index.html would need a weaker policy');
});

test('every part is type-checked and short', () => {
  for (const [name, text] of sources) {
    assert.ok(text.startsWith('// @ts-check\n'), name);
    assert.ok(text.split('\n').length <= 400, `${name} is long`);
  }
});

test('the marks around names are left out', () => {
  assert.equal(plain('tries step `download` at once'), 'tries step download at once');
});

test('anything is text, with what it holds indented', () => {
  assert.equal(asText({ id: 'x', error: { class: 'network', tags: ['a', 'b'] }, none: {} }).trim(), 'id: x\nerror: \n  class: network\n  tags: \n    0: a\n    1: b\nnone:');
});
