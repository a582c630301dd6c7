//! The grammar of the attribute: `key = value`, `circuit_breaker(..)` and `clone(..)`.

use std::collections::BTreeMap;
use std::time::Duration;

use proc_macro2::TokenStream;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Expr, Ident, Lit, Path, Token, parenthesized};

use crate::problems::Problems;
use crate::value::{self, Value};

/// What was asked for; what is missing keeps its default.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) max_retries: Option<Value<u32>>,
    pub(crate) initial_delay: Option<Value<Duration>>,
    pub(crate) backoff_factor: Option<Value<f64>>,
    pub(crate) max_delay: Option<Value<Duration>>,
    pub(crate) strategy: Option<Expr>,
    pub(crate) timeout: Option<Value<Duration>>,
    pub(crate) deadline: Option<Value<Duration>>,
    pub(crate) breaker: Breaker,
    pub(crate) engine: Option<Expr>,
    pub(crate) key: Option<Expr>,
    pub(crate) resource: Option<Expr>,
    /// Whether a call waits for an open breaker.
    pub(crate) waits: Option<bool>,
    pub(crate) classify: Option<Expr>,
    pub(crate) clone: Vec<Ident>,
    pub(crate) attempt: Option<Ident>,
    pub(crate) krate: Option<Path>,
}

#[derive(Default)]
pub(crate) struct Breaker {
    pub(crate) is_off: bool,
    pub(crate) threshold: Option<Value<u32>>,
    pub(crate) timeout: Option<Value<Duration>>,
}

const KEYS: &[&str] = &[
    "max_retries",
    "initial_delay",
    "backoff_factor",
    "max_delay",
    "strategy",
    "timeout",
    "deadline",
    "circuit_breaker",
    "circuit_breaker_threshold",
    "circuit_breaker_timeout",
    "engine",
    "persistence",
    "key",
    "resource",
    "on_open",
    "classify",
    "clone",
    "attempt",
    "crate",
];

/// One option as it was written.
struct Entry {
    name: Ident,
    value: Written,
}

enum Written {
    Value(Expr),
    List(syn::Result<Punctuated<Argument, Token![,]>>),
}

/// What may stand in brackets: a name, or a name and its value.
struct Argument {
    name: Ident,
    value: Option<Expr>,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.parse()?;
        let value = input.parse::<Option<Token![=]>>()?.map(|_| input.parse()).transpose()?;
        Ok(Self { name, value })
    }
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        use syn::ext::IdentExt;
        let name: Ident = input.call(Ident::parse_any)?;
        if input.peek(syn::token::Paren) {
            let list;
            parenthesized!(list in input);
            let arguments = list.parse_terminated(Argument::parse, Token![,]);
            // What is left over in the brackets would hide every other slip.
            list.parse::<TokenStream>()?;
            return Ok(Self { name, value: Written::List(arguments) });
        }
        if !input.peek(Token![=]) {
            let message = format!("`{name}` needs a value: `{name} = ..`");
            return Err(syn::Error::new(name.span(), message));
        }
        input.parse::<Token![=]>()?;
        Ok(Self { name, value: Written::Value(input.parse()?) })
    }
}

/// All options, each read as far as it can be.
pub(crate) struct Parsed {
    pub(crate) options: Options,
    pub(crate) problems: Problems,
}

impl Parse for Parsed {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut parsed = Self { options: Options::default(), problems: Problems::default() };
        let mut seen = BTreeMap::new();
        while !input.is_empty() {
            match input.parse::<Entry>() {
                Ok(entry) => parsed.take(entry, &mut seen),
                Err(error) => {
                    parsed.problems.add(error);
                    skip_entry(input)?;
                }
            }
            if !input.is_empty() && input.parse::<Token![,]>().is_err() {
                parsed.problems.add(input.error("separate options with commas"));
                skip_entry(input)?;
                let _ = input.parse::<Option<Token![,]>>()?;
            }
        }
        parsed.options.contradictions(&mut parsed.problems);
        Ok(parsed)
    }
}

/// Goes on at the next comma, so that one slip does not hide the others.
fn skip_entry(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<proc_macro2::TokenTree>()?;
    }
    Ok(())
}

