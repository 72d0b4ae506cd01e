//! Data sets of four IDX files (MNIST, Fashion-MNIST): found where a person put them, or downloaded once.

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use super::{Dataset, FASHION_MNIST, MNIST, Split, fetch, idx};
use crate::error::{Error, ErrorKind, Result};
use crate::{files, ui};

/// A file as its publisher names it, without `.gz`.
pub struct PublishedFile {
    pub name: &'static str,
    /// Of the `.gz`, in hexadecimal.
    pub md5: &'static str,
    /// Of the plain file, where we know it.
    pub plain_md5: Option<&'static str>,
}

/// A data set of four IDX files.
pub struct IdxDataset {
    /// Of the data set and of its folders.
    pub name: &'static str,
    /// For messages.
    pub title: &'static str,
    pub classes: [&'static str; 10],
    /// Images and labels to train on, images and labels to test on.
    pub files: [PublishedFile; 4],
    /// Base addresses, in the order in which they are tried.
    pub mirrors: [&'static str; 2],
    /// The first labels of the training set: both sets have files of the same names and sizes, and this tells them apart.
    pub first_labels: [u8; 20],
}

/// The sets that can be told apart.
static ARCHIVES: [&IdxDataset; 2] = [&MNIST, &FASHION_MNIST];

/// Images in the training set as it is published.
const TRAIN: usize = 60_000;

/// The four files of a data set, all from one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    pub train_images: PathBuf,
    pub train_labels: PathBuf,
    pub test_images: PathBuf,
    pub test_labels: PathBuf,
}

/// Where data is looked for, in the order of the fields, and where it is downloaded from.
#[derive(Clone, Debug)]
pub struct DataPaths {
    /// `--data DIR`: what a person names is used, or it is an error.
    pub data: Option<PathBuf>,
    /// `$VAE_DATA`.
    pub vae_data: Option<PathBuf>,
    /// `data/`, where the program is run.
    pub local: PathBuf,
    /// The user's cache folder for this program: what is downloaded goes there.
    pub cache: PathBuf,
    /// Whether what is found nowhere may be downloaded.
    pub download: bool,
    /// `$VAE_MIRROR`: a base address in place of the published mirrors.
    pub mirror: Option<String>,
}

impl DataPaths {
    /// `data` is `--data`; the rest comes from the environment.
    ///
    /// # Errors
    /// Exit code 2 if there is no home folder to hold a cache, or `VAE_MIRROR` is no text.
    pub fn from_environment(data: Option<PathBuf>) -> Result<Self> {
        let cache = etcetera::choose_base_strategy().map_err(|error| {
            Error::request(format!("no cache folder for data sets: {error}"))
                .with_hint("set HOME to a folder of yours")
        })?;
        let mirror = set("VAE_MIRROR")
            .map(OsString::into_string)
            .transpose()
            .map_err(|text| {
                Error::request(format!(
                    "VAE_MIRROR: expected an address, found {}",
                    text.display()
                ))
            })?;
        Ok(Self {
            data,
            vae_data: set("VAE_DATA").map(PathBuf::from),
            local: PathBuf::from("data"),
            cache: cache.cache_dir().join("vae"),
            download: true,
            mirror,
        })
    }

    /// The folders to look in for the set `name`, in order: those that `--data` may mean, and only without it the others.
    /// `own_names`: whether the set's files are known by their names alone; others have to stand in a folder that says
    /// whose they are, where there is one.
    ///
    /// # Errors
    /// Where `--data` names no folder.
    pub fn folders(&self, name: &str, own_names: bool) -> Result<Vec<PathBuf>> {
        if let Some(folder) = &self.data {
            if folder.is_dir() {
                return Ok(named(folder, name, own_names));
            }
            let what = if folder.is_file() {
                "expected a folder, found a file"
            } else {
                "no such folder"
            };
            return Err(Error::file(folder, what));
        }
        let mut folders = self
            .vae_data
            .as_deref()
            .map_or_else(Vec::new, |folder| named(folder, name, own_names));
        folders.push(self.local.join(name));
        if own_names {
            folders.push(self.local.clone());
        }
        folders.push(self.cache.join(name));
        Ok(folders)
    }

