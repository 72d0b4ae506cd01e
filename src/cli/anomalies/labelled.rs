//! Images that are known to be normal or abnormal: the test images of a run's data, or folders that a person names.

use std::collections::{HashMap, HashSet};
use std::path::{Component, Path, PathBuf};

use crate::cli::calibrate::check_distinct;
use crate::cli::calibration::{CalibrationFile, image_hashes};
use crate::cli::data_arg::DataArg;
use crate::cli::loaded_model::LoadedModel;
use crate::cli::model_data;
use crate::data::images::{NewImages, defect_masks, is_normal, natural_compare};
use crate::data::{Data, DataPaths, Dataset, Split, also_in};
use crate::error::{Error, Result};
use crate::ui;
use crate::words::counted;

/// Normal and abnormal images.
#[derive(Debug, Default)]
pub struct LabelledImages {
    pub parts: Vec<LabelledPart>,
    /// The names of the kinds of abnormal images.
    pub kinds: Vec<String>,
    pub notes: Vec<String>,
}

/// Images of a split.
#[derive(Debug)]
pub struct LabelledPart {
    pub split: Split,
    pub images: Vec<LabelledImage>,
}

#[derive(Debug)]
pub struct LabelledImage {
    pub id: u32,
    /// The kind of an abnormal image; `None` for a normal one.
    pub kind: Option<usize>,
    /// `[H, W]`: the abnormal pixels, if there is a mask of them.
    pub mask: Option<Vec<bool>>,
}

impl LabelledPart {
    pub fn ids(&self) -> Vec<u32> {
        self.images.iter().map(|image| image.id).collect()
    }
}

impl LabelledImages {
    /// Reads the images that `normal` and `abnormal` name. Where one of them names none, the run's test images are taken.
    ///
    /// # Errors
    /// Returns an error if an image cannot be read, if there are no normal or no abnormal images, or if images that were named
    /// trained, chose or calibrate the model.
    pub fn read(
        model: &LoadedModel,
        data: &DataArg,
        normal: &[PathBuf],
        abnormal: &[PathBuf],
    ) -> Result<Self> {
        check_distinct(&[normal, abnormal].concat())?;
        let (dataset, _) = model.data(data)?;
        if model.config.condition.is_some() && dataset.classes.iter().any(|name| is_normal(name)) {
            return Err(Error::request(
                "the model is told the class of each image, which says whether the image is normal: its scores would know the answer",
            )
            .with_hint("train a model without `[condition]`"));
        }
        let mut all = Self::default();
        if normal.is_empty() || abnormal.is_empty() {
            all.add_tested(model, dataset, normal.is_empty(), abnormal.is_empty())?;
        }
        if !normal.is_empty() {
            all.add_named(model, dataset, normal, false)?;
        }
        if !abnormal.is_empty() {
            all.add_named(model, dataset, abnormal, true)?;
        }
        all.check_sorts()?;
        all.sort_kinds();
        // Those that the model knows were left out.
        let normal = all.images().filter(|image| image.kind.is_none()).count();
        if normal == 0 || normal == all.count() {
            let sort = if normal == 0 { "normal" } else { "abnormal" };
            return Err(Error::request(format!(
                "there are no {sort} images that the model does not know"
            ))
            .with_hint(format!("name some: `--{sort} DIR`")));
        }
        Ok(all)
    }

    /// Checks that no image is both normal and abnormal.
    ///
    /// # Errors
    /// Returns an error with the name of such an image.
    fn check_sorts(&self) -> Result<()> {
        let mut sorts = HashMap::new();
        for part in &self.parts {
            let hashes = image_hashes(&part.split)?;
            for image in &part.images {
                let id = image.id as usize;
                let is_normal = image.kind.is_none();
                if *sorts.entry(hashes[id].clone()).or_insert(is_normal) != is_normal {
                    return Err(Error::file(
                        part.split.name(image.id),
                        "this image has the pixels of one of the other sort: it is both normal and abnormal",
                    )
                    .with_hint("name each image once"));
                }
            }
        }
        Ok(())
    }

    /// Puts the kinds into the order of their names.
    fn sort_kinds(&mut self) {
        let mut sorted = self.kinds.clone();
        sorted.sort_by(|a, b| natural_compare(a, b));
        let place = |kind: usize| sorted.iter().position(|name| *name == self.kinds[kind]);
        for image in self.parts.iter_mut().flat_map(|part| &mut part.images) {
            image.kind = image.kind.and_then(place);
        }
        self.kinds = sorted;
    }