impl Parsed {
    fn take(&mut self, entry: Entry, seen: &mut BTreeMap<String, Ident>) {
        let Entry { name, value } = entry;
        let word = name.to_string();
        // Two words for one thing.
        let once = if word == "persistence" { "engine".to_owned() } else { word.clone() };
        if seen.insert(once, name.clone()).is_some() {
            self.problems.at(&name, format!("`{word}` is given twice; keep one"));
            return;
        }
        match value {
            Written::Value(expr) => self.take_value(&name, &word, expr),
            Written::List(list) => self.take_list(&name, &word, list),
        }
    }

    fn take_value(&mut self, name: &Ident, word: &str, expr: Expr) {
        let Self { options, problems } = self;
        match word {
            "max_retries" => options.max_retries = value::count(expr, problems),
            "initial_delay" => options.initial_delay = value::span(expr, problems),
            "backoff_factor" => options.backoff_factor = value::factor(expr, problems),
            "max_delay" => options.max_delay = value::span(expr, problems),
            "strategy" => options.strategy = Some(expr),
            "timeout" => options.timeout = value::span(expr, problems),
            "deadline" => options.deadline = value::span(expr, problems),
            "circuit_breaker_threshold" => self.take_breaker(name, "threshold", Some(expr)),
            "circuit_breaker_timeout" => self.take_breaker(name, "timeout", Some(expr)),
            "circuit_breaker" => match value::literal(&expr) {
                Some(Lit::Bool(on)) => options.breaker.is_off = !on.value,
                _ => problems.at(
                    &expr,
                    "write `circuit_breaker(threshold = 5, timeout = \"300s\")`, or \
                     `circuit_breaker = false` to do without",
                ),
            },
            "engine" | "persistence" => options.engine = Some(expr),
            "key" => options.key = Some(expr),
            "resource" => options.resource = Some(expr),
            "on_open" => options.waits = on_open(&expr, problems),
            "classify" => options.classify = Some(expr),
            "attempt" => match ident(&expr) {
                Some(name) => options.attempt = Some(name),
                None => {
                    problems.at(&expr, "write the name that the body uses: `attempt = attempt`");
                }
            },
            "crate" => match expr {
                Expr::Path(path) => options.krate = Some(path.path),
                other => problems.at(&other, "write a path, such as `crate = my::resurge`"),
            },
            "clone" => problems.at(name, "write `clone(argument)`"),
            _ => unknown(name, problems),
        }
    }

    fn take_list(
        &mut self,
        name: &Ident,
        word: &str,
        list: syn::Result<Punctuated<Argument, Token![,]>>,
    ) {
        match (word, list) {
            ("clone" | "circuit_breaker", Err(error)) => self.problems.add(error),
            ("clone", Ok(list)) => {
                list.into_iter().for_each(|argument| self.take_clone(argument));
            }
            ("circuit_breaker", Ok(list)) => {
                for Argument { name, value } in list {
                    self.take_breaker(&name, &name.to_string(), value);
                }
            }
            _ if KEYS.contains(&word) => {
                self.problems.at(name, format!("`{word}` takes one value: `{word} = ..`"));
            }
            _ => unknown(name, &mut self.problems),
        }
    }

    fn take_clone(&mut self, Argument { name, value }: Argument) {
        if let Some(value) = value {
            self.problems.at(&value, "`clone` takes the names of arguments only");
        } else if self.options.clone.contains(&name) {
            self.problems.at(&name, format!("`{name}` is cloned already"));
        } else {
            self.options.clone.push(name);
        }
    }

    fn take_breaker(&mut self, name: &Ident, part: &str, value: Option<Expr>) {
        let Self { options: Options { breaker, .. }, problems } = self;
        let is_again = match (part, value) {
            ("threshold", Some(expr)) => {
                let value = value::count(expr, problems);
                value.is_some_and(|value| breaker.threshold.replace(value).is_some())
            }
            ("timeout", Some(expr)) => {
                let value = value::span(expr, problems);
                value.is_some_and(|value| breaker.timeout.replace(value).is_some())
            }
            _ => {
                problems.at(name, "a breaker has a `threshold = ..` and a `timeout = ..`");
                false
            }
        };
        if is_again {
            problems.at(name, format!("the breaker's {part} is given twice; keep one"));
        }
    }
}

