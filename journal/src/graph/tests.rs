//! What holds of every drawing, and what some look like.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Edge, Layout, Node, layout};
use crate::event::Event;
use crate::id::{StepIndex, StepKey};
use crate::manifest::{Manifest, Source};
use crate::state::tests::world::run_started;

/// A graph of steps with what each needs: by input if it is the first, with `after` otherwise.
fn manifest(needs: &[Vec<u16>]) -> Manifest {
    let Event::RunStarted(begun) = run_started(None, None) else { panic!("a run begins") };
    let plain = begun.manifest.steps.first().expect("a step").clone();
    let step = |(index, needs): (usize, &Vec<u16>)| {
        let mut step = plain.clone();
        step.key = key(index);
        let mut needs = needs.iter().map(|need| StepIndex::new(*need));
        step.input.sources = needs.next().map(Source::Step).into_iter().collect();
        step.after = needs.collect();
        step
    };
    let steps = needs.iter().enumerate().map(step).collect();
    Manifest { steps, ..begun.manifest }
}

fn key(index: usize) -> StepKey {
    StepKey::new(format!("s{index}")).expect("a slug")
}

fn drawn(needs: &[&[u16]]) -> Layout {
    layout(&manifest(&needs.iter().map(|needs| needs.to_vec()).collect::<Vec<_>>()))
}

/// The points at which the lines and curves of a path meet.
fn points(path: &str) -> Vec<(u32, u32)> {
    let mut points: Vec<(u32, u32)> = Vec::new();
    for part in
        path.split_inclusive(|c: char| c.is_ascii_alphabetic()).collect::<Vec<_>>().windows(2)
    {
        let [before, numbers] = part else { panic!("two parts") };
        let numbers = numbers.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let numbers: Vec<u32> =
            numbers.split_whitespace().map(|number| number.parse().expect("a number")).collect();
        let last = points.last().copied();
        points.push(match (before.chars().last(), numbers.as_slice()) {
            (Some('M'), [x, y]) => (*x, *y),
            (Some('H'), [x]) => (*x, last.expect("begun").1),
            (Some('C'), [half, from, same, to, x, y]) => {
                assert_eq!((half, to, *from), (same, y, last.expect("begun").1), "{path}");
                (*x, *y)
            }
            other => panic!("{other:?} in {path}"),
        });
    }
    points
}

fn node(layout: &Layout, index: usize) -> &Node {
    layout.nodes.iter().find(|node| node.key == key(index)).expect("every step is drawn")
}

fn overlap(one: &Node, other: &Node) -> bool {
    one.x < other.x + other.w
        && other.x < one.x + one.w
        && one.y < other.y + other.h
        && other.y < one.y + one.h
}

/// From side to side, never back, and through no box.
fn check_edge(layout: &Layout, edge: &Edge) -> Result<(), TestCaseError> {
    let of = |key: &StepKey| layout.nodes.iter().find(|node| node.key == *key).expect("drawn");
    let (from, to) = (of(&edge.from), of(&edge.to));
    prop_assert!(from.layer < to.layer);
    let points = points(&edge.path);
    prop_assert_eq!(points.first(), Some(&(from.x + from.w, from.y + from.h / 2)));
    prop_assert_eq!(points.last(), Some(&(to.x, to.y + to.h / 2)));
    for ((x, y), (next, down)) in points.iter().zip(points.iter().skip(1)) {
        prop_assert!(x < next, "{}", edge.path);
        for passed in &layout.nodes {
            let is_between = *x < passed.x + passed.w && passed.x < *next;
            let (upper, lower) = (y.min(down), y.max(down));
            let is_met = passed.y <= *lower && *upper <= passed.y + passed.h;
            prop_assert!(!is_between || !is_met, "{} meets {}", edge.path, passed.key);
        }
    }
    Ok(())
}

fn graphs() -> impl Strategy<Value = Vec<Vec<u16>>> {
    vec(vec(any::<prop::sample::Index>(), 0..4), 1..64).prop_map(|steps| {
        let of = |(index, needs): (usize, Vec<prop::sample::Index>)| {
            let need = |need: prop::sample::Index| need.index(index);
            let needs = needs.into_iter().filter(|_| index > 0).map(need);
            needs.map(|need| u16::try_from(need).expect("few")).collect()
        };
        steps.into_iter().enumerate().map(of).collect()
    })
}

