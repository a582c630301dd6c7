//! Rules of the user around ours.

use std::io;

use resurge_journal::failure::{Advice, Class, Evidence};
use resurge_steps::StepError;
use resurge_steps::classify::{Rule, Rules, Ruling};

#[derive(Debug, thiserror::Error)]
#[error("the till is closed")]
struct Closed;

fn refused() -> StepError {
    io::Error::from_raw_os_error(libc::ECONNREFUSED).into()
}

/// Says this about everything.
fn always(id: &str, class: Class) -> Rule {
    Rule::new(id, move |_, _| Some(Ruling::new(class, "mine").limit(9)))
}

fn silent(id: &str) -> Rule {
    Rule::new(id, |_, _| None)
}

#[test]
fn the_first_rule_before_ours_with_an_opinion_decides() {
    let rules = Rules::new()
        .before(silent("a"))
        .before(always("b", Class::Server))
        .before(always("c", Class::Timeout));
    let error = rules.judge(refused());
    assert_eq!((error.class(), error.kind(), error.rule()), (Class::Server, "mine", "b"));
    assert_eq!(error.ruling().limit, Some(9));
    assert!(error.source().is_some() && error.to_string().contains("refused"));
    let hint = error.ruling().hint.as_deref();
    assert!(hint.is_some_and(|hint| hint.contains("firewall")), "ours is kept: {hint:?}");
    assert_eq!(rules.reclassify(error.evidence()).rule, "b");
}

#[test]
fn a_rule_after_ours_is_asked_only_about_what_ours_do_not_know() {
    let rules = Rules::new().after(Rule::new("till.closed", |evidence, error| {
        let live = error.is_some_and(<dyn std::error::Error>::is::<Closed>);
        let kept = evidence.find("type").is_some_and(|name| name.ends_with("::Closed"));
        (live || kept).then(|| Ruling::new(Class::Conflict, "closed").advice(Advice::Now))
    }));
    assert_eq!(rules.judge(refused()).rule(), "io.refused");
    let error = rules.judge(Closed.into());
    assert_eq!((error.class(), error.advice()), (Class::Conflict, &Advice::Now));
    assert_eq!(rules.reclassify(&error.to_failure().evidence).rule, "till.closed");
    assert_eq!(Rules::new().judge(Closed.into()).rule(), "unknown");
}

#[test]
fn a_rule_says_what_the_code_of_a_program_means() {
    let mut evidence = Evidence::default();
    evidence.fact("exit", 75);
    evidence.text("try again later");
    let rules = Rules::new().after(Rule::new("exit.tempfail", |evidence, _| {
        (evidence.find("exit")? == "75").then(|| Ruling::new(Class::Conflict, "tempfail"))
    }));
    let error = rules.judge(StepError::from_evidence(&evidence, "the program failed"));
    assert_eq!((error.kind(), error.rule()), ("tempfail", "exit.tempfail"));
}

#[test]
fn the_author_of_the_step_beats_every_rule() {
    let rules = Rules::new().before(always("b", Class::Server)).after(always("c", Class::Server));
    for error in [refused().never(), StepError::permanent("no"), refused().class_as(Class::Timeout)]
    {
        let before = error.ruling().clone();
        let judged = rules.judge(error);
        assert_eq!(judged.ruling(), &before);
        assert_eq!(rules.reclassify(judged.evidence()).rule, before.rule);
    }
}

#[test]
fn a_rule_cannot_lift_a_veto_but_may_give_it_another_name() {
    let denied = || StepError::from(io::Error::from_raw_os_error(libc::EACCES));
    let rules = Rules::new().before(always("b", Class::Network));
    let error = rules.judge(denied());
    assert_eq!((error.class(), error.rule()), (Class::Network, "b"));
    assert!(!error.is_retryable());
    assert_eq!(rules.reclassify(error.evidence()).advice, Advice::Never);
    let vetoes = Rules::new().before(always("b", Class::Security));
    assert!(!vetoes.judge(refused()).is_retryable(), "a rule may veto");
}

#[test]
fn a_rule_that_panics_has_no_opinion() {
    let panics = Rule::new("broken", |_, _| std::panic::resume_unwind(Box::new("no")));
    let rules = Rules::new().before(panics.clone()).after(panics).after(always("c", Class::Server));
    assert_eq!(rules.judge(refused()).rule(), "io.refused");
    assert_eq!(rules.judge(Closed.into()).rule(), "c");
}

#[test]
fn rules_go_wherever_the_engine_goes() {
    fn travels<T: Clone + Send + Sync + 'static>(_: &T) {}
    let rules = Rules::new();
    travels(&rules);
    assert!(rules.is_empty() && !rules.before(silent("a")).is_empty());
}
