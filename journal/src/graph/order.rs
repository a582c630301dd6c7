//! The order of the spots within their columns, so that few edges cross.

use super::columns::Sketch;

/// Sweeps to the right and back again; more hardly help.
const SWEEPS: usize = 4;

/// Spots of a graph whose columns are ordered; a larger one stays in the order of its manifest.
const SPOTS_ORDERED_MAX: usize = 20_000;

/// Puts every spot near the middle of those that it is joined to, as long as that helps.
pub(super) fn untangle(sketch: &mut Sketch) {
    if sketch.column.len() > SPOTS_ORDERED_MAX {
        return;
    }
    let mut places = vec![0; sketch.column.len()];
    for column in &sketch.columns {
        number(column, &mut places);
    }
    let mut least = crossings(sketch, &places);
    let mut best = sketch.columns.clone();
    for sweep_number in 0..SWEEPS * 2 {
        if least == 0 {
            break;
        }
        sweep(sketch, &mut places, sweep_number % 2 == 0);
        let crossed = crossings(sketch, &places);
        if crossed < least {
            least = crossed;
            best.clone_from(&sketch.columns);
        }
    }
    sketch.columns = best;
}

/// Remembers which place each spot of a column has.
fn number(column: &[usize], places: &mut [usize]) {
    for (place, spot) in column.iter().enumerate() {
        if let Some(known) = places.get_mut(*spot) {
            *known = place;
        }
    }
}

fn sweep(sketch: &mut Sketch, places: &mut [usize], to_the_right: bool) {
    let Sketch { columns, before, after, .. } = sketch;
    let joined = if to_the_right { before } else { after };
    let mut one = |column: &mut Vec<usize>| {
        column.sort_by(|a, b| {
            let ((sum, count), (other, others)) =
                (middle(*a, joined, places), middle(*b, joined, places));
            (sum * others).cmp(&(other * count))
        });
        number(column, places);
    };
    if to_the_right {
        columns.iter_mut().for_each(&mut one);
    } else {
        columns.iter_mut().rev().for_each(&mut one);
    }
}

/// The mean place of the spots that one is joined to, as a fraction; its own if there are none.
fn middle(spot: usize, joined: &[Vec<usize>], places: &[usize]) -> (usize, usize) {
    let others = joined.get(spot).map(Vec::as_slice).unwrap_or_default();
    let place = |spot: &usize| places.get(*spot).copied().unwrap_or(0);
    match others.len() {
        0 => (place(&spot), 1),
        count => (others.iter().map(place).sum(), count),
    }
}

/// How many pairs of edges between neighbouring columns cross.
fn crossings(sketch: &Sketch, places: &[usize]) -> usize {
    let place = |spot: &usize| places.get(*spot).copied().unwrap_or(0);
    let mut crossed = 0;
    for column in &sketch.columns {
        // How many edges from further up end at each place of the next column.
        let mut ends: Vec<usize> = Vec::new();
        for spot in column {
            let after = sketch.after.get(*spot).map(Vec::as_slice).unwrap_or_default();
            for to in after.iter().map(place) {
                crossed += ends.iter().skip(to + 1).sum::<usize>();
            }
            for to in after.iter().map(place) {
                if ends.len() <= to {
                    ends.resize(to + 1, 0);
                }
                if let Some(count) = ends.get_mut(to) {
                    *count += 1;
                }
            }
        }
    }
    crossed
}