proptest! {
    #[test]
    fn every_step_has_a_place_of_its_own_and_edges_lead_to_the_right(needs in graphs()) {
        let layout = layout(&manifest(&needs));
        prop_assert_eq!(layout.nodes.len(), needs.len());
        for (index, node) in layout.nodes.iter().enumerate() {
            prop_assert_eq!(&node.key, &key(index), "in the order of the manifest");
            prop_assert!(node.x + node.w < layout.width && node.y + node.h < layout.height);
            let others = layout.nodes.iter().skip(index + 1);
            prop_assert!(!others.into_iter().any(|other| overlap(node, other)));
        }
        let mut wanted: Vec<(StepKey, StepKey)> = needs
            .iter()
            .enumerate()
            .flat_map(|(to, needs)| needs.iter().map(move |from| (key((*from).into()), key(to))))
            .collect();
        wanted.sort();
        wanted.dedup();
        let mut edges: Vec<_> =
            layout.edges.iter().map(|edge| (edge.from.clone(), edge.to.clone())).collect();
        edges.sort();
        prop_assert_eq!(edges, wanted);
        layout.edges.iter().try_for_each(|edge| check_edge(&layout, edge))?;
        prop_assert_eq!(super::layout(&manifest(&needs)), layout, "the same every time");
    }
}

#[test]
fn one_step_stands_alone() {
    let alone = Node { key: key(0), layer: 0, x: 10, y: 10, w: 140, h: 44 };
    let layout = drawn(&[&[]]);
    assert_eq!((layout.width, layout.height), (160, 64));
    assert_eq!((layout.nodes, layout.edges), (vec![alone], vec![]));
}

#[test]
fn a_chain_is_one_row_of_straight_lines() {
    let layout = drawn(&[&[], &[0], &[1], &[2], &[3]]);
    assert!(layout.nodes.iter().all(|node| node.y == 10), "{layout:?}");
    assert_eq!(layout.nodes.iter().map(|node| node.layer).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let paths: Vec<&str> = layout.edges.iter().map(|edge| edge.path.as_str()).collect();
    assert_eq!(paths, ["M150 32H210", "M350 32H410", "M550 32H610", "M750 32H810"]);
}

#[test]
fn a_chain_with_a_short_cut_stays_a_row_and_the_short_cut_passes_below() {
    let layout = drawn(&[&[], &[0], &[0, 1]]);
    assert!(layout.nodes.iter().all(|node| node.y == 10), "{layout:?}");
    let short_cut = layout.edges.iter().find(|edge| edge.to == key(2) && edge.from == key(0));
    let path = short_cut.map(|edge| edge.path.as_str());
    assert_eq!(path, Some("M150 32C180 32 180 64 210 64H350C380 64 380 32 410 32"));
}

#[test]
fn a_diamond_is_symmetric() {
    for arms in 2..6_u16 {
        let mut needs = vec![vec![]];
        needs.extend((0..arms).map(|_| vec![0]));
        needs.push((1..=arms).collect());
        let layout = layout(&manifest(&needs));
        let middle = |index: usize| node(&layout, index).y + 22;
        let (first, last) = (middle(0), middle(usize::from(arms) + 1));
        assert_eq!(first, last);
        assert_eq!(first * 2, layout.height);
        for arm in 0..usize::from(arms) {
            assert_eq!(middle(1 + arm) + middle(usize::from(arms) - arm), first * 2);
        }
    }
}

#[test]
fn steps_change_places_so_that_edges_do_not_cross() {
    // Two chains whose second steps were declared the other way round, joined at the end.
    let layout = drawn(&[&[], &[], &[1], &[0], &[2], &[3], &[4, 5]]);
    let is_above = |one: usize, other: usize| node(&layout, one).y < node(&layout, other).y;
    assert_eq!([is_above(3, 2), is_above(5, 4)], [is_above(0, 1), is_above(0, 1)]);
}

#[test]
fn a_graph_that_is_unsound_or_far_too_large_is_drawn_all_the_same() {
    let layout = drawn(&[&[0, 7], &[0, 1, 0]]);
    assert_eq!(layout.edges.len(), 1, "{layout:?}");
    assert_eq!(drawn(&[]).nodes.len(), 0);
    let many: Vec<Vec<u16>> = (0..2_000)
        .map(|index: u16| index.checked_sub(1).into_iter().chain([0]).collect())
        .collect();
    let layout = super::layout(&manifest(&many));
    assert_eq!((layout.nodes.len(), layout.edges.len()), (2_000, 3_997));
}

#[test]
fn the_densest_graph_there_may_be_is_drawn() {
    let all: Vec<Vec<u16>> = (0..64).map(|index| (0..index).collect()).collect();
    let layout = layout(&manifest(&all));
    assert_eq!(layout.edges.len(), 64 * 63 / 2);
    let columns: Vec<u32> = layout.nodes.iter().map(|node| node.layer).collect();
    assert_eq!(columns, (0..64).collect::<Vec<_>>());
    assert!(layout.height < 1_000, "{}", layout.height);
}