    pub fn images(&self) -> impl Iterator<Item = &LabelledImage> {
        self.parts.iter().flat_map(|part| &part.images)
    }

    pub fn count(&self) -> usize {
        self.images().count()
    }

    /// Returns the scores of the normal images, and those of the abnormal ones of a kind or of all kinds.
    pub fn divided(&self, column: &[f64], kind: Option<usize>) -> (Vec<f64>, Vec<f64>) {
        let (mut normal, mut abnormal) = (Vec::new(), Vec::new());
        for (&score, image) in column.iter().zip(self.images()) {
            match image.kind {
                None => normal.push(score),
                Some(of) if kind.is_none_or(|kind| of == kind) => abnormal.push(score),
                Some(_) => {}
            }
        }
        (normal, abnormal)
    }

    /// Adds the normal and the abnormal test images of the run's data, or one sort of them. If the classes tell no abnormal
    /// images apart, all of them are normal.
    fn add_tested(
        &mut self,
        model: &LoadedModel,
        dataset: &Dataset,
        takes_normal: bool,
        takes_abnormal: bool,
    ) -> Result<()> {
        let split = &dataset.test;
        let labels = split.labels.as_deref().unwrap_or_default();
        let class = |label: &u32| dataset.classes[*label as usize].as_str();
        // The test images may have no normal ones, and then are not normal themselves.
        let trained = [Some(&dataset.train), dataset.calibration.as_ref()];
        let mut trained = trained
            .into_iter()
            .flatten()
            .flat_map(|split| split.labels.as_deref().unwrap_or_default());
        // A class that was trained on is no anomaly, whatever its name.
        let tells_apart = !labels.is_empty()
            && dataset.classes.iter().any(|name| is_normal(name))
            && trained.all(|label| is_normal(class(label)));
        let is_abnormal = |label: &u32| tells_apart && !is_normal(class(label));
        if takes_abnormal && !labels.iter().any(is_abnormal) {
            return Err(Error::request(format!(
                "the test images of `{}` are not divided into normal and abnormal ones",
                dataset.name
            ))
            .with_hint(
                "name abnormal images: `--abnormal DIR`; or train on a folder with the folders `good` and `bad`, or with MVTec's folders",
            ));
        }
        if takes_normal
            && (split.is_empty() || !labels.is_empty() && labels.iter().all(is_abnormal))
        {
            return Err(Error::request(format!(
                "there are no normal test images in `{}`",
                dataset.name
            ))
            .with_hint("name normal images that the model has not seen: `--normal DIR`"));
        }
        let fit = model.fit();
        let masks = match (&model.config.data, &dataset.folder) {
            (Data::Images(_), Some(folder)) if takes_abnormal => {
                defect_masks(folder, &fit, &unpacked()?)?
            }
            _ => Default::default(),
        };
        let known = known(model, dataset, split)?;
        let (mut images, mut left_out) = (Vec::new(), 0);
        for id in split.first_ids(split.len()) {
            let label = labels.get(id as usize);
            let abnormal = label.filter(|label| is_abnormal(label)).map(class);
            let is_taken = match abnormal {
                Some(_) => takes_abnormal,
                None => takes_normal,
            };
            let is_known = known.contains(&(id as usize));
            left_out += usize::from(is_taken && is_known);
            if is_taken && !is_known {
                let names = split.names.as_ref();
                images.push(LabelledImage {
                    id,
                    kind: abnormal.map(|name| self.kind(name)),
                    mask: names.and_then(|names| masks.get(&names[id as usize]).cloned()),
                });
            }
        }
        if left_out > 0 {
            self.notes.push(format!(
                "{} left out, with the pixels of images that trained, chose or calibrate the model",
                counted(left_out, "test image")
            ));
        }
        self.parts.push(LabelledPart {
            split: split.clone(),
            images,
        });
        Ok(())
    }

