//! Loads a person's images: opens the folder, decodes and fits every image once, and divides them into splits.

use std::path::Path;

use md5::{Digest, Md5};
use rayon::prelude::*;

use super::cache::{Cache, FittedSet, READER_VERSION, fit_into_scratch, key};
use super::choose;
use super::classes::classes;
use super::file_tree::FileTree;
use super::fitted::split_of;
use super::fitting::SkippedImage;
use super::folder_tree::FolderTree;
use super::idx_images::open_idx;
use super::image_files::ImageFiles;
use super::image_report::ImageReport;
use super::image_source::ImageSource;
use super::layout::{Layout, arrange};
use super::open::{Opened, open};
use super::settings::{Broken, Images};
use super::splitting::{Division, divide};
use crate::data::fetch::hex;
use crate::data::image_file::{FORMATS, FileKind, Fit, FitMode};
use crate::data::{DataPaths, Dataset, Split};
use crate::error::{Error, Result};
use crate::files;
use crate::ui;

/// The fewest images that a model can be trained on and tested on.
const FEWEST: usize = 20;

/// Broken images that are an error, unless they are to be skipped: more than this many, and more than one in a hundred.
const MOST_BROKEN: usize = 10;

/// A place of images that was opened.
struct Source {
    images: Box<dyn ImageSource>,
    layout: Option<Layout>,
    has_defects: bool,
    notes: Vec<String>,
}

/// Loads the images that `place` names.
///
/// # Errors
/// Returns an error if there are no images, too few, too many broken ones, or none to train on.
pub fn load(settings: &Images, place: &DataPaths) -> Result<(Dataset, ImageReport)> {
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
    let found = source.images.entries().len();
    if found < FEWEST {
        return Err(too_few(root, found, ""));
    }
    let keeps = place.keeps_images && can_keep(&folder);
    let cache = Cache {
        folder: keeps.then_some(&*folder),
    };
    let (resolved, set) = fitted(settings, &source, &cache, root, &folder)?;
    check_broken(settings, root, &set)?;
    let entries = source.images.entries();
    let division = divide(entries, &set.index.images, settings.test, settings.group);
    if division.by_hash && division.train.is_empty() {
        return Err(Error::file(
            root,
            "all images are equal, so that none is left to test on",
        )
        .with_hint("expected different images, or groups of images, to train on and to test on"));
    }
    if division.train.is_empty() || division.test.is_empty() {
        return Err(Error::file(
            root,
            format!(
                "{} images to train on and {} to test on; expected at least one of each",
                division.train.len(),
                division.test.len()
            ),
        )
        .with_hint("the splits are those of the folders or the table: name images of both"));
    }
    let report = ImageReport::new(
        root,
        &resolved,
        &set,
        entries,
        &division,
        source.layout,
        source.notes,
    );
    let dataset = dataset(root, &*source.images, set, &division, &cache)?;
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

fn too_few(root: &Path, count: usize, kind: &str) -> Error {
    Error::file(
        root,
        format!("{count} {kind}images; expected at least {FEWEST}, and hundreds for a useful model"),
    )
    .with_hint("`vae reconstruct` and the other commands take a few images of yours as arguments; a training needs more")
}

/// Returns whether there are image files in a folder, for messages.
pub fn holds_images(folder: &Path) -> bool {
    FolderTree::new(folder).is_ok_and(|tree| {
        let mut files = tree.files().iter();
        files.any(|file| FileKind::of(&file.path) == FileKind::Image)
    })
}

/// Opens the place and recognises its layout.
fn source(settings: &Images, root: &Path, folder: &Path) -> Result<Source> {
    if let Some(images) = open_idx(root)? {
        return Ok(Source {
            notes: images.notes(),
            images: Box::new(images),
            layout: None,
            has_defects: false,
        });
    }
    let tree = match open(root, &folder.join("unpacked"))? {
        Some(Opened::Images(images)) => {
            return Ok(Source {
                notes: images.notes().to_vec(),
                images,
                layout: None,
                has_defects: false,
            });
        }
        Some(Opened::Files(tree)) => tree,
        None if root.is_dir() => Box::new(FolderTree::new(root)?),
        None => {
            return Err(Error::file(
                root,
                "neither a folder of images nor an archive or arrays of them",
            )
            .with_hint("`--data` takes a folder, a .zip or .tar of one, a .npy or a .npz file"));
        }
    };
    let mut arrangement = arrange(&*tree, settings.layout, settings.labels)?;
    Ok(Source {
        layout: Some(arrangement.layout),
        has_defects: arrangement.has_defects,
        notes: std::mem::take(&mut arrangement.notes),
        images: Box::new(ImageFiles::new(tree, arrangement)),
    })
}

/// Returns the images as they were fitted before, or fits them. What was left open in the settings is chosen.
fn fitted(
    settings: &Images,
    source: &Source,
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
    let remembered =
        || -> Option<Images> { serde_json::from_slice(&std::fs::read(memo.as_ref()?).ok()?).ok() };
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

/// Returns the error for a set without a readable image, with the reason of the first image.
fn no_readable(images: &dyn ImageSource, root: &Path) -> Error {
    let count = images.entries().len();
    let first = images.decode(0).err();
    let reason = first
        .as_ref()
        .map_or_else(String::new, |error| format!("; the first one: {error}"));
    let hint = first.as_ref().and_then(Error::hint).unwrap_or(FORMATS);
    Error::file(
        root,
        format!("none of the {count} images can be read{reason}"),
    )
    .with_hint(hint)
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

/// Checks the number of broken images.
fn check_broken(settings: &Images, root: &Path, set: &FittedSet) -> Result<()> {
    let (good, skipped) = (set.index.images.len(), &set.index.skipped);
    if settings.broken == Broken::Stop
        && skipped.len() > MOST_BROKEN
        && 100 * skipped.len() > good + skipped.len()
    {
        let first = &skipped[0];
        return Err(Error::file(
            root,
            format!(
                "{} of {} images cannot be read; the first one: {}: {}",
                skipped.len(),
                good + skipped.len(),
                first.name,
                first.reason
            ),
        )
        .with_hint("mend or remove them, or leave them out by `--set data.images.broken=skip`"));
    }
    if good < FEWEST {
        return Err(too_few(root, good, "readable "));
    }
    Ok(())
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
