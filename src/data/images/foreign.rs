//! Files of kinds that are not read, each with the way to convert it.

use std::path::{Path, PathBuf};

use crate::error::Error;

/// A kind of file that is not read.
struct ForeignKind {
    name: &'static str,
    /// The bytes that it begins with; none if only the ending tells.
    mark: &'static [u8],
    endings: &'static [&'static str],
    hint: &'static str,
}

const UNPACK: &str = "unpack it and name the folder, or pack it as .zip or .tar.gz";

const KINDS: [ForeignKind; 10] = [
    ForeignKind {
        name: "HDF5",
        mark: b"\x89HDF\r\n\x1a\n",
        endings: &["h5", "hdf5", "hdf", "he5"],
        hint: "convert it in Python, with the names that `list(f)` gives:\n  import h5py, numpy\n  f = h5py.File(\"FILE\")\n  numpy.savez(\"new.npz\", images=f[\"images\"][:], labels=f[\"labels\"][:])",
    },
    ForeignKind {
        name: "MATLAB",
        mark: b"MATLAB ",
        endings: &["mat"],
        hint: "convert it in Python; these are the names of SVHN, whose axes are H, W, C, N:\n  import scipy.io, numpy\n  f = scipy.io.loadmat(\"FILE\")\n  numpy.savez(\"new.npz\", images=f[\"X\"].transpose(3, 0, 1, 2), labels=f[\"y\"].ravel())",
    },
    ForeignKind {
        name: "Parquet",
        mark: b"PAR1",
        endings: &["parquet"],
        hint: "write its images as files in Python:\n  import pandas\n  for i, row in enumerate(pandas.read_parquet(\"FILE\")[\"image\"]):\n      open(f\"images/{i}.png\", \"wb\").write(row[\"bytes\"])",
    },
    ForeignKind {
        name: "a Python pickle",
        mark: b"",
        endings: &["pkl", "pickle"],
        hint: "it can run any program when Python reads it. Convert it in Python; of CIFAR take the binary version instead:\n  import pickle, numpy\n  f = pickle.load(open(\"FILE\", \"rb\"), encoding=\"latin1\")\n  numpy.savez(\"new.npz\", images=f[\"data\"], labels=f[\"labels\"])",
    },
    ForeignKind {
        name: "a PyTorch file",
        mark: b"",
        endings: &["pt", "pth"],
        hint: "convert it in Python:\n  import torch, numpy\n  images = torch.load(\"FILE\")\n  numpy.save(\"new.npy\", images.numpy())",
    },
    ForeignKind {
        name: "a bzip2 archive",
        mark: b"BZh",
        endings: &["bz2", "tbz2"],
        hint: UNPACK,
    },
    ForeignKind {
        name: "an xz archive",
        mark: b"\xfd7zXZ\0",
        endings: &["xz", "txz"],
        hint: UNPACK,
    },
    ForeignKind {
        name: "a Zstandard archive",
        mark: b"\x28\xb5\x2f\xfd",
        endings: &["zst"],
        hint: UNPACK,
    },
    ForeignKind {
        name: "a 7-Zip archive",
        mark: b"7z\xbc\xaf\x27\x1c",
        endings: &["7z"],
        hint: UNPACK,
    },
    ForeignKind {
        name: "a RAR archive",
        mark: b"Rar!",
        endings: &["rar"],
        hint: UNPACK,
    },
];

/// Returns the error of a file of a kind that is not read, which begins with `first`; `None` if it is of no such kind.
pub fn refusal(path: &Path, first: &[u8]) -> Option<Error> {
    let by_mark = |kind: &&ForeignKind| !kind.mark.is_empty() && first.starts_with(kind.mark);
    let kind = KINDS
        .iter()
        .find(by_mark)
        .or_else(|| by_ending(path))
        .or_else(|| is_cifar_pickle(path, first).then_some(&KINDS[3]))?;
    Some(error(path, kind))
}

/// Returns the error of the first of `paths` that is of a kind that is not read.
pub fn first_refusal(paths: &[PathBuf]) -> Option<Error> {
    let kind = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        by_ending(path).or_else(|| name.starts_with("data_batch_").then_some(&KINDS[3]))
    };
    let found = paths.iter().find_map(|path| Some((path, kind(path)?)));
    found.map(|(path, kind)| error(path, kind))
}

fn by_ending(path: &Path) -> Option<&'static ForeignKind> {
    let ending = path.extension()?.to_str()?.to_lowercase();
    KINDS.iter().find(|kind| kind.endings.contains(&&*ending))
}

/// Whether this is a file of CIFAR's version for Python, whose names have no ending.
fn is_cifar_pickle(path: &Path, first: &[u8]) -> bool {
    matches!(first, [0x80, 2..=5, ..]) && path.extension().is_none()
}

fn error(path: &Path, kind: &ForeignKind) -> Error {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // The name stands in Python's quotes.
    let name = name.replace('\\', "\\\\").replace('"', "\\\"");
    Error::file(path, format!("is {}, which is not read", kind.name))
        .with_hint(kind.hint.replace("FILE", &name))
}
