//! What keys do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use resurge::Timestamp;
use resurge_dashboard::view::{ActionCard, BreakerCard, Row, STATES, Sort, View};

use super::app::{App, Effect, Line, Pane};
use super::ask::{Ask, BreakerVerb, SKIP, Verb};
use super::ink::Tone;
use super::notice::Question;

impl App {
    /// What a key does.
    pub(crate) fn press(&mut self, key: KeyEvent, here: Timestamp) -> Option<Effect> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        if is_control {
            return (key.code == KeyCode::Char('c')).then_some(Effect::Quit);
        }
        if let Some(question) = self.question.take() {
            let is_yes = matches!(key.code, KeyCode::Char('y' | 'Y'));
            return is_yes.then(|| question.ask.map_or(Effect::Quit, Effect::Do));
        }
        if let Some(ask) = self.unsaid.take() {
            return self.type_output(ask, key.code, here);
        }
        if self.is_typing {
            self.type_in(key.code);
            return None;
        }
        match key.code {
            KeyCode::Char('q') => return self.leave(),
            KeyCode::Char('?') => self.toggle(Pane::Help),
            KeyCode::Char('b') => self.toggle(Pane::Breakers),
            KeyCode::Char('s') => self.toggle(Pane::Stats),
            code => {
                return match self.pane {
                    Pane::List => self.press_in_list(code, here),
                    Pane::Detail => self.press_in_detail(code, here),
                    Pane::Breakers => self.press_in_breakers(code, here),
                    Pane::Stats | Pane::Help => {
                        self.press_to_scroll(code, here);
                        None
                    }
                };
            }
        }
        None
    }

    fn press_in_list(&mut self, code: KeyCode, here: Timestamp) -> Option<Effect> {
        let page = isize::try_from(self.window.rows().max(1)).unwrap_or(isize::MAX);
        let list = self.feed.view().map(|view| &view.list);
        match code {
            KeyCode::Char('j') | KeyCode::Down => self.window.step(1, list),
            KeyCode::Char('k') | KeyCode::Up => self.window.step(-1, list),
            KeyCode::PageDown | KeyCode::Char(' ') => self.window.step(page, list),
            KeyCode::PageUp => self.window.step(-page, list),
            KeyCode::Home | KeyCode::Char('g') => self.window.go(0, list),
            KeyCode::End | KeyCode::Char('G') => self.window.go(usize::MAX, list),
            KeyCode::Enter | KeyCode::Char('l') | KeyCode::Right => {
                if self.window.selected().is_some() {
                    (self.pane, self.scroll) = (Pane::Detail, 0);
                }
            }
            KeyCode::Char('/') => self.is_typing = true,
            KeyCode::Tab => {
                self.choose_state(self.state.map_or(Some(0), |at| next(at, STATES.len())));
            }
            KeyCode::BackTab => {
                self.choose_state(
                    self.state.map_or(Some(STATES.len() - 1), |at| at.checked_sub(1)),
                );
            }
            KeyCode::Char('0') => self.choose_state(None),
            KeyCode::Char(digit @ '1'..='9') => {
                let at = digit.to_digit(10).and_then(|digit| usize::try_from(digit - 1).ok());
                self.choose_state(at.filter(|at| *at < STATES.len()));
            }
            KeyCode::Char('o') => {
                self.sort = following(self.sort);
                self.begin_anew();
            }
            KeyCode::Esc => {
                self.search.clear();
                self.choose_state(None);
            }
            code => return self.ask_operation(code, here),
        }
        None
    }

    fn press_in_detail(&mut self, code: KeyCode, here: Timestamp) -> Option<Effect> {
        match code {
            KeyCode::Esc | KeyCode::Enter | KeyCode::Char('h') | KeyCode::Left => {
                (self.pane, self.scroll) = (Pane::List, 0);
                None
            }
            code if self.press_to_scroll(code, here) => None,
            code => self.ask_operation(code, here),
        }
    }

    /// Scrolls, or goes back to the list; says whether the key does that.
    fn press_to_scroll(&mut self, code: KeyCode, here: Timestamp) -> bool {
        let page = usize::from(self.screen.body().max(1));
        self.scroll = match code {
            KeyCode::Char('j') | KeyCode::Down => self.scroll.saturating_add(1),
            KeyCode::Char('k') | KeyCode::Up => self.scroll.saturating_sub(1),
            KeyCode::PageDown | KeyCode::Char(' ') => self.scroll.saturating_add(page),
            KeyCode::PageUp => self.scroll.saturating_sub(page),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => usize::MAX,
            KeyCode::Esc => {
                self.toggle(Pane::List);
                return true;
            }
            _ => return false,
        };
        self.clamp_scroll(here);
        true
    }

    fn press_in_breakers(&mut self, code: KeyCode, here: Timestamp) -> Option<Effect> {
        let last = self.view().map_or(0, |view| view.breakers.len()).saturating_sub(1);
        match code {
            KeyCode::Char('j') | KeyCode::Down => self.breaker = (self.breaker + 1).min(last),
            KeyCode::Char('k') | KeyCode::Up => self.breaker = self.breaker.saturating_sub(1),
            KeyCode::Home | KeyCode::Char('g') => self.breaker = 0,
            KeyCode::End | KeyCode::Char('G') => self.breaker = last,
            KeyCode::Esc => self.toggle(Pane::List),
            KeyCode::Char(letter) => {
                let verb = BreakerVerb::ALL.into_iter().find(|verb| verb.key() == letter)?;
                return self.ask_breaker(verb, here);
            }
            _ => {}
        }
        None
    }

    fn type_in(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => {
                self.is_typing = false;
                self.search.clear();
            }
            KeyCode::Backspace => {
                self.search.pop();
            }
            KeyCode::Char(letter) if !letter.is_control() => {
                if self.search.chars().count() < SEARCH_MAX {
                    self.search.push(letter);
                }
            }
            _ => return,
        }
        self.begin_anew();
    }

    /// Types the output of a step that is to be skipped.
    fn type_output(&mut self, mut ask: Ask, code: KeyCode, here: Timestamp) -> Option<Effect> {
        let Ask::Skip { output, .. } = &mut ask else { return None };
        match code {
            KeyCode::Esc => return None,
            KeyCode::Enter => {
                if serde_json::from_str::<serde::de::IgnoredAny>(output).is_ok() {
                    return Some(Effect::Do(ask));
                }
                self.say(NO_JSON, Tone::Warn, here);
            }
            KeyCode::Backspace => {
                output.pop();
            }
            KeyCode::Char(letter) if !letter.is_control() && output.len() < OUTPUT_MAX => {
                output.push(letter);
            }
            _ => {}
        }
        self.unsaid = Some(ask);
        None
    }

    /// Shows a pane, or the list if it is shown already.
    fn toggle(&mut self, pane: Pane) {
        self.pane = if self.pane == pane { Pane::List } else { pane };
        self.scroll = 0;
    }

    fn choose_state(&mut self, state: Option<usize>) {
        self.state = state;
        self.begin_anew();
    }

    fn leave(&mut self) -> Option<Effect> {
        let unfinished = self.unfinished();
        if unfinished == 0 {
            return Some(Effect::Quit);
        }
        let text = format!(
            "Leave? {unfinished} unfinished stop with this program; the next `launcher resume` goes on"
        );
        self.question = Some(Question { text, ask: None });
        None
    }

    /// Asks the chosen operation for what a key stands for.
    fn ask_operation(&mut self, code: KeyCode, here: Timestamp) -> Option<Effect> {
        let KeyCode::Char(letter) = code else { return None };
        if letter == SKIP {
            self.ask_to_skip(here);
            return None;
        }
        let verb = Verb::ALL.into_iter().find(|verb| verb.key() == letter)?;
        let view = self.view()?;
        let id = self.window.selected()?.to_owned();
        let row = view.list.rows.get(&id)?;
        let is_able = row.can.iter().any(|name| name == verb.name());
        if let Some(refusal) = self.refusal(view, is_able, || impossible(verb.label(), row)) {
            self.say(&refusal, Tone::Warn, here);
            return None;
        }
        let detail = view.detail.as_ref().filter(|detail| detail.id == id);
        let told = detail.and_then(|detail| detail.actions.get(verb.name()));
        let told = told.map_or_else(|| verb.text().to_owned(), |action| action.text.clone());
        let (name, version) = (row.name.clone(), row.version);
        let ask = Ask::Operation { id, name, version, verb };
        self.ask_or_do(ask, verb.asks(), &told)
    }

    /// Begins to skip the step that stands in the way; its output is typed next.
    fn ask_to_skip(&mut self, here: Timestamp) {
        let Some(view) = self.view() else { return };
        let chosen = self.window.selected();
        let Some((id, row)) = chosen.and_then(|id| Some((id, view.list.rows.get(id)?))) else {
            return;
        };
        let detail = view.detail.as_ref().filter(|detail| detail.id == id);
        let steps = detail.into_iter().flat_map(|detail| &detail.actions).filter_map(skipped);
        let step = steps.min_by_key(|(index, _)| *index).map(|(_, step)| step.to_owned());
        let is_able = row.can.iter().any(|name| name == "skip");
        let refusal = self.refusal(view, is_able, || impossible("Skip a step", row));
        let (id, name, version) = (id.to_owned(), row.name.clone(), row.version);
        match (refusal, step) {
            (Some(refusal), _) => self.say(&refusal, Tone::Warn, here),
            (None, None) => self.say("look at it in full first: Enter", Tone::Warn, here),
            (None, Some(step)) => {
                self.unsaid = Some(Ask::Skip { id, name, version, step, output: String::new() });
            }
        }
    }

    fn ask_breaker(&mut self, verb: BreakerVerb, here: Timestamp) -> Option<Effect> {
        let view = self.view()?;
        let (key, card) = breakers(view).into_iter().nth(self.breaker)?;
        let is_able = card.can.iter().any(|name| name == verb.name());
        let impossible = || format!("{}: {} is {}", verb.label(), card.name, card.text);
        let refusal = self.refusal(view, is_able, impossible);
        let ask = Ask::Breaker { key: key.clone(), name: card.name.clone(), verb };
        if let Some(refusal) = refusal {
            self.say(&refusal, Tone::Warn, here);
            return None;
        }
        self.ask_or_do(ask, verb.asks(), verb.text())
    }

    /// Why something cannot be asked for.
    fn refusal(
        &self,
        view: &View,
        is_able: bool,
        impossible: impl FnOnce() -> String,
    ) -> Option<String> {
        if view.engine.read_only {
            return Some("this dashboard is served read-only".to_owned());
        }
        if self.line != Line::Live {
            return Some("nothing can be asked for until the engine is heard again".to_owned());
        }
        (!is_able).then(impossible)
    }

    fn ask_or_do(&mut self, ask: Ask, asks: bool, told: &str) -> Option<Effect> {
        if !asks {
            return Some(Effect::Do(ask));
        }
        let text = format!("{}? {told}", ask.title());
        self.question = Some(Question { text, ask: Some(ask) });
        None
    }
}

