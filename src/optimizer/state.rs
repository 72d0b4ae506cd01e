//! The state of an optimizer: the rule and its slots for every parameter.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Gradients, Tensor};

use super::{Optimizer, collect, global_norm};
use crate::model::Vae;

/// An update rule with its slots for each parameter of a model, in the order in which burn visits the parameters.
#[derive(Clone, Debug)]
pub struct OptimizerState {
    rule: Optimizer,
    /// The global norm to which larger gradients are scaled down (Pascanu et al. 2013).
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
            count: rule.kind().slots().len(),
            slots: &mut slots,
        });
        Self { rule, clip, slots }
    }

    /// Returns the model after one step. `step` counts from 1.
    pub fn update(
        &mut self,
        vae: Vae,
        gradients: &mut Gradients,
        step: u64,
        learning_rate: f64,
    ) -> Vae {
        let gradients = collect(&vae, gradients);
        self.apply(vae, gradients, step, learning_rate)
    }

    /// Does the same as [`OptimizerState::update`], with gradients that [`collect`] returned.
    pub fn apply(
        &mut self,
        vae: Vae,
        mut gradients: Vec<Tensor<1>>,
        step: u64,
        learning_rate: f64,
    ) -> Vae {
        if let Some(clip) = self.clip {
            let scale = ((global_norm(&gradients) + 1e-6).recip() * clip).clamp_max(1.0);
            gradients = gradients
                .into_iter()
                .map(|gradient| gradient * scale.clone())
                .collect();
        }
        vae.map(&mut Apply {
            optimizer: self,
            gradients: gradients.into_iter(),
            parameter: 0,
            step,
            learning_rate,
        })
    }

    /// Returns the slots, `[parameter][slot]`, each a flat tensor.
    pub fn slots(&self) -> &[Vec<Tensor<1>>] {
        &self.slots
    }

    pub fn slot_names(&self) -> &'static [&'static str] {
        self.rule.kind().slots()
    }

    /// Replaces the slots by those that [`OptimizerState::slots`] returned earlier.
    pub fn restore(&mut self, slots: Vec<Vec<Tensor<1>>>) {
        self.slots = slots;
    }
}

struct Apply<'a> {
    optimizer: &'a mut OptimizerState,
    gradients: std::vec::IntoIter<Tensor<1>>,
    parameter: usize,
    step: u64,
    learning_rate: f64,
}

impl ModuleMapper for Apply<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let gradient = self.gradients.next();
        let slots = self.optimizer.slots.get_mut(self.parameter);
        let Some((gradient, slots)) = gradient.zip(slots) else {
            return param;
        };
        self.parameter += 1;
        param.map(|weight| {
            let shape = weight.shape();
            let weight = weight.inner();
            let flat = weight.reshape([shape.num_elements()]);
            let new = self.optimizer.rule.kind().update(
                flat,
                gradient,
                slots,
                self.step,
                self.learning_rate,
            );
            Tensor::from_inner(new.reshape(shape)).require_grad()
        })
    }
}