fn on_open(expr: &Expr, problems: &mut Problems) -> Option<bool> {
    match value::literal(expr) {
        Some(Lit::Str(text)) if text.value() == "fail" => Some(false),
        Some(Lit::Str(text)) if text.value() == "wait" => Some(true),
        _ => {
            problems.at(expr, "write \"fail\" or \"wait\"");
            None
        }
    }
}

fn ident(expr: &Expr) -> Option<Ident> {
    match expr {
        Expr::Path(path) => path.path.get_ident().cloned(),
        _ => None,
    }
}

fn unknown(name: &Ident, problems: &mut Problems) {
    let word = name.to_string();
    let near = KEYS.iter().min_by_key(|key| distance(&word, key));
    let close = near.filter(|key| distance(&word, key) <= key.len() / 4 + 1);
    let help = close.map_or_else(
        || format!("the options are {}", KEYS.join(", ")),
        |key| format!("did you mean `{key}`?"),
    );
    problems.at(name, format!("there is no option `{word}`; {help}"));
}

/// Letters that must be added, dropped or changed to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (at, letter) in from.chars().enumerate() {
        let mut next = vec![at + 1];
        for (other, pair) in to.chars().zip(row.windows(2)) {
            let &[diagonal, above] = pair else { continue };
            let left = next.last().copied().unwrap_or_default();
            next.push((diagonal + usize::from(letter != other)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

impl Options {
    /// Only what the body needs to compile, for when something else is wrong.
    pub(crate) fn seen_by_the_body(self) -> Self {
        let Self { classify, clone, attempt, krate, .. } = self;
        Self { classify, clone, attempt, krate, ..Self::default() }
    }

    /// What each option allows alone but not together.
    fn contradictions(&self, problems: &mut Problems) {
        if self.strategy.is_some() {
            let delays = [&self.initial_delay, &self.max_delay];
            let written = delays.into_iter().flatten().map(|value| &value.written);
            for expr in written.chain(self.backoff_factor.as_ref().map(|value| &value.written)) {
                problems.at(expr, "`strategy` says how long to wait; drop one of the two");
            }
        }
        self.check_delays(problems);
        self.check_breaker(problems);
        for limit in [&self.timeout, &self.deadline].into_iter().flatten() {
            if limit.known.is_some_and(|limit| limit.is_zero()) {
                problems.at(&limit.written, "no attempt can be made in no time; leave it out");
            }
        }
    }

    fn check_delays(&self, problems: &mut Problems) {
        // Without a literal it is up to the policy, which checks itself before the first attempt.
        let Some(longest) = &self.max_delay else { return };
        let default = Some(Duration::from_secs(1));
        let first = self.initial_delay.as_ref().map_or(default, |first| first.known);
        if let (Some(first), Some(cap)) = (first, longest.known)
            && cap < first
        {
            let whose = if self.initial_delay.is_some() { "" } else { ", the default" };
            let message = format!(
                "the longest delay of {cap:?} lies below the first one of {first:?}{whose}; \
                 raise `max_delay` or lower `initial_delay`"
            );
            problems.at(&longest.written, message);
        }
    }

    fn check_breaker(&self, problems: &mut Problems) {
        let Breaker { is_off, threshold, timeout } = &self.breaker;
        if let Some(threshold) = threshold.as_ref().filter(|value| value.known == Some(0)) {
            problems.at(
                &threshold.written,
                "a breaker opens after at least 1 failure; write `circuit_breaker = false` to do \
                 without",
            );
        }
        let threshold = threshold.as_ref().map(|value| &value.written);
        let timeout = timeout.as_ref().map(|value| &value.written);
        if *is_off {
            for expr in threshold.into_iter().chain(timeout) {
                problems.at(expr, "there is no breaker: `circuit_breaker = false`; drop one");
            }
            if let Some(expr) = &self.resource {
                problems.at(expr, "`resource` names a breaker, but `circuit_breaker = false`");
            }
        }
    }
}
