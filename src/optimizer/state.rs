//! The state of an optimizer: the rule, and its slots and the average for every parameter.

use burn::module::Module;
use burn::tensor::{Bool, Gradients, Tensor};

use super::average::averaging_rate;
use super::divided::{own_pieces, own_slots, replaced, total, whole_slots};
use super::replace::{Replace, TakenWeights};
use super::skip::is_skipped;
use super::{Optimizer, StepGradients, UpdatedParameter, collect, global_norm};
use crate::model::{Vae, flat_parameters};
use crate::ops::{move_towards, on_host};
use crate::parallel::Pieces;

/// The name of the slot that holds the average of a parameter.
const AVERAGE: &str = "average";

/// The number of a step, from 1, and its learning rate.
#[derive(Clone, Copy, Debug)]
struct UpdateTime {
    step: u64,
    learning_rate: f64,
}

/// An update rule with its slots for each parameter of a model, in the order in which burn visits the parameters.
#[derive(Clone, Debug)]
pub struct OptimizerState {
    rule: Optimizer,
    /// The global norm to which larger gradients are scaled down (Pascanu et al. 2013).
    clip: Option<f64>,
    /// The global norm above which a step is skipped.
    skip_above: Option<f64>,
    /// The decay of the weights' average, which is the last slot of each parameter.
    decay: Option<f64>,
    /// `[parameter][slot]`, each flat; of this process's pieces alone, if the parameters are divided.
    pub(super) slots: Vec<Vec<Tensor<1>>>,
    /// The division of the parameters among several processes; `None`: this one updates all of them.
    pub(super) pieces: Option<Pieces>,
}

impl OptimizerState {
    pub fn new(rule: Optimizer, clip: Option<f64>, module: &impl Module) -> Self {
        let count = rule.kind().slots().len();
        let slots = flat_weights(module).into_iter();
        Self {
            slots: slots
                .map(|weight| vec![Tensor::zeros(weight.shape(), &weight.device()); count])
                .collect(),
            rule,
            clip,
            skip_above: None,
            decay: None,
            pieces: None,
        }
    }

    /// Returns the same state, which skips steps whose gradients have a global norm above `limit`, or one that is not
    /// finite: such a step changes neither the weights nor a slot.
    #[must_use]
    pub fn skipping(self, limit: Option<f64>) -> Self {
        Self {
            skip_above: limit,
            ..self
        }
    }

    /// Returns the same state with an average of the weights of `vae`, which begins as a copy of them.
    #[must_use]
    pub fn averaging(mut self, decay: Option<f64>, vae: &Vae) -> Self {
        self.decay = decay;
        if decay.is_some() {
            let weights = flat_weights(vae).into_iter();
            self.slots
                .iter_mut()
                .zip(weights)
                .for_each(|(slots, weight)| slots.push(weight));
        }
        self
    }

    /// Returns the same state, divided among the processes, if there are several.
    #[must_use]
    pub fn divided(mut self, module: &impl Module) -> Self {
        let parameters = flat_parameters(module).into_iter();
        let sizes = parameters.map(|weight| weight.shape().num_elements());
        self.pieces = Pieces::of(sizes.collect());
        if let Some(pieces) = &self.pieces {
            self.slots = own_slots(pieces, self.slots);
        }
        self
    }

    /// Returns the gradients of all processes together. `own` are those of this process's part of the batch, in the order
    /// of [`collect`].
    ///
    /// # Shapes
    /// Each: `[n]`.
    pub fn total(&self, own: Vec<Tensor<1>>) -> StepGradients {
        total(self.pieces.as_ref(), own)
    }

    /// Returns the model after one step. `step` counts from 1.
    pub fn update<M: Module>(
        &mut self,
        module: M,
        gradients: &mut Gradients,
        step: u64,
        learning_rate: f64,
    ) -> M {
        let gradients = self.total(collect(&module, gradients));
        self.apply(module, gradients, step, learning_rate).0
    }

    /// Does the same as [`OptimizerState::update`], with gradients that [`OptimizerState::total`] returned. It also returns
    /// their global norm, `[1]`, if steps can be skipped: [`is_skipped`] says whether this one was.
    ///
    /// A GPU is not waited for: it computes the step and chooses between the old numbers and the new ones.
    pub fn apply<M: Module>(
        &mut self,
        module: M,
        mut gradients: StepGradients,
        step: u64,
        learning_rate: f64,
    ) -> (M, Option<Tensor<1>>) {
        let is_limited = self.clip.is_some() || self.skip_above.is_some();
        let norm = is_limited.then(|| global_norm(gradients.squares()));
        let mut is_taken = None;
        if let (Some(limit), Some(norm)) = (self.skip_above, &norm) {
            if !on_host(&norm.device()) {
                is_taken = Some(norm.clone().lower_equal_elem(limit));
            } else if is_skipped(norm.clone().into_scalar(), limit) {
                return (module, Some(norm.clone()));
            }
        }
        if let (Some(clip), Some(norm)) = (self.clip, &norm) {
            let scale = ((norm.clone() + 1e-6).recip() * clip).clamp_max(1.0);
            gradients.tensors = gradients
                .tensors
                .into_iter()
                .map(|gradient| gradient * scale.clone())
                .collect();
        }
        let module = self.apply_if(is_taken, module, gradients, step, learning_rate);
        (module, self.skip_above.and(norm))
    }

