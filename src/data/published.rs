//! The published sets of four IDX files.

/// A file as its publisher names it, without `.gz`.
pub struct PublishedFile {
    pub name: &'static str,
    /// The MD5 of the `.gz`, in hexadecimal.
    pub md5: &'static str,
    /// The MD5 of the plain file, if we know it.
    pub plain_md5: Option<&'static str>,
}

/// A data set of four IDX files.
pub struct IdxDataset {
    /// The name of the data set and of its folders.
    pub name: &'static str,
    /// torchvision's folder of the set.
    pub torchvision: &'static str,
    /// The name in messages.
    pub title: &'static str,
    pub classes: [&'static str; 10],
    /// Images and labels to train on, images and labels to test on.
    pub files: [PublishedFile; 4],
    /// Base addresses, in the order in which they are tried.
    pub mirrors: [&'static str; 2],
    /// The first labels of the training set: both sets have files of the same names and sizes, and this tells them apart.
    pub first_labels: [u8; 20],
}

/// The handwritten digits (LeCun, Cortes, Burges, 1998).
pub static MNIST: IdxDataset = IdxDataset {
    name: "mnist",
    torchvision: "MNIST",
    title: "MNIST",
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    files: [
        PublishedFile {
            name: "train-images-idx3-ubyte",
            md5: "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            plain_md5: Some("6bbc9ace898e44ae57da46a324031adb"),
        },
        PublishedFile {
            name: "train-labels-idx1-ubyte",
            md5: "d53e105ee54ea40749a09fcbcd1e9432",
            plain_md5: Some("a25bea736e30d166cdddb491f175f624"),
        },
        PublishedFile {
            name: "t10k-images-idx3-ubyte",
            md5: "9fb629c4189551a2d022fa330f9573f3",
            plain_md5: Some("2646ac647ad5339dbf082846283269ea"),
        },
        PublishedFile {
            name: "t10k-labels-idx1-ubyte",
            md5: "ec29112dd5afa0611ce80d1b7f02629c",
            plain_md5: Some("27ae3e4e09519cfbb04c329615203637"),
        },
    ],
    mirrors: [
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
    ],
    first_labels: [5, 0, 4, 1, 9, 2, 1, 3, 1, 4, 3, 5, 3, 6, 1, 7, 2, 8, 6, 9],
};

/// Zalando's articles of clothing (Xiao, Rasul, Vollgraf, 2017).
pub static FASHION_MNIST: IdxDataset = IdxDataset {
    name: "fashion-mnist",
    torchvision: "FashionMNIST",
    title: "Fashion-MNIST",
    classes: [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
    files: [
        PublishedFile {
            name: "train-images-idx3-ubyte",
            md5: "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            plain_md5: None,
        },
        PublishedFile {
            name: "train-labels-idx1-ubyte",
            md5: "25c81989df183df01b3e8a0aad5dffbe",
            plain_md5: None,
        },
        PublishedFile {
            name: "t10k-images-idx3-ubyte",
            md5: "bef4ecab320f06d8554ea6380940ec79",
            plain_md5: None,
        },
        PublishedFile {
            name: "t10k-labels-idx1-ubyte",
            md5: "bb300cfdad3c16e7a12a480ee83cd310",
            plain_md5: None,
        },
    ],
    mirrors: [
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ],
    first_labels: [9, 0, 0, 3, 0, 2, 7, 2, 5, 5, 0, 9, 5, 5, 7, 9, 1, 0, 6, 4],
};

/// The sets that can be identified by their first labels.
pub static SETS: [&IdxDataset; 2] = [&MNIST, &FASHION_MNIST];
