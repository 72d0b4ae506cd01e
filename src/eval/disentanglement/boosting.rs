//! Gradient-boosted trees that tell classes apart (Friedman 2001, algorithm 6), with Newton's gains and leaves (Chen,
//! Guestrin 2016, equations 5 and 7), on histograms.
//!
//! Each round adds one tree of depth three for each class to its logit. A node is split at the edge of an input that most
//! reduces the cross-entropy to second order. The importance of an input is what its splits have gained.

mod histogram;

use self::histogram::{BINS, Derivatives, Histogram, NODES};
use crate::ops::pool;

const ROUNDS: usize = 50;
/// The learning rate: the share that is taken of each tree.
const RATE: f64 = 0.2;
const DEPTH: usize = 3;
const LEAVES: usize = 2 * NODES;
/// The penalty on the squares of a tree's leaves.
const RIDGE: f64 = 1.0;
/// The least second derivative on either side of a split: about four examples at even odds.
const LEAST_CURVATURE: f64 = 1.0;
/// The least that a split must gain, above rounding.
const LEAST_GAIN: f64 = 1e-6;
/// Examples that one core takes at a time.
const ROWS: usize = 256;

/// Fitted trees.
#[derive(Clone, Debug)]
pub struct Boosted {
    /// `[D]`: between which values an input's bins end.
    edges: Vec<Vec<f32>>,
    /// `[C]`: the logits without any tree.
    prior: Vec<f64>,
    /// Round by round, `[C]` each.
    trees: Vec<Tree>,
    /// `[D]`: the sum of the gains of each input's splits.
    pub importance: Vec<f64>,
}

#[derive(Clone, Debug)]
struct Tree {
    /// The splits from the root, level by level: an input, and the last bin that goes left. Without a split all go left.
    splits: [Option<(usize, u8)>; LEAVES - 1],
    leaves: [f64; LEAVES],
}

impl Boosted {
    /// # Shapes
    /// `x`: `[N][D]`, not empty; `labels`: `[N]`, each below `classes`.
    pub fn fit(x: &[Vec<f32>], labels: &[u16], classes: usize) -> Self {
        let inputs = x.first().map_or(0, Vec::len);
        let edges = pool::map(0..inputs, |input| {
            edges(x.iter().map(|row| row[input]).collect())
        });
        // [D][N]
        let bins: Vec<Vec<u8>> = pool::map(edges.iter().enumerate(), |(input, edges)| {
            x.iter().map(|row| bin(edges, row[input])).collect()
        });
        let mut prior = vec![0.5; classes];
        labels
            .iter()
            .for_each(|&label| prior[usize::from(label)] += 1.0);
        prior
            .iter_mut()
            .for_each(|count| *count = f64::ln(*count / x.len().max(1) as f64));
        let mut fitted = Self {
            edges,
            prior,
            trees: Vec::new(),
            importance: vec![0.0; inputs],
        };
        // [N][C]
        let mut logits = fitted.prior.repeat(x.len());
        for _ in 0..ROUNDS {
            let derivatives = by_class(&logits, labels, classes);
            let grown = pool::map(&derivatives, |derivatives| grow(&bins, derivatives));
            let lanes = logits.chunks_mut(ROWS * classes).enumerate();
            pool::for_each(lanes, |(chunk, logits)| {
                for (index, logits) in logits.chunks_exact_mut(classes).enumerate() {
                    for (logit, Grown { tree, leaves, .. }) in logits.iter_mut().zip(&grown) {
                        *logit += tree.leaves[usize::from(leaves[chunk * ROWS + index])];
                    }
                }
            });
            let split = grown.iter().any(|grown| !grown.gains.is_empty());
            for Grown { tree, gains, .. } in grown {
                gains
                    .into_iter()
                    .for_each(|(input, gain)| fitted.importance[input] += gain);
                fitted.trees.push(tree);
            }
            if !split {
                break;
            }
        }
        fitted
    }

    /// Returns the most probable class.
    pub fn predict(&self, x: &[f32]) -> u16 {
        let bins: Vec<u8> = self
            .edges
            .iter()
            .zip(x)
            .map(|(edges, &value)| bin(edges, value))
            .collect();
        let mut logits = self.prior.clone();
        for trees in self.trees.chunks(logits.len().max(1)) {
            for (logit, tree) in logits.iter_mut().zip(trees) {
                *logit += tree.leaves[tree.leaf(&bins)];
            }
        }
        // The first of equal ones.
        (0..logits.len())
            .rev()
            .max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
            .unwrap_or(0) as u16
    }

    /// Returns the share of examples whose class is predicted.
    pub fn accuracy(&self, x: &[Vec<f32>], labels: &[u16]) -> f64 {
        let right = pool::map(x.chunks(ROWS).zip(labels.chunks(ROWS)), |(x, labels)| {
            x.iter()
                .zip(labels)
                .filter(|(x, label)| self.predict(x) == **label)
                .count()
        });
        right.iter().sum::<usize>() as f64 / x.len().max(1) as f64
    }
}

