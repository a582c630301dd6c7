//! How far down each spot stands.

use super::columns::Sketch;

/// Height of a step, in units of the drawing; even, so that its middle is whole.
pub(super) const STEP_HEIGHT: i64 = 44;
/// Least distance between two steps.
const STEP_GAP: i64 = 20;
/// Least distance between an edge that passes and whatever is next to it.
const EDGE_GAP: i64 = 10;
/// Parts of a unit in which is reckoned, so that halves are not lost.
const PARTS: i64 = 1_024;
/// Rounds in which every spot is drawn towards those that it is joined to.
const ROUNDS: usize = 12;
/// How many passing edges it takes to move a step as far as it moves one of them.
const STEP_WEIGHT: i64 = 4_096;

/// The middle of every spot, in units from the top of the drawing, and the height of all of it.
pub(super) fn middles(sketch: &Sketch) -> (Vec<i64>, i64) {
    let mut middles = vec![0; sketch.column.len()];
    for column in &sketch.columns {
        let wishes = vec![0; column.len()];
        settle(sketch, column, &wishes, &mut middles);
    }
    for round in 0..ROUNDS {
        let mut one = |column: &Vec<usize>| {
            let wishes: Vec<i64> =
                column.iter().map(|spot| wish(sketch, *spot, &middles)).collect();
            settle(sketch, column, &wishes, &mut middles);
        };
        if round % 2 == 0 {
            sketch.columns.iter().for_each(&mut one);
        } else {
            sketch.columns.iter().rev().for_each(&mut one);
        }
    }
    let whole: Vec<i64> =
        middles.iter().map(|middle| (middle + PARTS / 2).div_euclid(PARTS)).collect();
    let farthest = |sign: i64| {
        let spots = whole.iter().enumerate();
        spots.map(|(spot, middle)| sign * middle + half(sketch, spot)).max().unwrap_or(0)
    };
    let (above, below) = (farthest(-1), farthest(1));
    (whole.iter().map(|middle| middle + above).collect(), above + below)
}

const fn half(sketch: &Sketch, spot: usize) -> i64 {
    if sketch.is_step(spot) { STEP_HEIGHT / 2 } else { 0 }
}

/// Where a spot would stand best: amid the steps that it is joined to, or amid edges if none are.
fn wish(sketch: &Sketch, spot: usize, middles: &[i64]) -> i64 {
    let mean = |steps_only: bool| {
        let sides = [&sketch.before, &sketch.after].into_iter();
        let joined = sides.filter_map(|side| side.get(spot)).flatten();
        let (sum, count) = joined
            .filter(|other| !steps_only || sketch.is_step(**other))
            .filter_map(|other| middles.get(*other))
            .fold((0_i64, 0_i64), |(sum, count), middle| (sum + middle, count + 1));
        (count > 0).then(|| sum.div_euclid(count))
    };
    let own = || middles.get(spot).copied().unwrap_or(0);
    mean(true).or_else(|| mean(false)).unwrap_or_else(own)
}

/// Spots that stand as close together as they may.
struct Block {
    /// Where its first spot should be for the sake of each member, times the weight of that one.
    wishes: i64,
    weight: i64,
    spots: usize,
}

impl Block {
    const fn wish(&self) -> i64 {
        self.wishes.div_euclid(self.weight)
    }
}

/// Gives every spot of a column the place nearest to its wish, in their order and without overlap.
///
/// Neighbours that wish to be closer than they may form a block, which stands where its members
/// wish to be on the whole: nowhere else are the squares of what they miss smaller.
fn settle(sketch: &Sketch, column: &[usize], wishes: &[i64], middles: &mut [i64]) {
    let offsets = offsets(sketch, column);
    let mut blocks: Vec<Block> = Vec::new();
    for ((spot, offset), wish) in column.iter().zip(&offsets).zip(wishes) {
        let weight = if sketch.is_step(*spot) { STEP_WEIGHT } else { 1 };
        let mut block = Block { wishes: (wish - offset) * weight, weight, spots: 1 };
        while let Some(above) = blocks.pop_if(|above| above.wish() >= block.wish()) {
            block.wishes += above.wishes;
            block.weight += above.weight;
            block.spots += above.spots;
        }
        blocks.push(block);
    }
    let starts = blocks.iter().flat_map(|block| std::iter::repeat_n(block.wish(), block.spots));
    for ((spot, offset), start) in column.iter().zip(&offsets).zip(starts) {
        if let Some(middle) = middles.get_mut(*spot) {
            *middle = start + offset;
        }
    }
}

/// How far below the first spot of its column each one is at least.
fn offsets(sketch: &Sketch, column: &[usize]) -> Vec<i64> {
    let mut offsets = Vec::with_capacity(column.len());
    let mut last: Option<(usize, i64)> = None;
    for spot in column {
        let offset = last.map_or(0, |(above, offset)| {
            let are_steps = sketch.is_step(above) && sketch.is_step(*spot);
            let gap = if are_steps { STEP_GAP } else { EDGE_GAP };
            offset + (half(sketch, above) + gap + half(sketch, *spot)) * PARTS
        });
        offsets.push(offset);
        last = Some((*spot, offset));
    }
    offsets
}
