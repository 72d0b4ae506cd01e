//! From gradients to new weights. Textbook rules with PyTorch's conventions, on every parameter at once.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};
use serde::{Deserialize, Serialize};

use crate::check::{above_zero, at_least_zero, within};
use crate::error::{Error, Result};
use crate::model::Vae;
use crate::ops::{self, AdamStep};
use crate::registry::registry;

/// One update of one parameter, laid out flat.
pub trait OptimizerKind {
    /// What is remembered of a parameter between two steps; each starts as zeros.
    fn slots(&self) -> &'static [&'static str];

    /// The new weights. `step` counts from 1; `rate` is the learning rate of this step.
    ///
    /// # Shapes
    /// `weight`, `gradient` and each slot: `[n]`.
    fn update(
        &self,
        weight: Tensor<1>,
        gradient: Tensor<1>,
        slots: &mut [Tensor<1>],
        step: u64,
        rate: f64,
    ) -> Tensor<1>;

    fn check(&self) -> Result<()>;
}

registry! {
    /// How weights follow from gradients.
    pub enum Optimizer: OptimizerKind {
        "adam" => Adam, "moments of the gradient (Kingma, Ba 2015)";
        "adamw" => AdamW, "Adam with decoupled weight decay (Loshchilov, Hutter 2019)";
        "rmsprop" => RmsProp, "the gradient over its running root mean square (Tieleman, Hinton 2012)";
        "sgd" => Sgd, "the gradient, with momentum if asked for";
    }
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Adam(Adam::default())
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adam {
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// Added to the gradient as `weight_decay * weight` (an L2 penalty).
    pub weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Self {
        // The paper's.
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
        }
    }
}

impl OptimizerKind for Adam {
    fn slots(&self) -> &'static [&'static str] {
        &["mean", "square"]
    }

    fn update(
        &self,
        weight: Tensor<1>,
        gradient: Tensor<1>,
        slots: &mut [Tensor<1>],
        step: u64,
        rate: f64,
    ) -> Tensor<1> {
        let gradient = decayed(gradient, &weight, self.weight_decay);
        adam(
            weight,
            gradient,
            slots,
            [self.beta1, self.beta2, self.epsilon],
            step,
            rate,
        )
    }

    fn check(&self) -> Result<()> {
        check_adam(
            "optimizer.adam",
            [self.beta1, self.beta2, self.epsilon],
            self.weight_decay,
        )
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdamW {
    pub beta1: f64,
    pub beta2: f64,
    pub epsilon: f64,
    /// The weights shrink by `rate * weight_decay` at each step.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        // PyTorch's.
        Self {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.01,
        }
    }
}