impl Tree {
    fn leaf(&self, bins: &[u8]) -> usize {
        (0..DEPTH).fold(0, |node, level| {
            self.child(level, node, |input| bins[input])
        })
    }

    /// Returns the child of a node, both counted within their levels.
    fn child(&self, level: usize, node: usize, bin: impl Fn(usize) -> u8) -> usize {
        let split = self.splits[(1 << level) - 1 + node];
        2 * node + split.map_or(0, |(input, last)| usize::from(bin(input) > last))
    }
}

/// Returns the negative gradient y - p and the second derivative p (1 - p) for each class, `[C][N]`.
fn by_class(logits: &[f64], labels: &[u16], classes: usize) -> Vec<Vec<Derivatives>> {
    let chunks = logits.chunks(ROWS * classes).zip(labels.chunks(ROWS));
    // [n][C] each
    let pass = pool::map(chunks, |(logits, labels)| {
        let mut part = Vec::with_capacity(logits.len());
        for (logits, &label) in logits.chunks_exact(classes).zip(labels) {
            let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
            part.extend(logits.iter().enumerate().map(|(class, logit)| {
                let p = (logit - largest).exp() / total;
                [
                    f64::from(u8::from(class == usize::from(label))) - p,
                    p * (1.0 - p),
                ]
            }));
        }
        part
    });
    pool::map(0..classes, |class| {
        pass.iter()
            .flat_map(|part| part.iter().skip(class).step_by(classes))
            .copied()
            .collect()
    })
}

struct Grown {
    tree: Tree,
    /// `[N]`: where each example ends.
    leaves: Vec<u8>,
    /// The input of each split, and what it gained.
    gains: Vec<(usize, f64)>,
}

/// Grows one tree for one class.
fn grow(bins: &[Vec<u8>], derivatives: &[Derivatives]) -> Grown {
    let mut tree = Tree {
        splits: [None; LEAVES - 1],
        leaves: [0.0; LEAVES],
    };
    let (mut nodes, mut gains) = (vec![0_u8; derivatives.len()], Vec::new());
    let mut histogram = Histogram::new();
    for level in 0..DEPTH {
        let mut best = vec![(LEAST_GAIN, None); 1 << level];
        // Most nodes of a small set cannot be split by any input, which is seen without looking at the inputs.
        let open = open_nodes(&nodes, derivatives);
        let inputs = if open.contains(&true) { bins } else { &[] };
        for (input, bins) in inputs.iter().enumerate() {
            histogram.clear();
            for ((&node, &bin), derivatives) in nodes.iter().zip(bins).zip(derivatives) {
                histogram.add(usize::from(node), bin, *derivatives);
            }
            for (node, best) in best.iter_mut().enumerate().filter(|(node, _)| open[*node]) {
                if let Some((gain, last)) = best_edge(histogram.node(node), best.0) {
                    *best = (gain, Some((input, last)));
                }
            }
        }
        for (node, (gain, split)) in best.into_iter().enumerate() {
            tree.splits[(1 << level) - 1 + node] = split;
            gains.extend(split.map(|(input, _)| (input, gain)));
        }
        for (index, node) in nodes.iter_mut().enumerate() {
            *node = tree.child(level, usize::from(*node), |input| bins[input][index]) as u8;
        }
    }
    let mut sums = [[0.0; 2]; LEAVES];
    for (&node, [gradient, curvature]) in nodes.iter().zip(derivatives) {
        sums[usize::from(node)][0] += gradient;
        sums[usize::from(node)][1] += curvature;
    }
    tree.leaves = sums.map(|[gradient, curvature]| RATE * gradient / (curvature + RIDGE));
    Grown {
        tree,
        leaves: nodes,
        gains,
    }
}

/// Returns for each node whether its examples have the curvature that two sides of a split need.
fn open_nodes(nodes: &[u8], derivatives: &[Derivatives]) -> [bool; NODES] {
    let mut curvatures = [0.0; NODES];
    for (&node, [_, curvature]) in nodes.iter().zip(derivatives) {
        curvatures[usize::from(node)] += curvature;
    }
    // The margin is for rounding: a split adds the same numbers in another order.
    curvatures.map(|curvature| curvature > 2.0 * LEAST_CURVATURE * (1.0 - 1e-6))
}

