//! The scores of the images, with those that need no model.

use super::labelled::LabelledImages;
use crate::cli::data_arg::DataArg;
use crate::cli::loaded_model::LoadedModel;
use crate::cli::scorer::scorer;
use crate::data::Split;
use crate::error::Result;
use crate::eval::Protocol;
use crate::eval::anomaly::{
    AnomalyScore, Localisation, MarkedPixels, PcaError, ScoredImage, Scorer, png_sizes,
};
use crate::loader::Loader;
use crate::ui;

/// PCA of more components takes minutes.
const MOST_COMPONENTS: usize = 256;

/// All scores of images, ready to be measured: those of the model, then that of principal components and the size of the PNG.
pub struct Measuring<'a> {
    model: &'a LoadedModel,
    scorer: Scorer<'a>,
    loader: Loader,
    pca: PcaError,
    /// The number of principal components.
    pub components: usize,
}

/// The scores of images.
#[derive(Debug, Default)]
pub struct AllScores {
    /// `[scores][images]`.
    pub columns: Vec<Vec<f64>>,
    /// How well the maps mark the masks, if there are masks.
    pub localisation: Option<Localisation>,
}

impl<'a> Measuring<'a> {
    /// Prepares scores of a model. One of them is `map`. Maps are compared with those of training images, and the principal
    /// components are fitted to training images.
    ///
    /// # Errors
    /// Returns an error if an image cannot be read, or if the model has no such score.
    pub fn new(
        model: &'a LoadedModel,
        protocol: Protocol,
        scores: Vec<AnomalyScore>,
        data: &DataArg,
    ) -> Result<Self> {
        let loader = protocol.clean_loader(&model.vae);
        let scorer = scorer(model, data, protocol, scores)?;
        let train = &model.data(data)?.0.train;
        let components = model.vae.network().latent.min(MOST_COMPONENTS);
        let pca = ui::working("fitting principal components", || {
            PcaError::fit(protocol.clean_loader(&model.vae), train, components)
        })?;
        Ok(Self {
            model,
            scorer,
            loader,
            pca,
            components: components.min(train.values()),
        })
    }

    /// Returns the scores of the images `ids` of a split, `[scores][images]`. `seen` is given each image.
    ///
    /// # Errors
    /// Returns an error if an image cannot be read, or if a score is NaN.
    pub fn columns(
        &self,
        split: &Split,
        ids: &[u32],
        seen: &mut dyn FnMut(&ScoredImage),
    ) -> Result<Vec<Vec<f64>>> {
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(ids.len());
        self.scorer.each(split, ids, &mut |image| {
            seen(&image);
            rows.push(image.scores);
            Ok(())
        })?;
        if rows.iter().flatten().any(|score| score.is_nan()) {
            return Err(self.model.broken("scores are NaN"));
        }
        let count = rows.first().map_or(0, Vec::len);
        let column = |i: usize| rows.iter().map(|row| row[i]).collect();
        let mut columns: Vec<Vec<f64>> = (0..count).map(column).collect();
        columns.push(self.pca.scores(split, ids)?);
        columns.push(png_sizes(&self.loader, split, ids)?);
        Ok(columns)
    }

    /// Returns the scores of all images, in their order, and measures the maps where there are masks.
    ///
    /// # Errors
    /// Returns an error in the same cases as [`Measuring::columns`].
    pub fn all(&self, labelled: &LabelledImages) -> Result<AllScores> {
        let has_masks = labelled.images().any(|image| image.mask.is_some());
        let [_, height, width] = self.model.card.image_shape;
        let plain = vec![false; height * width];
        let bar = ui::image_bar("scoring", labelled.count());
        let (mut pixels, mut columns) = (MarkedPixels::default(), Vec::new());
        for part in &labelled.parts {
            let mut images = part.images.iter();
            let found = self.columns(&part.split, &part.ids(), &mut |scored| {
                bar.inc(1);
                let Some(image) = images.next().filter(|_| has_masks) else {
                    return;
                };
                // An abnormal image without a mask says nothing about its pixels.
                let mask = match image.kind {
                    None => Some(&plain),
                    Some(_) => image.mask.as_ref(),
                };
                if let (Some(map), Some(mask)) = (&scored.map, mask) {
                    pixels.add(map, mask, width);
                }
            })?;
            columns.resize(found.len(), Vec::new());
            let pairs = columns.iter_mut().zip(found);
            pairs.for_each(|(column, found)| column.extend(found));
        }
        bar.finish_and_clear();
        Ok(AllScores {
            columns,
            localisation: pixels.measure(),
        })
    }

    /// Returns the map of an image.
    ///
    /// # Errors
    /// Returns an error if the image cannot be read.
    pub fn map(&self, split: &Split, id: u32) -> Result<Vec<f32>> {
        let mut map = None;
        self.scorer.each(split, &[id], &mut |image| {
            map = image.map;
            Ok(())
        })?;
        Ok(map.unwrap_or_default())
    }
}
