//! Data sets of four IDX files (MNIST, Fashion-MNIST), found where a person put them or downloaded once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::data_paths::{DataPaths, all_in, locate, search};
use super::published::{IdxDataset, MNIST, PublishedFile, SETS};
use super::{Dataset, Split, fetch, idx};
use crate::error::{Error, ErrorKind, Result};
use crate::{files, ui};

/// The files of a set, for messages.
const FILES: &str = "four files";

/// Images in the training set as it is published.
const TRAIN: usize = 60_000;

/// The four files of a data set, all from one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdxFiles {
    pub train_images: PathBuf,
    pub train_labels: PathBuf,
    pub test_images: PathBuf,
    pub test_labels: PathBuf,
}

/// Finds the four files of `set`, or downloads them if they are in none of the places.
///
/// # Errors
/// Exit code 2, with the four names, every folder looked in and what was wrong with it.
pub fn find(place: &DataPaths, set: &IdxDataset) -> Result<IdxFiles> {
    let folders = place.folders(set.name, set.name == MNIST.name, FILES)?;
    let looked_in = match search(&folders, |folder| look(folder, set)) {
        Ok(files) => return Ok(files),
        Err(lines) => lines,
    };
    if let Some(folder) = &place.named {
        let what = format!(
            "{} is not in this folder, which {} names; looked in{looked_in}",
            wanted(set),
            folder.by
        );
        return Err(folder.error(&what, FILES));
    }
    if !place.download {
        return Err(missing(set, &looked_in, "downloading is disabled"));
    }
    download(place, set).map_err(|error| match error {
        error if error.kind() == ErrorKind::Request => missing(set, &looked_in, &error.to_string()),
        other => other,
    })
}

/// Describes the set and its files, for messages.
fn wanted(set: &IdxDataset) -> String {
    let names = set.files.each_ref().map(|file| file.name).join(", ");
    format!("{} (the four files {names}, each plain or .gz)", set.title)
}

fn missing(set: &IdxDataset, looked_in: &str, download: &str) -> Error {
    Error::request(format!(
        "{} was not found; looked in{looked_in}\nand {download}",
        wanted(set)
    ))
    .with_hint(by_hand(set))
}

fn by_hand(set: &IdxDataset) -> String {
    let name = set.name;
    format!(
        "put the four files in data/{name}/, or pass --data DIR or set VAE_DATA, or run once where there is a network"
    )
}

/// Returns the four files in `folder`, or why they are not there.
fn look(folder: &Path, set: &IdxDataset) -> Result<IdxFiles, String> {
    let [train_images, train_labels, test_images, test_labels] =
        all_in(folder, set.files.each_ref().map(|file| file.name))?;
    // A file that cannot be read is reported by whoever reads it next.
    let labels = idx::labels(&train_labels).unwrap_or_default();
    match set_of(&labels) {
        Some(other) if other.name != set.name => {
            Err(format!("holds {}, not {}", other.title, set.title))
        }
        _ => Ok(IdxFiles {
            train_images,
            train_labels,
            test_images,
            test_labels,
        }),
    }
}

/// Returns the published set that training labels belong to, if any.
fn set_of(labels: &[u8]) -> Option<&'static IdxDataset> {
    SETS.into_iter()
        .find(|set| labels.len() == TRAIN && labels.starts_with(&set.first_labels))
}

/// Returns where to download `file` from, in order.
fn addresses(place: &DataPaths, set: &IdxDataset, file: &PublishedFile) -> Vec<String> {
    let bases = match &place.mirror {
        // One mirror may hold both sets, whose files have the same names.
        Some(base) => {
            let base = base.trim_end_matches('/');
            vec![format!("{base}/{}/", set.name), format!("{base}/")]
        }
        None => set.mirrors.map(str::to_owned).to_vec(),
    };
    bases
        .iter()
        .map(|base| format!("{base}{}.gz", file.name))
        .collect()
}