/// Returns the split of a node that gains most, if that is more than `least`: its gain, and the last bin that goes left.
fn best_edge(
    bins: impl Iterator<Item = (u8, Derivatives)> + Clone,
    least: f64,
) -> Option<(f64, u8)> {
    let score =
        |[gradient, curvature]: Derivatives| 0.5 * gradient * gradient / (curvature + RIDGE);
    let all = bins
        .clone()
        .fold([0.0; 2], |[g, h], (_, sum)| [g + sum[0], h + sum[1]]);
    let of_all = score(all);
    let (mut best, mut most, mut left) = (None, least, [0.0; 2]);
    for (last, sum) in bins {
        left = [left[0] + sum[0], left[1] + sum[1]];
        let right = [all[0] - left[0], all[1] - left[1]];
        if left[1] < LEAST_CURVATURE {
            continue;
        }
        // The bins to come only take more from the right.
        if right[1] < LEAST_CURVATURE {
            break;
        }
        let gain = score(left) + score(right) - of_all;
        if gain > most {
            (best, most) = (Some((gain, last)), gain);
        }
    }
    best
}

/// Returns where an input's bins end. The values in order are cut into equal parts; a bin ends in the middle of the widest
/// gap in each.
fn edges(mut values: Vec<f32>) -> Vec<f32> {
    values.sort_by(f32::total_cmp);
    let pass = BINS - 1;
    let mut edges = Vec::new();
    for part in 0..pass {
        let ranks = (part * values.len() / pass).max(1)..(part + 1) * values.len() / pass;
        let gap = |rank: usize| values[rank] - values[rank - 1];
        let widest = ranks.rev().max_by(|&a, &b| gap(a).total_cmp(&gap(b)));
        if let Some(rank) = widest.filter(|&rank| gap(rank) > 0.0) {
            edges.push(values[rank - 1] + 0.5 * gap(rank));
        }
    }
    edges
}

fn bin(edges: &[f32], value: f32) -> u8 {
    edges.partition_point(|&edge| edge < value) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn edges_fall_between_clumps_of_values() {
        let values: Vec<f32> = (0..2000)
            .map(|i| (i % 20) as f32 + 0.01 * Rng::new(1).normal(i as u64))
            .collect();
        let edges = edges(values);
        for boundary in 0..19 {
            let between =
                |edge: &&f32| (boundary as f32 + 0.1..boundary as f32 + 0.9).contains(*edge);
            assert_eq!(edges.iter().filter(between).count(), 1, "{boundary}");
        }
        assert!(edges.len() < BINS && edges.is_sorted());
        assert_eq!(super::edges(vec![2.5; 100]), Vec::<f32>::new());
        assert_eq!(super::edges(vec![1.0, 0.0, 1.0]), [0.5]);
    }

    /// The first split of a stump on counted examples, by equation 7 there.
    #[test]
    fn a_split_gains_what_the_definition_says() {
        let sums = [[4.0, 2.0], [1.0, 3.0], [-5.0, 2.5]];
        let gain = |l: [f64; 2], r: [f64; 2]| {
            let part = |[g, h]: [f64; 2]| g * g / (h + 1.0);
            0.5 * (part(l) + part(r) - part([l[0] + r[0], l[1] + r[1]]))
        };
        let expected = [gain([4.0, 2.0], [-4.0, 5.5]), gain([5.0, 5.0], [-5.0, 2.5])];
        let bins = || (0..).zip(sums);
        let (found, last) = best_edge(bins(), 0.0).unwrap();
        assert!((found - expected[0].max(expected[1])).abs() < 1e-12);
        assert_eq!(usize::from(last), usize::from(expected[1] > expected[0]));
        assert_eq!(best_edge(bins(), 100.0), None);
    }

    #[test]
    fn what_depends_on_two_inputs_together_is_learnt() {
        let noise = |i: usize, d: u64| Rng::new(2).at(d).normal(i as u64);
        let x: Vec<Vec<f32>> = (0..2000)
            .map(|i| (0..4).map(|d| noise(i, d)).collect())
            .collect();
        // Exclusive or: no single input tells anything of it.
        let labels: Vec<u16> = x
            .iter()
            .map(|row| u16::from((row[1] > 0.3) != (row[2] > -0.2)))
            .collect();
        let fitted = Boosted::fit(&x[..1500], &labels[..1500], 2);
        let accuracy = fitted.accuracy(&x[1500..], &labels[1500..]);
        assert!(accuracy > 0.97, "{accuracy}");
        let total: f64 = fitted.importance.iter().sum();
        assert!(
            fitted.importance[1] + fitted.importance[2] > 0.95 * total,
            "{:?}",
            fitted.importance
        );
    }

    #[test]
    fn examples_without_inputs_get_the_most_frequent_class() {
        let labels = [2, 1, 2, 0, 2, 1];
        for x in [vec![vec![]; 6], vec![vec![1.0, 1.0]; 6]] {
            let fitted = Boosted::fit(&x, &labels, 4);
            assert_eq!(fitted.accuracy(&x, &labels), 0.5);
            assert!(fitted.importance.iter().all(|&gain| gain == 0.0));
        }
    }
}
