//! The tables of bodies in `docs/journal-format.md` are what the code writes.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::docs::expect;
use super::made_up;
use super::shape::{Shape, trace};
use crate::codec::{self, Link};
use crate::event::{
    BodyEncoder, BreakerMode, CloseCause, EngineClosed, Event, ExhaustReason, HalfOpenCause,
    InterruptCause, OpenCause, RecoveryMethod, ReleaseCause, Sign, StepParked, TrimReason,
    VerdictKind,
};
use crate::failure::{AdviceKind, Applied, Class, Scope};
use crate::id::{Epoch, Seq, StepKey};
use crate::manifest::InputShape;
use crate::policy::{Curve, Jitter, OnOpen};
use crate::record::Record;
use crate::time::Timestamp;

/// Enough that every option is seen with a value and every list with an entry.
const SAMPLES: usize = 4_000;

struct Trace;

impl BodyEncoder for Trace {
    type Output = Shape;

    fn encode<T: serde::Serialize>(self, body: &T) -> Shape {
        trace(body)
    }
}

/// The shape of every body, under the tag of its event.
fn bodies() -> BTreeMap<u16, (&'static str, Shape)> {
    let mut bodies: BTreeMap<u16, (&'static str, Shape)> = BTreeMap::new();
    for record in made_up(7, SAMPLES) {
        let shape = record.event.encode_body(Trace);
        let (_, known) = bodies
            .entry(record.event.tag())
            .or_insert_with(|| (record.event.name(), Shape::Unseen));
        *known = std::mem::replace(known, Shape::Unseen).merge(shape);
    }
    bodies
}

/// Everything with a name of its own that bodies are made of.
fn named() -> BTreeMap<&'static str, Shape> {
    let mut named: BTreeMap<&'static str, Shape> = BTreeMap::new();
    for (_, body) in bodies().into_values() {
        let Shape::Struct(_, fields) = body else { panic!("{body:?} is not a struct") };
        for (_, field) in fields {
            field.walk(&mut |shape| {
                if let Shape::Named(name, _) | Shape::Struct(name, _) = shape {
                    let known = named.remove(name).unwrap_or(Shape::Unseen);
                    named.insert(name, known.merge(shape.clone()));
                }
            });
        }
    }
    named
}

fn list(fields: &[(&str, Shape)]) -> String {
    let fields: Vec<String> =
        fields.iter().map(|(name, shape)| format!("`{name}` {}", shape.name())).collect();
    fields.join(", ")
}

#[test]
fn the_table_of_bodies_is_what_events_write() {
    let bodies = bodies();
    assert_eq!(bodies.len(), Event::KINDS.len(), "every event is among the samples");
    let mut table = String::from("| event | fields of the body, in order |\n|---|---|\n");
    for (name, shape) in bodies.values() {
        let Shape::Struct(_, fields) = shape else { panic!("{name} is not a struct") };
        writeln!(table, "| `{name}` | {} |", list(fields)).expect("a text takes everything");
    }
    expect(&table.replace("|  |", "| |"));
}

#[test]
fn the_table_of_structs_is_what_bodies_are_made_of() {
    let mut table = String::from("| struct | fields, in order |\n|---|---|\n");
    for (name, shape) in named() {
        if let Shape::Struct(_, fields) = shape {
            writeln!(table, "| {name} | {} |", list(&fields)).expect("a text takes everything");
        }
    }
    expect(&table);
}

#[test]
fn every_name_of_a_plain_value_is_explained() {
    for (name, shape) in named() {
        if let Shape::Named(_, inner) = shape
            && *inner != Shape::Plain("u8")
        {
            expect(&format!("\n| {name} | {} | ", inner.name()));
        }
    }
}

/// The number and name of every value of an enum, as the page lists them.
macro_rules! enums {
    ($($Enum:ident),+) => {
        [$((
            stringify!($Enum),
            $Enum::ALL.iter().map(|one| format!("{} `{}`", one.code(), one.name())).collect::<Vec<_>>(),
        )),+]
    };
}

#[test]
fn the_table_of_enums_has_the_numbers_of_the_code() {
    let known: BTreeMap<&str, Vec<String>> = enums![
        AdviceKind,
        Applied,
        BreakerMode,
        Class,
        CloseCause,
        Curve,
        ExhaustReason,
        HalfOpenCause,
        InputShape,
        InterruptCause,
        Jitter,
        OnOpen,
        OpenCause,
        RecoveryMethod,
        ReleaseCause,
        Scope,
        Sign,
        TrimReason,
        VerdictKind
    ]
    .into();
    let mut table = String::from("| enum | numbers and names |\n|---|---|\n");
    for (name, shape) in named() {
        if shape == Shape::Named(name, Box::new(Shape::Plain("u8"))) {
            let values = known.get(name).unwrap_or_else(|| panic!("{name} is missing above"));
            writeln!(table, "| {name} | {} |", values.join(", ")).expect("a text takes everything");
        }
    }
    expect(&table);
    assert_eq!(table.lines().count(), known.len() + 2, "every enum above reaches a record");
}

/// The body of an event as it stands in its frame, in hexadecimal digits.
fn body(event: impl Into<Event>) -> String {
    let at = Timestamp::default();
    let record = Record { seq: Seq::new(2), at, run: None, event: event.into() };
    let mut frame = Vec::new();
    codec::encode(&record, Link::default(), true, &mut frame, &mut Vec::new()).expect("fits");
    let body = frame.get(56..frame.len() - 4).expect("a header and a checksum");
    body.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_examples_of_integers_are_right() {
    for (number, bytes) in [(250, "FA"), (251, "FB FB 00"), (65_536, "FC 00 00 01 00")] {
        assert_eq!(body(EngineClosed { epoch: Epoch::new(number) }), bytes);
        expect(&format!("{number} is `{bytes}`"));
    }
    let held = StepParked {
        step: StepKey::new("a").expect("a slug"),
        keys: Vec::new(),
        force_at: Some(Timestamp::from_millis(-1)),
    };
    assert_eq!(body(held), "01 61 00 01 01");
    expect("-1 as an `i64` is `01`");
}