impl OptimizerKind for AdamW {
    fn slots(&self) -> &'static [&'static str] {
        &["mean", "square"]
    }

    fn update(
        &self,
        weight: Tensor<1>,
        gradient: Tensor<1>,
        slots: &mut [Tensor<1>],
        step: u64,
        rate: f64,
    ) -> Tensor<1> {
        let weight = weight * (1.0 - rate * self.weight_decay);
        adam(
            weight,
            gradient,
            slots,
            [self.beta1, self.beta2, self.epsilon],
            step,
            rate,
        )
    }

    fn check(&self) -> Result<()> {
        check_adam(
            "optimizer.adamw",
            [self.beta1, self.beta2, self.epsilon],
            self.weight_decay,
        )
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RmsProp {
    /// How much of the running mean square is kept at each step.
    pub alpha: f64,
    /// Added to the root.
    pub epsilon: f64,
    pub momentum: f64,
    /// Divide by the running standard deviation in place of the root mean square.
    pub centred: bool,
}

impl Default for RmsProp {
    fn default() -> Self {
        // PyTorch's.
        Self {
            alpha: 0.99,
            epsilon: 1e-8,
            momentum: 0.0,
            centred: false,
        }
    }
}

impl OptimizerKind for RmsProp {
    fn slots(&self) -> &'static [&'static str] {
        match (self.centred, self.momentum > 0.0) {
            (false, false) => &["square"],
            (true, false) => &["square", "mean"],
            (false, true) => &["square", "momentum"],
            (true, true) => &["square", "mean", "momentum"],
        }
    }

    fn update(
        &self,
        weight: Tensor<1>,
        gradient: Tensor<1>,
        slots: &mut [Tensor<1>],
        _step: u64,
        rate: f64,
    ) -> Tensor<1> {
        slots[0] = running(&slots[0], gradient.clone().square(), self.alpha);
        let variance = if self.centred {
            slots[1] = running(&slots[1], gradient.clone(), self.alpha);
            // Rounding can leave a variance of zero below zero.
            (slots[0].clone() - slots[1].clone().square()).clamp_min(0.0)
        } else {
            slots[0].clone()
        };
        let direction = gradient / (variance.sqrt() + self.epsilon);
        match slots.last_mut().filter(|_| self.momentum > 0.0) {
            Some(velocity) => {
                *velocity = velocity.clone() * self.momentum + direction;
                weight - velocity.clone() * rate
            }
            None => weight - direction * rate,
        }
    }

    fn check(&self) -> Result<()> {
        within("optimizer.rmsprop.alpha", self.alpha, 0.0, 1.0)?;
        above_zero("optimizer.rmsprop.epsilon", self.epsilon)?;
        within("optimizer.rmsprop.momentum", self.momentum, 0.0, 1.0)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sgd {
    pub momentum: f64,
    /// Look ahead along the momentum (Nesterov 1983).
    pub nesterov: bool,
    /// Added to the gradient as `weight_decay * weight` (an L2 penalty).
    pub weight_decay: f64,
}

impl OptimizerKind for Sgd {
    fn slots(&self) -> &'static [&'static str] {
        if self.momentum > 0.0 {
            &["momentum"]
        } else {
            &[]
        }
    }

    fn update(
        &self,
        weight: Tensor<1>,
        gradient: Tensor<1>,
        slots: &mut [Tensor<1>],
        _step: u64,
        rate: f64,
    ) -> Tensor<1> {
        let gradient = decayed(gradient, &weight, self.weight_decay);
        let Some(velocity) = slots.first_mut() else {
            return weight - gradient * rate;
        };
        *velocity = velocity.clone() * self.momentum + gradient.clone();
        let direction = if self.nesterov {
            gradient + velocity.clone() * self.momentum
        } else {
            velocity.clone()
        };
        weight - direction * rate
    }

    fn check(&self) -> Result<()> {
        within("optimizer.sgd.momentum", self.momentum, 0.0, 1.0)?;
        if self.nesterov && self.momentum == 0.0 {
            return Err(Error::request(
                "optimizer.sgd.nesterov is true and momentum is 0; expected a momentum to look along",
            )
            .with_hint("for instance `--set optimizer.sgd.momentum=0.9`"));
        }
        at_least_zero("optimizer.sgd.weight_decay", self.weight_decay)
    }
}

/// Adam's step with the bias correction of Kingma and Ba 2015, algorithm 1.
fn adam(
    weight: Tensor<1>,
    gradient: Tensor<1>,
    slots: &mut [Tensor<1>],
    [beta1, beta2, epsilon]: [f64; 3],
    step: u64,
    rate: f64,
) -> Tensor<1> {
    let [mean, square] = slots else {
        unreachable!("Adam has two slots")
    };
    ops::adam(
        weight,
        gradient,
        mean,
        square,
        AdamStep::new([beta1, beta2, epsilon], step, rate),
    )
}

fn check_adam(table: &str, [beta1, beta2, epsilon]: [f64; 3], weight_decay: f64) -> Result<()> {
    // At exactly 1 the bias correction divides by zero.
    within(&format!("{table}.beta1"), beta1, 0.0, 0.999_999_999)?;
    within(&format!("{table}.beta2"), beta2, 0.0, 0.999_999_999)?;
    above_zero(&format!("{table}.epsilon"), epsilon)?;
    at_least_zero(&format!("{table}.weight_decay"), weight_decay)
}

/// keep * old + (1 - keep) * new.
fn running(old: &Tensor<1>, new: Tensor<1>, keep: f64) -> Tensor<1> {
    old.clone() * keep + new * (1.0 - keep)
}

fn decayed(gradient: Tensor<1>, weight: &Tensor<1>, decay: f64) -> Tensor<1> {
    if decay > 0.0 {
        gradient + weight.clone() * decay
    } else {
        gradient
    }
}

/// An optimiser at work on a model: the rule, and what it remembers of each parameter in visiting order.
#[derive(Clone, Debug)]
pub struct OptimizerState {
    rule: Optimizer,
    /// The largest global norm of the gradient that is let through (Pascanu et al. 2013).
    clip: Option<f64>,
    slots: Vec<Vec<Tensor<1>>>,
}

impl OptimizerState {
    pub fn new(rule: Optimizer, clip: Option<f64>, vae: &Vae) -> Self {
        struct Zeros<'a> {
            count: usize,
            slots: &'a mut Vec<Vec<Tensor<1>>>,
        }
        impl ModuleVisitor for Zeros<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let tensor = param.val();
                let zeros =
                    Tensor::zeros([tensor.shape().num_elements()], &tensor.device().inner());
                self.slots.push(vec![zeros; self.count]);
            }
        }
        let mut slots = Vec::new();
        vae.visit(&mut Zeros {
            count: rule.slots().len(),
            slots: &mut slots,
        });
        Self { rule, clip, slots }
    }

    /// The model after one step. `step` counts from 1.
    pub fn update(&mut self, vae: Vae, gradients: &mut Gradients, step: u64, rate: f64) -> Vae {
        let gradients = collect(&vae, gradients);
        self.apply(vae, gradients, step, rate)
    }

    /// [`OptimizerState::update`] with gradients as [`collect`] gives them.
    pub fn apply(&mut self, vae: Vae, mut gradients: Vec<Tensor<1>>, step: u64, rate: f64) -> Vae {
        if let Some(clip) = self.clip {
            let scale = ((global_norm(&gradients) + 1e-6).recip() * clip).clamp_max(1.0);
            gradients = gradients
                .into_iter()
                .map(|gradient| gradient * scale.clone())
                .collect();
        }
        vae.map(&mut Apply {
            updater: self,
            gradients: gradients.into_iter(),
            parameter: 0,
            step,
            rate,
        })
    }

    /// What is remembered: `[parameter][slot]`, flat.
    pub fn slots(&self) -> &[Vec<Tensor<1>>] {
        &self.slots
    }

    pub fn slot_names(&self) -> &'static [&'static str] {
        self.rule.slots()
    }

    /// Takes back what [`OptimizerState::slots`] gave.
    pub fn restore(&mut self, slots: Vec<Vec<Tensor<1>>>) {
        self.slots = slots;
    }
}