    fn add_named(
        &mut self,
        model: &LoadedModel,
        dataset: &Dataset,
        paths: &[PathBuf],
        are_abnormal: bool,
    ) -> Result<()> {
        let NewImages {
            images: split,
            skipped,
        } = model_data::find_images(&model.config, &model.card, paths)?.read_all(paths, true)?;
        for image in &skipped {
            ui::note(format_args!("skipped {}: {}", image.name, image.reason));
        }
        let names = split.names.clone().unwrap_or_default();
        if let Some(&first) = known(model, dataset, &split)?.iter().min() {
            return Err(Error::file(
                names.get(first).map_or("", String::as_str),
                "this image has the pixels of one that trained, chose or calibrates the model",
            )
            .with_hint("name images that the model has not seen"));
        }
        let mut images = Vec::new();
        let mut masks = HashMap::new();
        for path in paths.iter().filter(|path| are_abnormal && path.is_dir()) {
            let found = defect_masks(path, &model.fit(), &unpacked()?)?;
            let named = |(name, mask)| (path.join(name).to_string_lossy().into_owned(), mask);
            masks.extend(found.into_iter().map(named));
        }
        for id in split.first_ids(split.len()) {
            let name = names.get(id as usize).map_or("", String::as_str);
            let kind = are_abnormal.then(|| kind_of(name, paths));
            if let Some(folder) = normal_folder(name, paths).filter(|_| are_abnormal) {
                return Err(Error::file(
                    name,
                    format!("an abnormal image in a folder called `{folder}`"),
                )
                .with_hint("name only folders of abnormal images"));
            }
            images.push(LabelledImage {
                id,
                kind: kind.map(|kind| self.kind(&kind)),
                mask: masks.remove(name),
            });
        }
        self.parts.push(LabelledPart { split, images });
        Ok(())
    }

    /// Returns the number of the kind with this name.
    fn kind(&mut self, name: &str) -> usize {
        let known = self.kinds.iter().position(|kind| kind == name);
        known.unwrap_or_else(|| {
            self.kinds.push(name.to_owned());
            self.kinds.len() - 1
        })
    }
}

/// Returns the images of a split that trained, chose or calibrate the model.
fn known(model: &LoadedModel, dataset: &Dataset, split: &Split) -> Result<HashSet<usize>> {
    let seen = [
        Some(&dataset.train),
        dataset.validation.as_ref(),
        dataset.calibration.as_ref(),
    ];
    let seen: Vec<&Split> = seen.into_iter().flatten().collect();
    let compare = || also_in(&seen, split);
    let mut known: HashSet<usize> = ui::working("comparing with the training images", compare)?
        .into_iter()
        .collect();
    // A file that cannot be read gives no threshold either, and is reported there.
    let kept = model.run_folder().map(|run| CalibrationFile::read(&run));
    if let Some(Ok(Some(file))) = kept {
        known.extend(file.known(split)?);
    }
    Ok(known)
}

fn unpacked() -> Result<PathBuf> {
    Ok(DataPaths::from_environment(None)?.unpacked_images())
}

/// Returns the folder of normal images that an image below one of the paths lies in.
fn normal_folder(name: &str, paths: &[PathBuf]) -> Option<String> {
    let image = Path::new(name);
    let above = |path: &&PathBuf| image.starts_with(path);
    let start = paths.iter().find(above).map_or(Path::new(""), |path| path);
    // The path that was named counts too.
    let last = start.file_name().map(Path::new);
    let below = image.strip_prefix(start).unwrap_or(image).parent();
    let mut folders = last.into_iter().chain(below).flat_map(Path::components);
    folders.find_map(|part| {
        let name = part.as_os_str().to_string_lossy();
        is_normal(&name).then(|| name.into_owned())
    })
}

/// Returns the kind of an image below one of the paths: the first folder below it, or the name of the path.
fn kind_of(name: &str, paths: &[PathBuf]) -> String {
    let image = Path::new(name);
    let folder = paths.iter().find(|path| image.starts_with(path));
    let below = folder.and_then(|path| image.strip_prefix(path).ok());
    let first = |path: &Path| {
        let mut parts = path.parent()?.components();
        parts.find_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        })
    };
    let last = |path: &Path| Some(path.file_name()?.to_string_lossy().into_owned());
    let named = match (below, folder) {
        (Some(below), _) if below.as_os_str().is_empty() => image.parent().and_then(last),
        (Some(below), Some(folder)) => first(below).or_else(|| last(folder)),
        _ => first(image),
    };
    named.unwrap_or_else(|| "abnormal".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_the_first_folder_below_the_path_or_the_path() {
        let paths = ["new/bad", "new/one/a.png", "all.zip", "."].map(PathBuf::from);
        for (name, kind) in [
            ("new/bad/crack/deep/1.png", "crack"),
            ("new/bad/1.png", "bad"),
            ("new/one/a.png", "one"),
            ("scratch/2.png", "scratch"),
            ("3.png", "abnormal"),
        ] {
            assert_eq!(kind_of(name, &paths[..3]), kind, "{name}");
        }
    }
}
