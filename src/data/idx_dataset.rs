//! Data sets of four IDX files (MNIST, Fashion-MNIST), or of one file of NumPy arrays as Keras stores them, found where a
//! person put them or downloaded once.

use std::fs::{self, File};
use std::path::Path;

use super::data_paths::{DataPaths, SetFolders, search};
use super::file_names::{Listing, locate, tried};
use super::published::{IdxDataset, MNIST, PublishedFile};
use super::{Dataset, fetch, idx};
use crate::error::{Error, ErrorKind, Result};
use crate::{files, ui};

mod read;

pub use read::{IdxFiles, SetFiles};
use read::{published_set, read};

/// The files of a set, for messages.
const FILES: &str = "four files";

/// Finds the four files of `set`, or downloads them if they are in none of the places.
///
/// # Errors
/// Exit code 2, with the four names, every folder looked in and what was wrong with it.
pub fn find(place: &DataPaths, set: &IdxDataset) -> Result<SetFiles> {
    let folders = SetFolders {
        name: set.name,
        torchvision: Some(set.torchvision),
        own_names: set.name == MNIST.name,
    };
    let folders = place.folders(folders, FILES)?;
    let looked_in = match search(&folders, |folder| look(folder, set)) {
        Ok(files) => return Ok(files),
        Err(lines) => lines,
    };
    if let Some(folder) = &place.named {
        let what = format!(
            "{} is not in this folder, which {} names; looked in{looked_in}\n{}",
            set.title,
            folder.by,
            names_tried(set)
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

/// Returns the name of the set as one NumPy archive, as Keras stores MNIST.
fn npz(set: &IdxDataset) -> String {
    format!("{}.npz", set.name)
}

/// Describes the names under which the files are looked for.
fn names_tried(set: &IdxDataset) -> String {
    let names = set
        .files
        .each_ref()
        .map(|file| format!("\n  {}", tried(file.name)));
    format!("for the four files{}\nor for {}", names.concat(), npz(set))
}

fn missing(set: &IdxDataset, looked_in: &str, download: &str) -> Error {
    Error::request(format!(
        "{} was not found; looked in{looked_in}\n{}\nand {download}",
        set.title,
        names_tried(set)
    ))
    .with_hint(by_hand(set))
}

fn by_hand(set: &IdxDataset) -> String {
    let name = set.name;
    format!(
        "put the four files in data/{name}/, or pass --data DIR or set VAE_DATA, or run once where there is a network"
    )
}

/// Returns the files of the set in `folder`, or why they are not there.
fn look(folder: &Path, set: &IdxDataset) -> Result<SetFiles, String> {
    let listing = Listing::of(folder)?;
    let found = listing.all(set.files.each_ref().map(|file| file.name));
    let [train_images, train_labels, test_images, test_labels] = match found {
        Ok(paths) => paths,
        Err(why) => return listing.called(&npz(set)).map(SetFiles::Npz).ok_or(why),
    };
    // A file that cannot be read is reported by whoever reads it next.
    let labels = idx::labels(&train_labels).unwrap_or_default();
    match published_set(&labels) {
        Some(other) if other.name != set.name => {
            Err(format!("holds {}, not {}", other.title, set.title))
        }
        _ => Ok(SetFiles::Idx(IdxFiles {
            train_images,
            train_labels,
            test_images,
            test_labels,
        })),
    }
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
fn download(place: &DataPaths, set: &IdxDataset) -> Result<SetFiles> {
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
