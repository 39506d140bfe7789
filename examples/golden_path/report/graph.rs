//! The deploy order as a drawing: a column for each wave, and an arrow from each unit to those that wait for it.
//!
//! An arrow over several columns gets a place of its own in each of them, so none is drawn over a unit; and each arrow
//! ends at a place of its own, so neither arrowheads nor numbers overlap.

use std::collections::BTreeMap;

use serde::Serialize;

const COLUMN_GAP: i32 = 92;
const ROW_GAP: i32 = 18;
const TOP: i32 = 34;
const UNIT_HEIGHT: i32 = 54;
/// Between two arrows that end at the same unit.
const PORT_STEP: i32 = 20;
/// The last part of an arrow is straight: room for its number and its head.
const APPROACH: i32 = 44;
const MAX_LABEL_CHARS: usize = 20;

/// A unit that is drawn.
pub(super) struct Unit {
    pub(super) name: String,
    /// A short second line.
    pub(super) note: String,
}

/// One unit waits for another.
pub(super) struct Order {
    pub(super) after: String,
    pub(super) before: String,
    pub(super) because: String,
}

#[derive(Serialize)]
pub(super) struct Graph {
    width: i32,
    height: i32,
    columns: Vec<Column>,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

#[derive(Serialize)]
struct Column {
    x: i32,
    wave: usize,
}

#[derive(Serialize)]
struct Node {
    x: i32,
    y: i32,
    width: i32,
    height: i32,
    wave: usize,
    unit: String,
    label: String,
    note: String,
}

#[derive(Serialize)]
struct Edge {
    number: usize,
    after: String,
    before: String,
    because: String,
    path: String,
    /// Where the arrowhead's tip is.
    x: i32,
    y: i32,
}

/// A place in a column.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    /// A unit, by wave and place in it.
    Unit(usize, usize),
    /// Where an arrow passes through a column.
    Pass { edge: usize, column: usize },
}

pub(super) fn graph(waves: &[Vec<Unit>], order: Vec<Order>) -> Graph {
    let edges = distinct(order);
    let routes: Vec<Vec<Slot>> = edges.iter().enumerate().map(|(edge, order)| route(waves, edge, order)).collect();
    let hops: Vec<(Slot, Slot)> =
        routes.iter().flat_map(|route| route.iter().copied().zip(route.iter().skip(1).copied())).collect();
    let columns = columns(waves, &routes, &hops);
    let layout = Layout::new(waves, &columns, &hops);
    let nodes =
        waves.iter().enumerate().flat_map(|(column, wave)| wave.iter().enumerate().map(move |(row, unit)| (column, row, unit)));
    Graph {
        width: layout.x(waves.len()) - COLUMN_GAP + 2,
        height: layout.height,
        columns: (0..waves.len()).map(|column| Column { x: layout.x(column), wave: column + 1 }).collect(),
        nodes: nodes.map(|(column, row, unit)| layout.node(column, row, unit)).collect(),
        edges: edges
            .into_iter()
            .zip(&routes)
            .enumerate()
            .filter_map(|(index, (order, route))| layout.edge(index + 1, order, route, &hops))
            .collect(),
    }
}

/// One arrow for each pair, with all its reasons.
fn distinct(order: Vec<Order>) -> Vec<Order> {
    let mut distinct: Vec<Order> = Vec::new();
    for new in order {
        match distinct.iter_mut().find(|known| known.after == new.after && known.before == new.before) {
            Some(known) if known.because != new.because => known.because = format!("{}; {}", known.because, new.because),
            Some(_) => {}
            None => distinct.push(new),
        }
    }
    distinct
}

/// The slots from the unit that goes first to the one that waits; empty where one of them is not drawn.
fn route(waves: &[Vec<Unit>], edge: usize, order: &Order) -> Vec<Slot> {
    let find = |name: &str| {
        let mut places =
            waves.iter().enumerate().filter_map(|(wave, units)| Some((wave, units.iter().position(|unit| unit.name == name)?)));
        places.next()
    };
    match (find(&order.before), find(&order.after)) {
        (Some(start), Some(end)) if start.0 < end.0 => {
            let passes = (start.0 + 1..end.0).map(|column| Slot::Pass { edge, column });
            [Slot::Unit(start.0, start.1)].into_iter().chain(passes).chain([Slot::Unit(end.0, end.1)]).collect()
        }
        _ => Vec::new(),
    }
}

/// The slots of each column, from top to bottom, in an order that keeps arrows short.
fn columns(waves: &[Vec<Unit>], routes: &[Vec<Slot>], hops: &[(Slot, Slot)]) -> Vec<Vec<Slot>> {
    let units = |column: usize, wave: &[Unit]| (0..wave.len()).map(move |row| Slot::Unit(column, row)).collect::<Vec<_>>();
    let mut columns: Vec<Vec<Slot>> = waves.iter().enumerate().map(|(column, wave)| units(column, wave)).collect();
    for slot in routes.iter().flatten() {
        if let Slot::Pass { column, .. } = slot
            && let Some(slots) = columns.get_mut(*column)
        {
            slots.push(*slot);
        }
    }
    let last = columns.len();
    for _ in 0..3 {
        (1..last).for_each(|column| line_up(&mut columns, column - 1, column, hops));
        (1..last).rev().for_each(|column| line_up(&mut columns, column, column - 1, hops));
    }
    columns
}

