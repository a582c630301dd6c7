// @ts-check
// Light, dark, or as the system has it.

import { remember, remembered } from './app.js';
import { setAttr } from './dom.js';
import { announce } from './notices.js';
import { t } from './strings.js';

const THEMES = ['', 'light', 'dark'];

export function applyTheme() {
  const theme = remembered('theme');
  setAttr(document.documentElement, 'data-theme', THEMES.includes(theme) && theme !== '' ? theme : undefined);
}

export function nextTheme() {
  const next = THEMES[(THEMES.indexOf(remembered('theme')) + 1) % THEMES.length] ?? '';
  remember('theme', next);
  applyTheme();
  announce(t(`theme.${next || 'auto'}`));
}