/// The gradient of every parameter, flat, in visiting order.
///
/// # Shapes
/// Each: `[n]`.
pub fn collect(vae: &Vae, gradients: &mut Gradients) -> Vec<Tensor<1>> {
    struct Collect<'a> {
        gradients: &'a mut Gradients,
        flat: Vec<Tensor<1>>,
    }
    impl ModuleVisitor for Collect<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let weight = param.val();
            let count = weight.shape().num_elements();
            // A parameter that the loss does not depend on has a gradient of zero.
            let flat = match weight.grad_remove(self.gradients) {
                Some(gradient) => gradient.reshape([count]),
                None => Tensor::zeros([count], &weight.device().inner()),
            };
            self.flat.push(flat);
        }
    }
    let mut collect = Collect {
        gradients,
        flat: Vec::new(),
    };
    vae.visit(&mut collect);
    collect.flat
}

/// The Euclidean norm over all parameters together.
///
/// # Shapes
/// Each gradient: `[n]`; result: `[1]`.
pub fn global_norm(gradients: &[Tensor<1>]) -> Tensor<1> {
    let squares = gradients
        .iter()
        .map(|gradient| ops::sum_of_squares(gradient.clone()))
        .collect::<Vec<_>>();
    Tensor::cat(squares, 0).sum().sqrt()
}

/// The squared Euclidean norm over the weight and the bias of each of `layers` layers, `L`, in the network's order.
///
/// # Shapes
/// Each gradient: `[n]`, as [`collect`] gives them; result: `[L]`.
pub fn squared_norms(gradients: &[Tensor<1>], layers: usize) -> Tensor<1> {
    let square = |gradient: &Tensor<1>| ops::sum_of_squares(gradient.clone());
    // A likelihood's log sigma and a prior's pseudo-inputs come last: they are no layers.
    let layers = gradients
        .as_chunks::<2>()
        .0
        .iter()
        .take(layers)
        .map(|[weight, bias]| square(weight) + square(bias));
    Tensor::cat(layers.collect(), 0)
}

struct Apply<'a> {
    updater: &'a mut OptimizerState,
    gradients: std::vec::IntoIter<Tensor<1>>,
    parameter: usize,
    step: u64,
    rate: f64,
}

impl ModuleMapper for Apply<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.next() else {
            unreachable!("`collect` visited the same parameters")
        };
        let slots = &mut self.updater.slots[self.parameter];
        self.parameter += 1;
        param.map(|weight| {
            let shape = weight.shape();
            let weight = weight.inner();
            let flat = weight.reshape([shape.num_elements()]);
            let new = self
                .updater
                .rule
                .update(flat, gradient, slots, self.step, self.rate);
            Tensor::from_inner(new.reshape(shape)).require_grad()
        })
    }
}