/// Sorts the slots of `moved` by the mean place of their neighbours in `fixed`.
fn line_up(columns: &mut [Vec<Slot>], fixed: usize, moved: usize, hops: &[(Slot, Slot)]) {
    let places = |column: Option<&Vec<Slot>>| -> BTreeMap<Slot, usize> {
        column.into_iter().flatten().enumerate().map(|(place, slot)| (*slot, place * 1000)).collect()
    };
    let (near, own) = (places(columns.get(fixed)), places(columns.get(moved)));
    let Some(column) = columns.get_mut(moved) else { return };
    column.sort_by_key(|slot| {
        let neighbours = hops.iter().filter_map(|(from, to)| match () {
            () if to == slot => near.get(from),
            () if from == slot => near.get(to),
            () => None,
        });
        let neighbours: Vec<usize> = neighbours.copied().collect();
        let mean = neighbours.iter().sum::<usize>().checked_div(neighbours.len());
        mean.or_else(|| own.get(slot).copied()).unwrap_or_default()
    });
}

/// Where everything is.
struct Layout {
    unit_width: i32,
    height: i32,
    /// The top and the height of each slot.
    slots: BTreeMap<Slot, (i32, i32)>,
}

impl Layout {
    fn new(waves: &[Vec<Unit>], columns: &[Vec<Slot>], hops: &[(Slot, Slot)]) -> Self {
        let longest = waves.iter().flatten().map(|unit| unit.name.chars().count()).max().unwrap_or_default();
        let unit_width = (pixels(longest.min(MAX_LABEL_CHARS)) * 8 + 56).max(140);
        let tall = |slot: &Slot| match slot {
            Slot::Unit(..) => {
                let ends =
                    hops.iter().filter(|(_, to)| to == slot).count().max(hops.iter().filter(|(from, _)| from == slot).count());
                (pixels(ends) * PORT_STEP + 10).max(UNIT_HEIGHT)
            }
            Slot::Pass { .. } => PORT_STEP,
        };
        let extent = |column: &Vec<Slot>| column.iter().map(|slot| tall(slot) + ROW_GAP).sum::<i32>() - ROW_GAP;
        let tallest = columns.iter().map(extent).max().unwrap_or_default();
        let mut slots = BTreeMap::new();
        for column in columns {
            let mut y = TOP + (tallest - extent(column)) / 2;
            for slot in column {
                slots.insert(*slot, (y, tall(slot)));
                y += tall(slot) + ROW_GAP;
            }
        }
        Self { unit_width, height: TOP + tallest + 2, slots }
    }

    /// The left side of a column.
    fn x(&self, column: usize) -> i32 {
        1 + pixels(column) * (self.unit_width + COLUMN_GAP)
    }

    fn middle(&self, slot: Slot) -> i32 {
        self.slots.get(&slot).map_or(TOP, |(y, height)| y + height / 2)
    }

    fn node(&self, column: usize, row: usize, unit: &Unit) -> Node {
        let (y, height) = self.slots.get(&Slot::Unit(column, row)).copied().unwrap_or((TOP, UNIT_HEIGHT));
        let Unit { name, note } = unit;
        Node {
            x: self.x(column),
            y,
            width: self.unit_width,
            height,
            wave: column + 1,
            unit: name.clone(),
            label: shortened(name),
            note: shortened(note),
        }
    }

    fn edge(&self, number: usize, order: Order, route: &[Slot], hops: &[(Slot, Slot)]) -> Option<Edge> {
        let (first, last) = (*route.first()?, *route.last()?);
        let leaves = self.port(first, hops, *route.get(1)?, |(from, to)| (*from == first).then_some(*to));
        let arrives = self.port(last, hops, *route.iter().rev().nth(1)?, |(from, to)| (*to == last).then_some(*from));
        let mut path = format!("M{} {leaves}", self.x(column(first)) + self.unit_width);
        let mut y = leaves;
        for slot in route.iter().skip(1) {
            let end = *slot == last;
            let (target_y, left) = (if end { arrives } else { self.middle(*slot) }, self.x(column(*slot)));
            let (from_x, to_x) = (left - COLUMN_GAP, if end { left - APPROACH } else { left });
            let turn = (from_x + to_x) / 2;
            let straight = if end { left - 7 } else { left + self.unit_width };
            path.push_str(&format!(" C{turn} {y} {turn} {target_y} {to_x} {target_y} H{straight}"));
            y = target_y;
        }
        let Order { after, before, because } = order;
        Some(Edge { number, after, before, because, path, x: self.x(column(last)), y: arrives })
    }