/// Breakers in their order.
pub(super) fn breakers(view: &View) -> Vec<(&String, &BreakerCard)> {
    let mut breakers: Vec<_> = view.breakers.iter().collect();
    breakers.sort_by_key(|(_, card)| card.index);
    breakers
}

/// That a row is not in a state for something.
fn impossible(label: &str, row: &Row) -> String {
    format!("{label}: {} is {}", row.name, row.label.to_lowercase())
}

/// The step that an action skips, with its place among the actions.
fn skipped<'a>((name, action): (&'a String, &'a ActionCard)) -> Option<(u32, &'a str)> {
    Some((action.index, name.strip_prefix("skip:")?))
}

fn next(at: usize, count: usize) -> Option<usize> {
    Some(at + 1).filter(|at| *at < count)
}

const fn following(sort: Sort) -> Sort {
    match sort {
        Sort::Newest => Sort::Oldest,
        Sort::Oldest => Sort::Name,
        Sort::Name => Sort::NameBack,
        Sort::NameBack => Sort::Status,
        Sort::Status => Sort::Updated,
        Sort::Updated => Sort::Newest,
    }
}

const NO_JSON: &str = "this is no JSON; write null, 7, \"text\" or {\"path\": \"a\"}";
/// Longest output that can be typed.
const OUTPUT_MAX: usize = 10_000;
/// Longest search.
const SEARCH_MAX: usize = 100;

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
