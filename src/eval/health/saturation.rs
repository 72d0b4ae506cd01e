//! Hidden units that no longer respond: a ReLU that gives 0 for every image, a tanh that is at an end for nearly all of
//! them. No gradient flows through either. In a convolution a unit is a channel, at all places.

use burn::tensor::{Tensor, TensorData};

use crate::data::Part;
use crate::error::Result;
use crate::model::{Activation, Features, LayerShape, LayerSpec, Vae};
use crate::ops::MapLayout;

use super::super::protocol::{CHUNK, Protocol};
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

/// The counts of one hidden layer.
struct Tally<'a> {
    /// `encoder` or `decoder`, and the layer's index there.
    place: (&'static str, usize),
    layer: &'a dyn LayerShape,
    /// How many values of every feature counted: of a ReLU those above 0, of a tanh those at an end.
    counts: Vec<u64>,
}

/// Counts the saturated units of every hidden layer with a ReLU or a tanh, over images and their
/// latents, which `aggregate` read of the same images.
///
/// # Errors
/// An image cannot be read.
pub fn saturated_units(
    vae: &Vae,
    part: &Part,
    aggregate: &AggregatePosterior,
    protocol: Protocol,
) -> Result<Vec<LayerUnits>> {
    let network = vae.network();
    let encoder = Tally::each("encoder", &network.encoder);
    let decoder = Tally::each("decoder", &network.decoder);
    let mut tallies: Vec<Tally> = encoder.chain(decoder).collect();
    let mut observe = |part: &'static str, i: usize, h: &Tensor<2>| {
        let tally = tallies.iter_mut().find(|tally| tally.place == (part, i));
        tally.into_iter().for_each(|tally| tally.add(h));
    };
    let width = aggregate.width();
    let latents: Vec<f32> = aggregate
        .rows()
        .flatten()
        .map(|value| *value as f32)
        .collect();
    let loader = protocol.loader(vae);
    let batches = loader.batches(part.split, &part.ids, CHUNK);
    for (batch, latents) in batches.zip(latents.chunks(CHUNK * width)) {
        let (ids, batch) = batch?;
        vae.encode_observed(batch.input(), batch.labels.clone(), &mut observe);
        let z = Tensor::from_data(
            TensorData::new(latents.to_vec(), [ids.len(), width]),
            &vae.device(),
        );
        vae.decode_observed(z, batch.labels, &mut observe);
    }
    let images = part.len() as u64;
    Ok(tallies
        .into_iter()
        .filter_map(|tally| tally.units(images))
        .collect())
}

impl<'a> Tally<'a> {
    /// Returns nothing counted yet of each layer of a part.
    fn each(part: &'static str, layers: &'a [LayerSpec]) -> impl Iterator<Item = Self> {
        layers.iter().enumerate().map(move |(i, layer)| Self {
            place: (part, i),
            layer: layer.kind(),
            counts: vec![0; layer.kind().output().count()],
        })
    }

    /// Adds the outputs of some images, `[B, F]`.
    fn add(&mut self, h: &Tensor<2>) {
        let counted = match self.layer.activation() {
            Activation::Relu => h.clone().greater_elem(0.0),
            Activation::Tanh => h.clone().abs().greater_elem(END),
            _ => return,
        };
        let sums: Vec<f32> = counted.float().sum_dim(0).into_data().iter().collect();
        for (count, sum) in self.counts.iter_mut().zip(sums) {
            *count += sum as u64;
        }
    }

    /// Returns how many units are saturated, or `None` for a layer without an activation.
    fn units(self, images: u64) -> Option<LayerUnits> {
        let (units, places) = match self.layer.output() {
            Features::Flat(units) => (units, 1),
            Features::Map([channels, height, width]) => (channels, height * width),
        };
        let mut by_unit = vec![0; units];
        for (place, count) in self.counts.iter().enumerate() {
            let unit = match self.layer.output_layout() {
                MapLayout::ChannelsFirst => place / places,
                MapLayout::ChannelsLast => place % units,
            };
            by_unit[unit] += count;
        }
        let activation = self.layer.activation();
        let most = MORE_THAN * (places as u64 * images) as f64;
        let is_saturated = |count: &u64| match activation {
            Activation::Relu => *count == 0,
            _ => *count as f64 > most,
        };
        let (part, i) = self.place;
        matches!(activation, Activation::Relu | Activation::Tanh).then(|| LayerUnits {
            layer: format!("{part}.{i}"),
            activation,
            units,
            saturated: by_unit.iter().filter(|count| is_saturated(count)).count(),
        })
    }
}