    /// Where to download `file` from, in order.
    fn addresses(&self, archive: &IdxDataset, file: &PublishedFile) -> Vec<String> {
        let bases = match &self.mirror {
            // One mirror may hold both sets, whose files have the same names.
            Some(base) => {
                let base = base.trim_end_matches('/');
                vec![format!("{base}/{}/", archive.name), format!("{base}/")]
            }
            None => archive.mirrors.map(str::to_owned).to_vec(),
        };
        bases
            .iter()
            .map(|base| format!("{base}{}.gz", file.name))
            .collect()
    }
}

/// An environment variable that says something.
fn set(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

/// The folders that a person may mean who names `folder`: its subfolder of the set's name, and itself.
fn named(folder: &Path, name: &str, own_names: bool) -> Vec<PathBuf> {
    let subfolder = folder.join(name);
    if subfolder.is_dir() && !own_names {
        return vec![subfolder];
    }
    vec![subfolder, folder.to_owned()]
}

/// What `look` finds in the first of `folders` that has it; else a line on each, as it goes on after "looked in".
///
/// # Errors
/// Why none of them has it.
pub fn search<T>(
    folders: &[PathBuf],
    look: impl Fn(&Path) -> Result<T, String>,
) -> Result<T, String> {
    let mut lines = String::new();
    for folder in folders {
        match look(folder) {
            Ok(found) => return Ok(found),
            Err(why) => lines.push_str(&format!("\n  {}: {why}", folder.display())),
        }
    }
    Err(lines)
}

/// The files of the published `names`, plain or gzipped, where all of them are in `folder`.
///
/// # Errors
/// Which are not.
pub fn all_in<const N: usize>(folder: &Path, names: [&str; N]) -> Result<[PathBuf; N], String> {
    if !folder.is_dir() {
        return Err("no such folder".to_owned());
    }
    let found = names.map(|name| locate(folder, name));
    let lacking: Vec<&str> = names
        .iter()
        .zip(&found)
        .filter(|(_, path)| path.is_none())
        .map(|(name, _)| *name)
        .collect();
    match lacking.len() {
        0 => Ok(found.map(Option::unwrap_or_default)),
        count if count == N => Err("none of them".to_owned()),
        _ => Err(format!("lacks {}", lacking.join(", "))),
    }
}

/// The four files of `archive`, downloaded where they are in none of the places.
///
/// # Errors
/// Exit code 2, with the four names, every folder looked in and what was wrong with it.
pub fn find(place: &DataPaths, archive: &IdxDataset) -> Result<Files> {
    let folders = place
        .folders(archive.name, archive.name == MNIST.name)
        .map_err(|error| error.with_hint("--data takes the folder that holds the four files"))?;
    let looked_in = match search(&folders, |folder| look(folder, archive)) {
        Ok(files) => return Ok(files),
        Err(lines) => lines,
    };
    if let Some(folder) = &place.data {
        let what = format!(
            "{} is not in the folder that --data names; looked in{looked_in}",
            wanted(archive)
        );
        return Err(
            Error::file(folder, what).with_hint("name the folder that holds the four files")
        );
    }
    if !place.download {
        return Err(missing(archive, &looked_in, "it was not to be downloaded"));
    }
    download(place, archive).map_err(|error| match error {
        error if error.kind() == ErrorKind::Request => {
            missing(archive, &looked_in, &error.to_string())
        }
        other => other,
    })
}

/// The set and its files, for messages.
fn wanted(archive: &IdxDataset) -> String {
    let names = archive.files.each_ref().map(|file| file.name).join(", ");
    format!(
        "{} (the four files {names}, each plain or .gz)",
        archive.title
    )
}

fn missing(archive: &IdxDataset, looked_in: &str, download: &str) -> Error {
    Error::request(format!(
        "{} was not found; looked in{looked_in}\nand {download}",
        wanted(archive)
    ))
    .with_hint(by_hand(archive))
}

fn by_hand(archive: &IdxDataset) -> String {
    let name = archive.name;
    format!(
        "put the four files in data/{name}/, or pass --data DIR or set VAE_DATA, or run once where there is a network"
    )
}

/// The four files in `folder`, or why they are not there.
fn look(folder: &Path, archive: &IdxDataset) -> Result<Files, String> {
    let [train_images, train_labels, test_images, test_labels] =
        all_in(folder, archive.files.each_ref().map(|file| file.name))?;
    // A file that cannot be read is reported by whoever reads it next.
    let labels = idx::labels(&train_labels).unwrap_or_default();
    match set_of(&labels) {
        Some(other) if other.name != archive.name => {
            Err(format!("holds {}, not {}", other.title, archive.title))
        }
        _ => Ok(Files {
            train_images,
            train_labels,
            test_images,
            test_labels,
        }),
    }
}

/// The file of the published `name` in `folder`, as it is also often written.
fn locate(folder: &Path, name: &str) -> Option<PathBuf> {
    let dotted = name.replacen("-idx", ".idx", 1);
    [name, &dotted]
        .iter()
        .flat_map(|name| [folder.join(name), folder.join(format!("{name}.gz"))])
        .find(|path| path.is_file())
}

/// The published set that training labels belong to, if any.
fn set_of(labels: &[u8]) -> Option<&'static IdxDataset> {
    ARCHIVES
        .into_iter()
        .find(|archive| labels.len() == TRAIN && labels.starts_with(&archive.first_labels))
}

/// Downloads what the cache lacks.
fn download(place: &DataPaths, archive: &IdxDataset) -> Result<Files> {
    let folder = place.cache.join(archive.name);
    fs::create_dir_all(&folder)
        .map_err(|error| files::unwritable(&folder, &error).with_hint(by_hand(archive)))?;
    let _alone = lock(&folder);
    ui::note(format_args!(
        "downloading {} to {}",
        archive.title,
        folder.display()
    ));
    for file in &archive.files {
        if locate(&folder, file.name).is_none() {
            let destination = folder.join(format!("{}.gz", file.name));
            fetch::fetch(&place.addresses(archive, file), file.md5, &destination)?;
        }
    }
    look(&folder, archive)
        .map_err(|why| Error::file(&folder, why).with_hint("remove this folder and try again"))
}

/// Makes a second process wait while the first one downloads, for both would write to the same sibling. Where a folder
/// cannot be locked (Windows, some network disks) nothing is: the checksums still hold, and the later one may fail.
fn lock(folder: &Path) -> Option<File> {
    let handle = File::open(folder).ok()?;
    handle.lock().ok()?;
    Some(handle)
}

/// The data set, from wherever [`find`] finds it.
///
/// # Errors
/// Those of [`find`]; and exit code 2 where a file is not what its name says, or two of them disagree.
pub fn load(place: &DataPaths, archive: &IdxDataset) -> Result<Dataset> {
    read(&find(place, archive)?, archive)
}

/// The data set in `files`.
fn read(files: &Files, archive: &IdxDataset) -> Result<Dataset> {
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
    if archive.name != MNIST.name && holds_mnist(&train) {
        let what = format!("expected {}, found the images of MNIST", archive.title);
        let hint = format!(
            "put the files of {} in a folder named {}",
            archive.title, archive.name
        );
        return Err(Error::file(&files.train_images, what).with_hint(hint));
    }
    Ok(Dataset {
        name: archive.name.to_owned(),
        classes: classes(archive, [&train, &test]),
        train,
        validation: None,
        test,
    })
}

/// Images with their labels.
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

/// Whether these are the published images, whatever their labels.
fn holds_mnist(train: &Split) -> bool {
    let header = idx::image_header(TRAIN as u32, 28, 28);
    train.len() == TRAIN
        && train.shape == [1, 28, 28]
        && Some(fetch::md5_hex(&[&header, train.bytes().unwrap_or_default()]).as_str())
            == MNIST.files[0].plain_md5
}

/// The set's own names; numbers where files of one's own have more classes.
fn classes(archive: &IdxDataset, splits: [&Split; 2]) -> Vec<String> {
    let largest = splits
        .iter()
        .filter_map(|split| split.labels.as_ref()?.iter().max())
        .max()
        .copied()
        .unwrap_or(0);
    if (largest as usize) < archive.classes.len() {
        archive.classes.map(str::to_owned).to_vec()
    } else {
        (0..=largest).map(|class| class.to_string()).collect()
    }
}