/// Downloads what the cache lacks.
fn download(place: &DataPaths, set: &IdxDataset) -> Result<IdxFiles> {
    let folder = place.cache.join(set.name);
    fs::create_dir_all(&folder)
        .map_err(|error| files::unwritable(&folder, &error).with_hint(by_hand(set)))?;
    let _alone = lock(&folder);
    ui::note(format_args!(
        "downloading {} to {}",
        set.title,
        folder.display()
    ));
    for file in &set.files {
        if locate(&folder, file.name).is_none() {
            let destination = folder.join(format!("{}.gz", file.name));
            fetch::fetch(&addresses(place, set, file), file.md5, &destination)?;
        }
    }
    look(&folder, set)
        .map_err(|why| Error::file(&folder, why).with_hint("remove this folder and try again"))
}

/// Makes a second process wait while the first one downloads, for both would write to the same sibling. Where a folder
/// cannot be locked (Windows, some network disks) nothing is: the checksums still hold, and the later one may fail.
fn lock(folder: &Path) -> Option<File> {
    let handle = File::open(folder).ok()?;
    handle.lock().ok()?;
    Some(handle)
}

/// Loads the data set from wherever [`find`] finds it.
///
/// # Errors
/// Those of [`find`]; and exit code 2 if a file is not what its name says, or two of them disagree.
pub fn load(place: &DataPaths, set: &IdxDataset) -> Result<Dataset> {
    read(&find(place, set)?, set)
}

/// Reads the data set in `files`.
fn read(files: &IdxFiles, set: &IdxDataset) -> Result<Dataset> {
    let (train, test) = rayon::join(
        || split(&files.train_images, &files.train_labels),
        || split(&files.test_images, &files.test_labels),
    );
    let (train, test) = (train?, test?);
    if train.shape != test.shape {
        let [_, height, width] = train.shape;
        let [_, other_height, other_width] = test.shape;
        let what = format!(
            "expected images of {height} x {width}, as in {}, found {other_height} x {other_width}",
            files.train_images.display()
        );
        return Err(Error::file(&files.test_images, what)
            .with_hint("both files have to come from one data set"));
    }
    if set.name != MNIST.name && holds_mnist(&train) {
        let what = format!("expected {}, found the images of MNIST", set.title);
        let hint = format!(
            "put the files of {} in a folder named {}",
            set.title, set.name
        );
        return Err(Error::file(&files.train_images, what).with_hint(hint));
    }
    Ok(Dataset {
        name: set.name.to_owned(),
        folder: files.train_images.parent().map(Path::to_owned),
        classes: classes(set, [&train, &test]),
        train,
        validation: None,
        test,
    })
}

/// Reads images with their labels.
fn split(images_path: &Path, labels_path: &Path) -> Result<Split> {
    let (images, classes) = (idx::images(images_path)?, idx::labels(labels_path)?);
    if images.len() != classes.len() {
        let (expected, found) = (images.len(), classes.len());
        let what = format!(
            "expected {expected} labels, one for each image in {}, found {found}",
            images_path.display()
        );
        return Err(
            Error::file(labels_path, what).with_hint("both files have to come from one data set")
        );
    }
    Ok(images.with_labels(classes.into_iter().map(u32::from).collect()))
}

/// Whether these are the published images, with any labels.
fn holds_mnist(train: &Split) -> bool {
    let header = idx::image_header(TRAIN as u32, 28, 28);
    train.len() == TRAIN
        && train.shape == [1, 28, 28]
        && Some(fetch::md5_hex(&[&header, train.bytes().unwrap_or_default()]).as_str())
            == MNIST.files[0].plain_md5
}

/// Returns the set's own class names, or numbers if the files have more classes.
fn classes(set: &IdxDataset, splits: [&Split; 2]) -> Vec<String> {
    let largest = splits
        .iter()
        .filter_map(|split| split.labels.as_ref()?.iter().max())
        .max()
        .copied()
        .unwrap_or(0);
    if (largest as usize) < set.classes.len() {
        set.classes.map(str::to_owned).to_vec()
    } else {
        (0..=largest).map(|class| class.to_string()).collect()
    }
}