    /// Takes the step where `is_taken`, `[1]`, is true or missing.
    fn apply_if<M: Module>(
        &mut self,
        is_taken: Option<Tensor<1, Bool>>,
        module: M,
        StepGradients { tensors, pieces }: StepGradients,
        step: u64,
        learning_rate: f64,
    ) -> M {
        let time = UpdateTime {
            step,
            learning_rate,
        };
        if let Some(pieces) = &pieces {
            let weights = own_pieces(pieces, flat_weights(&module));
            return replaced(
                module,
                pieces,
                self.new_weights(is_taken, weights, tensors, time),
            );
        }
        let is_on_host = tensors
            .first()
            .is_some_and(|first| on_host(&first.device()));
        if !is_on_host {
            // A GPU changes no tensor in place, and would have to be asked for the tensors that hold the places.
            let weights = flat_weights(&module);
            let new = self.new_weights(is_taken, weights, tensors, time);
            return module.map(&mut Replace(new.into_iter()));
        }
        let (module, taken) = TakenWeights::of(module);
        let new = self.new_weights(is_taken, taken.weights, tensors, time);
        taken.shapes.put_into(module, new)
    }

    /// Returns the new weights of some parameters, from the one with the number `first` on, and replaces their slots.
    ///
    /// # Shapes
    /// `weights`, `gradients` and the result: each `[n]`.
    fn update_some(
        &mut self,
        first: usize,
        weights: Vec<Tensor<1>>,
        gradients: Vec<Tensor<1>>,
        time: UpdateTime,
    ) -> Vec<Tensor<1>> {
        let slots = &mut self.slots[first..][..weights.len()];
        assert_eq!(weights.len(), gradients.len());
        let rule = self.rule.kind();
        let own = rule.slots().len();
        let all = weights.into_iter().zip(gradients).zip(slots.iter_mut());
        let parameters = all.map(|((weight, gradient), slots)| UpdatedParameter {
            weight,
            gradient,
            slots: &mut slots[..own],
        });
        let UpdateTime {
            step,
            learning_rate,
        } = time;
        let new = rule.update(parameters.collect(), step, learning_rate);
        if let Some(decay) = self.decay {
            let averages = slots.iter_mut().filter_map(|slots| slots.last_mut());
            for (average, new) in averages.zip(&new) {
                move_towards(average, new, averaging_rate(decay, step));
            }
        }
        new
    }

    /// Returns the new weights of all parameters, or of this process's pieces of them, where `is_taken` is true or missing, and
    /// the old ones elsewhere.
    ///
    /// # Shapes
    /// `weights`, `gradients` and the result: each `[n]`.
    fn new_weights(
        &mut self,
        is_taken: Option<Tensor<1, Bool>>,
        weights: Vec<Tensor<1>>,
        gradients: Vec<Tensor<1>>,
        time: UpdateTime,
    ) -> Vec<Tensor<1>> {
        let is_empty = |tensor: &Tensor<1>| tensor.shape().num_elements() == 0;
        // A process may have no piece of a parameter.
        if is_taken.is_none() && !weights.iter().any(is_empty) {
            return self.update_some(0, weights, gradients, time);
        }
        // One after the other, so that old and new numbers of one parameter alone take memory at a time.
        let all = weights.into_iter().zip(gradients).enumerate();
        let update = |(index, (weight, gradient)): (usize, (Tensor<1>, Tensor<1>))| {
            if is_empty(&weight) {
                return weight;
            }
            let old = (weight.clone(), self.slots[index].clone());
            let mut new = self.update_some(index, vec![weight], vec![gradient], time);
            let new = new.swap_remove(0);
            let Some(is_taken) = &is_taken else {
                return new;
            };
            let choose = |old: Tensor<1>, new: Tensor<1>| {
                let is_taken = is_taken.clone().expand(old.shape());
                old.mask_where(is_taken, new)
            };
            for (slot, old) in self.slots[index].iter_mut().zip(old.1) {
                *slot = choose(old, slot.clone());
            }
            choose(old.0, new)
        };
        all.map(update).collect()
    }

    /// Returns `vae`, whose weights this state has updated, with their averages in their place; `None` if there are none.
    pub fn averaged(&self, vae: &Vae) -> Option<Vae> {
        self.decay?;
        let slots = self.whole_slots().into_iter();
        let averages = slots.filter_map(|mut slots| slots.pop());
        Some(vae.clone().map(&mut Replace(averages)))
    }

    /// Returns the slots, `[parameter][slot]`, each a flat tensor: those of this process's pieces, if several processes
    /// divide the parameters.
    pub fn slots(&self) -> &[Vec<Tensor<1>>] {
        &self.slots
    }

    /// Returns the slots of whole parameters, `[parameter][slot]`, each a flat tensor. If several processes divide the
    /// parameters, all of them have to call it.
    pub fn whole_slots(&self) -> Vec<Vec<Tensor<1>>> {
        match &self.pieces {
            None => self.slots.clone(),
            Some(pieces) => whole_slots(pieces, &self.slots),
        }
    }

    pub fn slot_names(&self) -> Vec<&'static str> {
        let average = self.decay.map(|_| AVERAGE);
        self.rule
            .kind()
            .slots()
            .iter()
            .copied()
            .chain(average)
            .collect()
    }

    /// Replaces the slots by those that [`OptimizerState::whole_slots`] returned earlier.
    pub fn restore(&mut self, slots: Vec<Vec<Tensor<1>>>) {
        self.slots = match &self.pieces {
            None => slots,
            Some(pieces) => own_slots(pieces, slots),
        };
    }
}

/// Returns the parameters, each flat and without autodiff.
fn flat_weights(module: &impl Module) -> Vec<Tensor<1>> {
    let weights = flat_parameters(module).into_iter();
    weights.map(Tensor::without_autodiff).collect()
}

#[cfg(test)]
mod tests;
