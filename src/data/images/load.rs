//! Loads a person's images: opens the folder, decodes and fits every image once, and divides them into splits.

use std::path::Path;

use md5::{Digest, Md5};
use rayon::prelude::*;

use super::cache::{Cache, FittedSet, READER_VERSION, fit_into_scratch, key};
use super::cache_limit::{MOST_BYTES, touch, trim};
use super::choose;
use super::classes::classes;
use super::file_tree::FileTree;
use super::fitted::split_of;
use super::fitting::SkippedImage;
use super::folder_tree::FolderTree;
use super::image_report::ImageReport;
use super::image_source::ImageSource;
use super::layout::{ArrangeOptions, tells_abnormal_apart};
use super::load_checks::{check_broken, check_count, check_division, no_readable, no_source};
use super::open_source::{OpenedSource, open_source};
use super::settings::{ANOMALY_CALIBRATION, Broken, Images};
use super::splitting::{Division, HeldOutShares, divide};
use crate::data::fetch::hex;
use crate::data::image_file::{FileKind, Fit, FitMode};
use crate::data::{DataPaths, Dataset, Split};
use crate::error::{Error, Result};
use crate::files;
use crate::ui;

/// Loads the images that `place` names. `is_new`: for a new training, which keeps images to calibrate on where abnormal ones
/// are told apart.
///
/// # Errors
/// Returns an error if there are no images, too few, too many broken ones, or none to train on.
pub fn load(settings: &Images, place: &DataPaths, is_new: bool) -> Result<(Dataset, ImageReport)> {
    let Some(named) = &place.named else {
        return Err(Error::request(
            "the data set `images` is read from a folder of yours, and none is named",
        )
        .with_hint("pass `--data DIR`, or set VAE_DATA"));
    };
    let root = &named.path;
    if !root.exists() {
        return Err(named.error(
            &format!("no such file or folder; {} names it", named.by),
            "images",
        ));
    }
    let folder = place.cache.join("images");
    let source = source(settings, root, &folder)?;
    let mut settings = settings.clone();
    if is_new && settings.calibration.is_none() && tells_abnormal_apart(source.images.entries()) {
        settings.calibration = Some(ANOMALY_CALIBRATION);
    }
    let settings = &settings;
    check_count(root, source.images.entries().len())?;
    let keeps = place.keeps_images && can_keep(&folder);
    let cache = Cache {
        folder: keeps.then_some(&*folder),
    };
    let (resolved, set) = fitted(settings, &source, &cache, root, &folder)?;
    check_broken(settings.broken, root, &set)?;
    let entries = source.images.entries();
    let division = divide(
        entries,
        &set.index.images,
        HeldOutShares {
            test: settings.test,
            calibration: settings.calibration.unwrap_or_default(),
        },
        settings.group,
    );
    check_division(root, &division)?;
    let report = ImageReport::new(root, &resolved, &set, &division, &source);
    let dataset = dataset(root, &*source.images, set, &division, &cache)?;
    trim(&folder, MOST_BYTES);
    Ok((dataset, report))
}

/// Returns whether the cache can be written; a home folder may be read-only.
fn can_keep(folder: &Path) -> bool {
    let checked = std::fs::create_dir_all(folder)
        .map_err(|error| files::unwritable(folder, &error))
        .and_then(|()| files::check_folder_writable(folder));
    if let Err(error) = &checked {
        ui::note(format_args!(
            "note: the fitted images are not kept for the next command: {error}"
        ));
    }
    checked.is_ok()
}

/// Returns whether there are image files in a folder, for messages.
pub fn holds_images(folder: &Path) -> bool {
    FolderTree::new(folder).is_ok_and(|tree| {
        let mut files = tree.files().iter();
        files.any(|file| FileKind::of(&file.path) == FileKind::Image)
    })
}

/// Opens the place and recognises its layout.
fn source(settings: &Images, root: &Path, folder: &Path) -> Result<OpenedSource> {
    let options = ArrangeOptions {
        layout: settings.layout,
        labels: settings.labels,
        skips_missing: settings.broken == Broken::Skip,
    };
    let opened = open_source(root, options, &folder.join("unpacked"))?;
    opened.ok_or_else(|| no_source(root))
}

