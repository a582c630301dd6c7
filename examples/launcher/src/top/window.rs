//! The part of a long list that is seen, and the operation that is chosen.

use resurge_dashboard::view::{List, Subscription};

/// Where somebody stands in a list of which only a part is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Window {
    /// The chosen operation; none until the part with its place is known.
    selected: Option<String>,
    /// Its place in the whole list.
    place: usize,
    /// The first operation that is seen.
    top: usize,
    /// Operations that are seen.
    rows: usize,
    /// The part that is asked for.
    from: usize,
    /// Operations in the whole list, as far as is known.
    total: usize,
}

impl Window {
    /// The chosen operation.
    pub(crate) fn selected(&self) -> Option<&str> {
        self.selected.as_deref()
    }

    /// The first operation that is seen.
    pub(crate) const fn top(&self) -> usize {
        self.top
    }

    /// The part to ask for: what is seen, and as much again before and behind it.
    pub(crate) fn part(&self) -> (usize, usize) {
        (self.from, self.count())
    }

    /// Takes a new list in: the choice stays with its operation, or else with its place.
    pub(crate) fn learn(&mut self, list: &List) {
        self.total = bounded(list.total);
        let known = self.selected.as_ref();
        let found = known.and_then(|id| list.order.iter().position(|other| other == id));
        match found {
            Some(at) => self.place = first(list) + at,
            None => self.go(self.place, Some(list)),
        }
        self.settle();
    }

    /// Chooses the operation at a place.
    pub(crate) fn go(&mut self, place: usize, list: Option<&List>) {
        self.place = place.min(self.total.saturating_sub(1));
        let at = list.and_then(|list| Some((list, self.place.checked_sub(first(list))?)));
        self.selected = at.and_then(|(list, at)| list.order.get(at)).cloned();
        self.settle();
    }

    /// Goes some operations on or back.
    pub(crate) fn step(&mut self, by: isize, list: Option<&List>) {
        self.go(self.place.saturating_add_signed(by), list);
    }

    /// Begins at the top again, as another list is to come.
    pub(crate) fn reset(&mut self) {
        (self.place, self.top, self.from) = (0, 0, 0);
    }

    /// Takes in how many operations are seen.
    pub(crate) fn resize(&mut self, rows: usize) {
        self.rows = rows;
        self.settle();
    }

    /// Operations that are seen.
    pub(crate) const fn rows(&self) -> usize {
        self.rows
    }

    fn count(&self) -> usize {
        (self.rows * 3).clamp(1, Subscription::COUNT_MAX)
    }

    /// Keeps the choice in sight, and what is in sight within the part that is asked for.
    fn settle(&mut self) {
        let rows = self.rows.max(1);
        let last_top = self.total.saturating_sub(rows);
        let least = (self.place + 1).saturating_sub(rows);
        self.top = self.top.clamp(least, self.place.max(least)).min(last_top.max(least));
        let (from, count) = self.part();
        let margin = (count.saturating_sub(rows)) / 4;
        let is_near_begin = from > 0 && self.top < from + margin;
        let is_near_end = from + count < self.total && self.top + rows + margin > from + count;
        if is_near_begin || is_near_end {
            self.from = self.top.saturating_sub(count.saturating_sub(rows) / 2);
        }
    }
}

/// The place of the first operation of a part.
pub(crate) fn first(list: &List) -> usize {
    bounded(list.from)
}

/// A place that there can be, with room to reckon beyond it, whatever a server says.
fn bounded(place: u64) -> usize {
    u32::try_from(place).map_or(PLACES_MAX, |place| place as usize).min(PLACES_MAX)
}

/// No engine keeps that many operations.
const PLACES_MAX: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    /// What a server gives of operations with these numbers.
    fn list(ids: &[usize], (from, count): (usize, usize)) -> List {
        let from = from.min(ids.len().saturating_sub(count));
        let order = ids.iter().skip(from).take(count).map(ToString::to_string).collect();
        List { total: ids.len() as u64, from: from as u64, order, ..List::default() }
    }

    /// Asks for parts until nothing else is asked for.
    fn follow(window: &mut Window, ids: &[usize]) -> List {
        loop {
            let part = window.part();
            let list = list(ids, part);
            window.learn(&list);
            if window.part() == part {
                return list;
            }
        }
    }

    #[test]
    fn ten_thousand_operations_are_walked_through_part_by_part() {
        let ids: Vec<usize> = (0..10_000).collect();
        let mut window = Window::default();
        window.resize(20);
        let mut known = follow(&mut window, &ids);
        let mut asked = 0;
        for place in 0..10_000 {
            assert_eq!(window.selected(), Some(place.to_string().as_str()));
            let seen = window.top()..window.top() + 20;
            assert!(seen.contains(&place), "{place} is not in {seen:?}");
            window.step(1, Some(&known));
            let part = window.part();
            if part.0 != first(&known) {
                asked += 1;
                known = follow(&mut window, &ids);
            }
        }
        assert!((100..1_000).contains(&asked), "{asked} parts were asked for");
        window.go(usize::MAX, Some(&known));
        follow(&mut window, &ids);
        assert_eq!((window.selected(), window.top()), (Some("9999"), 9_980));
        window.go(0, Some(&known));
        assert_eq!(window.selected(), None, "its part is not known yet");
        follow(&mut window, &ids);
        assert_eq!((window.selected(), window.top(), window.part()), (Some("0"), 0, (0, 60)));
    }

    #[test]
    fn the_choice_stays_with_its_operation_and_then_with_its_place() {
        let mut window = Window::default();
        window.resize(3);
        let known = follow(&mut window, &[5, 4, 3, 2, 1]);
        window.step(1, Some(&known));
        assert_eq!(window.selected(), Some("4"));
        follow(&mut window, &[7, 6, 5, 4, 3, 2, 1]);
        assert_eq!((window.selected(), window.place), (Some("4"), 3));
        follow(&mut window, &[7, 6, 5, 3, 2, 1]);
        assert_eq!((window.selected(), window.place), (Some("3"), 3));
        follow(&mut window, &[7]);
        assert_eq!((window.selected(), window.place, window.top()), (Some("7"), 0, 0));
        follow(&mut window, &[]);
        assert_eq!((window.selected(), window.place), (None, 0));
    }
}
