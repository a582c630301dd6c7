//! Rules of the application, around those of the engine.

use std::time::Duration;

use resurge::journal::event::{Event, Verdict};
use resurge::journal::failure::Advice;
use resurge::steps::classify::{Rule, Rules, Ruling};
use resurge::{Class, RunError, StepContext, StepError, Workflow};
use support::{Calls, failures, patient, records};

const SECOND: Duration = Duration::from_secs(1);

/// A step that fails once with the error that this makes.
fn once(error: fn() -> StepError) -> (Calls, Workflow<(), u32>) {
    let calls = Calls::default();
    let seen = calls.clone();
    let mut flow = Workflow::builder::<()>("once");
    let step = flow
        .step_fn("work", (), move |_: StepContext, ()| {
            let call = seen.count();
            async move { if call == 1 { Err(error()) } else { Ok(call) } }
        })
        .retry(patient())
        .add();
    (calls, flow.build(step).unwrap())
}

/// What the rules made of the failure: class, kind, rule, delay in seconds.
async fn judged(rules: Rules, error: fn() -> StepError) -> (Class, String, String, Option<u64>) {
    let (_, flow) = once(error);
    let engine = support::engine().rules(rules).register(&flow).start().await.unwrap();
    let _ = engine.start(&flow, ()).await.unwrap().outcome().await;
    let recorded = records(&engine).await;
    let (_, failed) = *failures(&recorded).first().unwrap();
    let delay = match failed.verdict {
        Verdict::Retry { delay, .. } => Some(delay.as_secs()),
        _ => None,
    };
    let failure = &failed.failure;
    (failure.class, failure.kind.clone(), failure.rule.clone(), delay)
}

fn server() -> StepError {
    StepError::new(Class::Server, "error", "500")
}

fn unknown() -> StepError {
    StepError::from(std::fmt::Error)
}

/// A rule with this opinion about everything.
fn always(id: &'static str, ruling: Ruling) -> Rule {
    Rule::new(id, move |_, _| Some(ruling.clone()))
}

#[tokio::test(start_paused = true)]
async fn a_rule_before_ours_decides_and_is_named() {
    let ruling = Ruling::new(Class::Throttled, "maintenance")
        .advice(Advice::After { delay: SECOND * 33, shared: false });
    let found = judged(Rules::new().before(always("shop.closed", ruling)), server).await;
    let expected = (Class::Throttled, "maintenance".to_owned(), "shop.closed".to_owned(), Some(33));
    assert_eq!(found, expected);
}

#[tokio::test(start_paused = true)]
async fn a_rule_may_forbid_a_retry_but_not_lift_a_veto() {
    let no = Ruling::new(Class::Permission, "closed_for_good");
    let (class, .., delay) = judged(Rules::new().before(always("shop.no", no)), server).await;
    assert_eq!((class, delay), (Class::Permission, None));
    let yes = || Ruling::new(Class::Network, "try_anyway");
    let forbidden = || StepError::new(Class::Permission, "forbidden", "403");
    let (.., delay) = judged(Rules::new().before(always("shop.yes", yes())), forbidden).await;
    assert_eq!(delay, None);
}

#[tokio::test(start_paused = true)]
async fn a_rule_after_ours_is_asked_about_what_ours_do_not_know() {
    let rules = || {
        let ruling = Ruling::new(Class::Conflict, "ours").advice(Advice::Backoff { stretch: 5 });
        Rules::new().after(always("shop.odd", ruling))
    };
    assert_eq!(judged(rules(), unknown).await.3, Some(5));
    let (class, _, rule, _) = judged(rules(), server).await;
    assert_eq!((class, rule.as_str()), (Class::Server, "class.server"));
}

#[tokio::test(start_paused = true)]
async fn the_author_of_a_step_has_the_last_word() {
    let rules = || {
        let no = Ruling::new(Class::Permission, "no");
        Rules::new().before(always("shop.no", no.clone())).after(always("shop.no", no))
    };
    let (class, .., delay) = judged(rules(), || server().retry_after(SECOND * 12)).await;
    assert_eq!((class, delay), (Class::Server, Some(12)));
    let yes = || Ruling::new(Class::Network, "yes");
    let lenient = Rules::new().before(always("shop.yes", yes()));
    assert_eq!(judged(lenient, || server().never()).await.3, None);
}

#[tokio::test(start_paused = true)]
async fn the_first_rule_with_an_opinion_decides_and_a_panic_is_none() {
    let rules = Rules::new()
        .before(Rule::new("shop.panics", |_, _| panic!("a defect of the rule")))
        .before(Rule::new("shop.silent", |_, _| None))
        .before(always("shop.first", Ruling::new(Class::Conflict, "first")))
        .before(always("shop.second", Ruling::new(Class::Network, "second")));
    assert_eq!(judged(rules, server).await.2, "shop.first");
}

#[tokio::test(start_paused = true)]
async fn a_rule_sees_the_error_itself_and_the_facts() {
    let rules = Rules::new().before(Rule::new("shop.errno", |evidence, error| {
        let io = error?.downcast_ref::<std::io::Error>()?;
        let seen = io.raw_os_error() == Some(111) && evidence.facts().next().is_some();
        seen.then(|| Ruling::new(Class::Server, "seen"))
    }));
    let refused = || StepError::from(std::io::Error::from_raw_os_error(111));
    assert_eq!(judged(rules, refused).await.1, "seen");
}

#[tokio::test(start_paused = true)]
async fn evidence_in_the_journal_can_be_judged_again_under_other_rules() {
    let (_, flow) = once(|| StepError::from(std::io::Error::from_raw_os_error(111)));
    let engine = support::engine().register(&flow).start().await.unwrap();
    engine.start(&flow, ()).await.unwrap().outcome().await.unwrap();
    let recorded = records(&engine).await;
    let failed = recorded.iter().find_map(|record| match &record.event {
        Event::AttemptFailed(event) => Some(&event.failure),
        _ => None,
    });
    let failure = failed.unwrap();
    assert_eq!((failure.class, failure.kind.as_str()), (Class::Network, "refused"));
    let again = Rules::new().reclassify(&failure.evidence);
    assert_eq!((again.class, again.rule.as_str()), (failure.class, failure.rule.as_str()));
    let stricter = Rules::new().before(Rule::new("shop.refused", |evidence, _| {
        let refused = evidence.facts().any(|(_, value)| value.contains("refused"));
        (refused || evidence.find("errno") == Some("111"))
            .then(|| Ruling::new(Class::Permission, "firewall"))
    }));
    assert_eq!(stricter.reclassify(&failure.evidence).kind, "firewall");
}

#[tokio::test(start_paused = true)]
async fn secrets_do_not_reach_the_journal() {
    let (_, flow) = once(|| {
        StepError::new(
            Class::Permission,
            "auth",
            "GET https://joe:hunter2@a.example/x?token=s3cret",
        )
        .hint("open https://a.example/?sig=s3cret")
    });
    let engine = support::engine().register(&flow).start().await.unwrap();
    let error = engine.start(&flow, ()).await.unwrap().outcome().await.unwrap_err();
    assert!(matches!(error, RunError::Failed { .. }));
    let text = format!("{:?} {error:?}", records(&engine).await);
    assert!(!text.contains("hunter2") && !text.contains("s3cret"), "{text}");
    assert!(text.contains("a.example"));
}