    /// Where the arrow from or to `neighbour` meets a unit: ports are in the order of what they lead to.
    fn port(&self, slot: Slot, hops: &[(Slot, Slot)], neighbour: Slot, other_end: impl Fn(&(Slot, Slot)) -> Option<Slot>) -> i32 {
        let mut neighbours: Vec<Slot> = hops.iter().filter_map(other_end).collect();
        neighbours.sort_by_key(|slot| self.middle(*slot));
        let place = neighbours.iter().position(|other| *other == neighbour).unwrap_or_default();
        self.middle(slot) + (2 * pixels(place) + 1 - pixels(neighbours.len())) * PORT_STEP / 2
    }
}

fn column(slot: Slot) -> usize {
    match slot {
        Slot::Unit(column, _) | Slot::Pass { column, .. } => column,
    }
}

fn pixels(count: usize) -> i32 {
    i32::try_from(count.min(10_000)).unwrap_or_default()
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= MAX_LABEL_CHARS {
        return text.to_owned();
    }
    text.chars().take(MAX_LABEL_CHARS - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waves(columns: &[&[&str]]) -> Vec<Vec<Unit>> {
        let unit = |name: &&str| Unit { name: (*name).to_owned(), note: "app".to_owned() };
        columns.iter().map(|column| column.iter().map(unit).collect()).collect()
    }

    fn order(pairs: &[(&str, &str)]) -> Vec<Order> {
        let order = |(before, after): &(&str, &str)| Order {
            before: (*before).to_owned(),
            after: (*after).to_owned(),
            because: "it calls it".to_owned(),
        };
        pairs.iter().map(order).collect()
    }

    /// Twelve units with arrows over one, two and three columns.
    fn large() -> Graph {
        let columns: [&[&str]; 4] = [&["a", "b", "c", "d", "e"], &["f", "g"], &["h", "i", "j"], &["k", "l"]];
        let pairs = [
            ("a", "f"),
            ("b", "f"),
            ("c", "f"),
            ("d", "f"),
            ("e", "f"),
            ("a", "g"),
            ("e", "g"),
            ("f", "h"),
            ("g", "i"),
            ("a", "j"),
            ("b", "j"),
            ("h", "k"),
            ("a", "k"),
            ("c", "k"),
            ("d", "l"),
            ("j", "l"),
            ("f", "l"),
            ("g", "k"),
        ];
        graph(&waves(&columns), order(&pairs))
    }

    #[test]
    fn neither_units_nor_arrowheads_overlap() {
        let graph = large();
        assert_eq!((graph.nodes.len(), graph.edges.len()), (12, 18));
        for (index, one) in graph.nodes.iter().enumerate() {
            assert!(one.x >= 0 && one.y >= TOP && one.x + one.width <= graph.width && one.y + one.height <= graph.height);
            for other in &graph.nodes[index + 1..] {
                let beside = one.x + one.width < other.x || other.x + other.width < one.x;
                assert!(beside || one.y + one.height < other.y || other.y + other.height < one.y, "{} {}", one.unit, other.unit);
            }
        }
        let mut tips: Vec<(i32, i32)> = graph.edges.iter().map(|edge| (edge.x, edge.y)).collect();
        tips.sort_unstable();
        assert!(tips.windows(2).all(|pair| pair[0].0 != pair[1].0 || pair[1].1 - pair[0].1 >= PORT_STEP), "{tips:?}");
    }

    #[test]
    fn no_arrow_is_drawn_over_a_unit() {
        let graph = large();
        for edge in &graph.edges {
            // Between columns an arrow is free to turn; within one it goes straight, where the path says `H`.
            let numbers: Vec<&str> = edge.path.split(' ').collect();
            let straights = numbers
                .windows(2)
                .filter_map(|pair| Some((pair[0].parse::<i32>().ok()?, pair[1].strip_prefix('H')?.parse::<i32>().ok()?)));
            for (y, until) in straights {
                let hit = graph
                    .nodes
                    .iter()
                    .find(|node| node.x < until && until <= node.x + node.width && node.y <= y && y <= node.y + node.height);
                assert!(hit.is_none(), "{} to {} is drawn over {}", edge.before, edge.after, hit.map_or("", |node| &node.unit));
            }
        }
    }

    #[test]
    fn reasons_for_the_same_order_share_an_arrow() {
        let mut order = order(&[("a", "b"), ("a", "b"), ("b", "unknown")]);
        order[1].because = "its contract changes".to_owned();
        let graph = graph(&waves(&[&["a"], &["b"]]), order);
        assert_eq!(
            graph.edges.iter().map(|edge| edge.because.as_str()).collect::<Vec<_>>(),
            ["it calls it; its contract changes"]
        );
    }

    #[test]
    fn a_long_name_is_cut_off_between_characters() {
        let graph = graph(&waves(&[&["the-ünit-whose-name-is-far-too-long"]]), Vec::new());
        assert_eq!(graph.nodes[0].label, "the-ünit-whose-name…");
        assert!(graph.edges.is_empty());
    }
}