/// Returns the images as they were fitted before, or fits them. What was left open in the settings is chosen.
fn fitted(
    settings: &Images,
    source: &OpenedSource,
    cache: &Cache,
    root: &Path,
    folder: &Path,
) -> Result<(Images, FittedSet)> {
    let images = &*source.images;
    let open = settings.resolved_fit().is_none();
    let memo = cache.folder.filter(|_| open).map(|folder| {
        let mut sum = Md5::new();
        sum.update(READER_VERSION.to_le_bytes());
        sum.update(format!("{settings:?} {}", source.has_defects));
        sum.update(images.key());
        folder.join(format!("{}.json", hex(sum)))
    });
    let remembered = || -> Option<Images> {
        let memo = memo.as_ref()?;
        touch(memo);
        serde_json::from_slice(&std::fs::read(memo).ok()?).ok()
    };
    let known = if open {
        remembered()
    } else {
        Some(settings.clone())
    };
    if let Some(resolved) = known
        && let Some(fit) = resolved.resolved_fit()
    {
        let key = key(images, &fit);
        if let Some(set) = cache.find(&key) {
            return Ok((resolved, set));
        }
    }
    let mut resolved = settings.clone();
    if resolved.size.is_none() {
        let sizes = ui::working("looking at the images' sizes", || sizes(images));
        resolved.size = Some(choose::size(&sizes).ok_or_else(|| no_readable(images, root))?);
    }
    resolved.fit = resolved.fit.or(Some(choose::fit(source.has_defects)));
    let fit = Fit {
        mode: resolved.fit.unwrap_or(FitMode::Crop),
        ..resolved
            .clone()
            .with_channels(settings.channels.unwrap_or(3))
    };
    let (fitting, file) = fit_into_scratch(images, &fit, cache.folder)?;
    if fitting.images.is_empty() {
        return Err(no_readable(images, root));
    }
    unchanged(settings, images, root, folder)?;
    let channels = settings
        .channels
        .unwrap_or(if fitting.summary.colour == 0 { 1 } else { 3 });
    resolved.channels = Some(channels);
    let final_fit = resolved.clone().with_channels(channels);
    // An image that cannot be read now is not to be left out for ever.
    let is_complete = !fitting.skipped.iter().any(SkippedImage::may_be_read_later);
    let cache = if is_complete {
        *cache
    } else {
        Cache { folder: None }
    };
    let memo = memo.filter(|_| is_complete);
    let set = cache.keep(key(images, &final_fit), &fit, channels, fitting, file)?;
    if let Some(memo) = memo {
        let text = serde_json::to_vec(&resolved).map_err(Error::failed)?;
        files::write(&memo, &text)?;
    }
    Ok((resolved, set))
}

/// Returns the sizes of the images that can be read.
fn sizes(images: &dyn ImageSource) -> Vec<[u32; 2]> {
    (0..images.entries().len())
        .into_par_iter()
        .filter_map(|index| images.size(index).ok())
        .collect()
}

/// Checks that the folder is still what it was before its images were read.
fn unchanged(
    settings: &Images,
    images: &dyn ImageSource,
    root: &Path,
    folder: &Path,
) -> Result<()> {
    if !root.is_dir() {
        return Ok(());
    }
    let again = source(settings, root, folder)?.images;
    if again.key() == images.key() {
        return Ok(());
    }
    Err(Error::file(
        root,
        "the files in this folder were changed while they were read",
    )
    .with_hint("wait until whatever writes there is done, and run the command again"))
}

/// Builds the splits.
fn dataset(
    root: &Path,
    images: &dyn ImageSource,
    set: FittedSet,
    division: &Division,
    cache: &Cache,
) -> Result<Dataset> {
    let entries = images.entries();
    let classes = classes(root, entries, &set.index.images)?;
    let factors = images.factors();
    let kept = cache.index_file(&set.index.key);
    let (index, file) = set.into_parts(kept);
    let split = |rows: &[usize]| -> Result<Split> {
        let mut split = split_of(&index, &file, rows, entries)?;
        let ids: Vec<usize> = rows.iter().map(|&row| index.images[row].entry).collect();
        if let Some(numbers) = &classes.numbers {
            split.labels = Some(ids.iter().map(|&id| numbers[id]).collect());
        }
        split.factors = factors.as_ref().map(|factors| factors.select(&ids));
        Ok(split)
    };
    Ok(Dataset {
        name: "images".to_owned(),
        folder: Some(root.to_owned()),
        train: split(&division.train)?,
        validation: (!division.validation.is_empty())
            .then(|| split(&division.validation))
            .transpose()?,
        calibration: (!division.calibration.is_empty())
            .then(|| split(&division.calibration))
            .transpose()?,
        test: split(&division.test)?,
        classes: classes.names,
    })
}

impl Images {
    /// Returns the fit with these channels; what else is open is padded to a single pixel.
    fn with_channels(self, channels: usize) -> Fit {
        let resolved = Self {
            channels: Some(channels),
            size: self.size.or(Some([1, 1])),
            fit: self.fit.or(Some(FitMode::Pad)),
            ..self
        };
        resolved
            .resolved_fit()
            .unwrap_or_else(|| Fit::whole([channels, 1, 1]))
    }
}
