//! Hidden units that no longer respond: a ReLU that gives 0 for every image, or a tanh near -1 or 1 for nearly all of them.
//! No gradient flows through either. In a convolution a unit is a channel, at all places.

use burn::tensor::{Tensor, TensorData};

use crate::data::Split;
use crate::error::Result;
use crate::model::{Activation, Features, LayerSpec, Vae};
use crate::ops::MapLayout;

use super::super::protocol::{CHUNK, Protocol, first};
use super::aggregate::AggregatePosterior;

/// The absolute value of a tanh above which it counts as saturated: its slope there is below 0.02.
const END: f32 = 0.99;

/// The share of saturated values of a tanh above which the unit is saturated.
pub const MORE_THAN: f64 = 0.99;

/// The units of a hidden layer.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerUnits {
    pub layer: String,
    pub activation: Activation,
    pub units: usize,
    pub saturated: usize,
}

/// The hidden layers, each with the number of values of every feature that were counted.
struct Tally<'a> {
    layers: Vec<(String, &'a LayerSpec, Vec<u64>)>,
    next: usize,
}

/// Counts the saturated units of every hidden layer with a ReLU or a tanh, over the images of `aggregate` and their
/// latents.
///
/// # Errors
/// An image cannot be read.
pub fn saturated_units(
    vae: &Vae,
    split: &Split,
    aggregate: &AggregatePosterior,
    protocol: Protocol,
) -> Result<Vec<LayerUnits>> {
    let network = vae.network();
    let heads = ["mean", "log_var", "condition"];
    let is_hidden = |name: &str| !heads.contains(&name) && !name.starts_with("prior.");
    let hidden = network.layers().filter(|(name, _)| is_hidden(name));
    let mut tally = Tally {
        layers: hidden
            .map(|(name, layer)| (name, layer, vec![0; layer.output.count()]))
            .collect(),
        next: 0,
    };
    let width = aggregate.width();
    let latents: Vec<f32> = aggregate
        .rows()
        .flatten()
        .map(|value| *value as f32)
        .collect();
    let (loader, all) = (protocol.loader(vae), first(aggregate.count()));
    let batches = loader.batches(split, &all, CHUNK);
    for (batch, latents) in batches.zip(latents.chunks(CHUNK * width)) {
        let (ids, batch) = batch?;
        vae.encode_seen(batch.input(), batch.labels.clone(), &mut |h| tally.add(h));
        let z = Tensor::from_data(
            TensorData::new(latents.to_vec(), [ids.len(), width]),
            &vae.device(),
        );
        vae.decode_seen(z, batch.labels, &mut |h| tally.add(h));
        tally.next = 0;
    }
    let images = all.len() as u64;
    Ok(tally
        .layers
        .into_iter()
        .filter_map(|(name, layer, counts)| units(name, layer, &counts, images))
        .collect())
}

impl Tally<'_> {
    /// Counts the output of the next layer, `[B, F]`.
    fn add(&mut self, h: &Tensor<2>) {
        let Some((_, layer, counts)) = self.layers.get_mut(self.next) else {
            return;
        };
        self.next += 1;
        let counted = match layer.activation {
            Activation::Relu => h.clone().greater_elem(0.0),
            Activation::Tanh => h.clone().abs().greater_elem(END),
            Activation::None => return,
        };
        let sums: Vec<f32> = counted.float().sum_dim(0).into_data().iter().collect();
        counts
            .iter_mut()
            .zip(sums)
            .for_each(|(count, sum)| *count += sum as u64);
    }
}

/// Returns `None` for a layer without an activation. `counts`: the values above 0 of a ReLU, the saturated ones of a tanh.
fn units(layer: String, spec: &LayerSpec, counts: &[u64], images: u64) -> Option<LayerUnits> {
    let (units, places) = match spec.output {
        Features::Flat(units) => (units, 1),
        Features::Map([channels, height, width]) => (channels, height * width),
    };
    let mut of_unit = vec![0; units];
    for (place, count) in counts.iter().enumerate() {
        let unit = match spec.layouts[1] {
            MapLayout::ChannelsFirst => place / places,
            MapLayout::ChannelsLast => place % units,
        };
        of_unit[unit] += count;
    }
    let most = MORE_THAN * (places as u64 * images) as f64;
    let is_saturated = |count: &u64| match spec.activation {
        Activation::Relu => *count == 0,
        Activation::Tanh | Activation::None => *count as f64 > most,
    };
    (spec.activation != Activation::None).then(|| LayerUnits {
        layer,
        activation: spec.activation,
        units,
        saturated: of_unit.iter().filter(|count| is_saturated(count)).count(),
    })
}
