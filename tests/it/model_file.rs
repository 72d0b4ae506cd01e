//! Tests the files that are read and written: the model file as other programs read it, every kind
//! of damage, and invalid text.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};
use tempfile::TempDir;
use vae::config::Config;
use vae::error::Result;
use vae::model::{
    FORMAT_VERSION, Init, Likelihood, NamedTensor, Vae, export, import, pack, unpack,
};
use vae::rng::Rng;
use vae::train::{Checkpoint, ModelCard, ModelFile, TrainState};

use crate::models::{autodiff_device, drawn, numbers, plain_device};

const PICTURE: [usize; 3] = [1, 6, 6];

/// A small network that has every kind of layer.
const CONFIG: &str = "
[data.digits]
[model.conv]
latent = 2
encoder = [{ conv = 3, stride = 2 }, { dense = 7 }]
decoder = [{ dense = 18, shape = [2, 3, 3] }, { transposed = 1, stride = 2 }]
";

fn config() -> Config {
    Config::parse(CONFIG, Path::new("config.toml")).unwrap()
}

pub fn small_file() -> ModelFile {
    let config = config();
    let vae = drawn(config.model.kind(), PICTURE, 1, &plain_device());
    ModelFile {
        config,
        card: ModelCard {
            image_shape: PICTURE,
            classes: vec!["a".into(), "b".into()],
            data_hash: "md5:0".into(),
            started_from: None,
        },
        tensors: export(&vae),
    }
}

fn small_bytes() -> Vec<u8> {
    small_file().to_bytes().unwrap()
}

/// Opens a model from the bytes of a file, as the commands do.
fn open(bytes: &[u8]) -> Result<Vae> {
    ModelFile::parse(Path::new("model.safetensors"), bytes)?.build(&plain_device())
}

/// Returns the bytes of a safetensors file with this header.
fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    [
        &(header.len() as u64).to_le_bytes(),
        header.as_bytes(),
        data,
    ]
    .concat()
}

/// Returns the small file with a changed card.
fn with_card(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut card = metadata();
    change(&mut card);
    pack(&card, &small_file().tensors).unwrap()
}

/// Returns the metadata of the small file.
fn metadata() -> Value {
    unpack(Path::new("m"), &small_bytes()).unwrap().0
}

#[track_caller]
fn refused<T>(result: Result<T>) -> String {
    let Err(error) = result else {
        panic!("was accepted")
    };
    assert_eq!(error.code(), 2, "{}", error.render());
    error.render()
}

#[test]
fn the_file_is_what_the_safetensors_crate_reads() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("model.safetensors");
    let file = small_file();
    file.write(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();

    // Names and layouts are PyTorch's: dense [out, in], convolution [out, in, k, k], transposed
    // [in, out, k, k].
    let expected: [(&str, &[usize]); 12] = [
        ("decoder.0.bias", &[18]),
        ("decoder.0.weight", &[18, 2]),
        ("decoder.1.bias", &[1]),
        ("decoder.1.weight", &[2, 1, 3, 3]),
        ("encoder.0.bias", &[3]),
        ("encoder.0.weight", &[3, 1, 3, 3]),
        ("encoder.1.bias", &[7]),
        ("encoder.1.weight", &[7, 27]),
        ("log_var.bias", &[2]),
        ("log_var.weight", &[2, 7]),
        ("mean.bias", &[2]),
        ("mean.weight", &[2, 7]),
    ];
    let mut found: Vec<(String, Vec<usize>)> = tensors
        .iter()
        .map(|(name, view)| (name.to_owned(), view.shape().to_vec()))
        .collect();
    found.sort();
    let expected: Vec<(String, Vec<usize>)> = expected
        .iter()
        .map(|(name, shape)| ((*name).to_owned(), shape.to_vec()))
        .collect();
    assert_eq!(found, expected);
    for ours in &file.tensors {
        let view = tensors.tensor(&ours.name).unwrap();
        assert_eq!(view.dtype(), Dtype::F32);
        let values: Vec<f32> = view
            .data()
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&word| f32::from_le_bytes(word))
            .collect();
        assert_eq!(values, ours.values, "{}", ours.name);
    }

    // The metadata has one JSON entry, from which the model can be built again.
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    assert_eq!(metadata.keys().collect::<Vec<_>>(), ["vae"]);
    let card: Value = serde_json::from_str(&metadata["vae"]).unwrap();
    assert_eq!(card["format_version"], FORMAT_VERSION);
    assert_eq!(card["program_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(card["image_shape"], json!(PICTURE));
    assert_eq!(card["classes"], json!(["a", "b"]));
    assert_eq!(card["data_hash"], "md5:0");
    assert_eq!(
        Config::parse(card["config"].as_str().unwrap(), &path).unwrap(),
        config()
    );

    let read = ModelFile::read(&path).unwrap();
    assert_eq!((&read.card, &read.config), (&file.card, &file.config));
    let sorted = |mut tensors: Vec<NamedTensor>| {
        tensors.sort_by(|a, b| a.name.cmp(&b.name));
        tensors
    };
    assert_eq!(read.tensors, sorted(file.tensors.clone()));
    assert_eq!(export(&open(&bytes).unwrap()), file.tensors);
}

/// A layer computes x W^T + b with the numbers of the file. The shapes alone would not show a
/// transposed square matrix.
#[test]
fn matrices_are_laid_out_as_out_by_in() {
    let vae = open(&small_bytes()).unwrap();
    let (batch, _) = crate::models::random_batch(&vae, 1, 1, 1);
    let z = numbers(vae.encode(batch.x, None).mean);
    let tensors = export(&vae);
    let find = |name: &str| tensors.iter().find(|tensor| tensor.name == name).unwrap();
    let (weight, bias) = (find("decoder.0.weight"), find("decoder.0.bias"));
    let by_hand: Vec<f64> = (0..18)
        .map(|unit| {
            let row = &weight.values[unit * 2..][..2];
            (f64::from(row[0]) * z[0] + f64::from(row[1]) * z[1] + f64::from(bias.values[unit]))
                .max(0.0)
        })
        .collect();
    let layer = &vae.network().decoder[0];
    let (rng, device) = (Rng::new(1).stream("weights"), plain_device());
    let init = Init::new(vae.network().initialisation, rng, &device);
    let ours = layer.kind().layer(&init.at("decoder").at(0));
    let z = crate::models::tensor(
        z.iter().map(|&value| value as f32).collect(),
        [1, 2],
        &plain_device(),
    );
    assert!(crate::models::gap(&numbers(ours.forward(z)), &by_hand) < 1e-6);
}

#[test]
fn the_same_model_gives_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    let bytes = ["a", "b"].map(|name| {
        let path = folder.path().join(name);
        small_file().write(&path).unwrap();
        fs::read(path).unwrap()
    });
    assert_eq!(bytes[0], bytes[1]);
    // Neither the order of the tensors nor a round trip through a file changes the bytes.
    let mut file = ModelFile::read(&folder.path().join("a")).unwrap();
    file.tensors.reverse();
    assert_eq!(file.to_bytes().unwrap(), bytes[0]);
    assert_eq!(
        fs::read_dir(folder.path()).unwrap().count(),
        2,
        "nothing half-written is left"
    );
}

#[test]
fn another_version_of_the_format_is_named_with_ours() {
    for version in [0, FORMAT_VERSION + 1, u32::MAX] {
        // A file of another version need not have anything else that this version knows.
        let bytes = with_card(|card| *card = json!({ "format_version": version }));
        let message = refused(ModelFile::parse(Path::new("m.safetensors"), &bytes));
        assert_eq!(
            message,
            format!(
                "error: m.safetensors: written in version {version} of the format; this program reads version \
                 {FORMAT_VERSION}\nhint: train it again, or use the version of the program that wrote it"
            )
        );
    }
}

#[test]
fn files_that_are_not_ours_are_refused_with_a_reason() {
    let unpacked = |bytes: &[u8]| refused(ModelFile::parse(Path::new("m"), bytes));
    let nine = "a".repeat(9);
    let half =
        r#"{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"__metadata__":{"vae":"CARD"}}"#;
    let card = metadata().to_string();
    let half = half.replace("\"CARD\"", &serde_json::to_string(&card).unwrap());
    let cases: [(Vec<u8>, &str); 7] = [
        (vec![], "not a safetensors file"),
        (nine.into_bytes(), "not a safetensors file"),
        (with_header("{}", b""), "no `vae` entry"),
        (
            with_header(r#"{"__metadata__":{"vae":"{"}}"#, b""),
            "metadata cannot be read",
        ),
        (
            with_header(r#"{"__metadata__":{"vae":"{\"format_version\":2}"}}"#, b""),
            "metadata cannot be read",
        ),
        (
            with_header(&half, b"1234"),
            "the tensor `a` is F16; expected F32",
        ),
        (
            with_card(|card| card["image_shape"] = json!([1, 6])),
            "metadata cannot be read",
        ),
    ];
    for (bytes, reason) in cases {
        let message = unpacked(&bytes);
        assert!(message.contains(reason), "{message}");
    }
    let missing = refused(ModelFile::read(Path::new("/nowhere/model.safetensors")));
    assert!(missing.contains("no such file"), "{missing}");
}

#[test]
fn a_tensor_missing_or_of_another_shape_is_named() {
    let vae = drawn(config().model.kind(), PICTURE, 2, &plain_device());
    let network = config().network(PICTURE, 2).unwrap();
    let tensors = small_file().tensors;
    let both = |tensors: &[NamedTensor]| {
        let messages = [
            refused(import(vae.clone(), tensors)),
            refused(vae::model::load(
                &network,
                &Likelihood::default(),
                tensors,
                &plain_device(),
            )),
        ];
        assert_eq!(messages[0], messages[1]);
        messages[0].clone()
    };
    for i in 0..tensors.len() {
        let mut without = tensors.clone();
        let gone = without.remove(i);
        assert_eq!(
            both(&without),
            format!("error: the tensor `{}` is missing", gone.name)
        );

        let mut longer = tensors.clone();
        let tensor = &mut longer[i];
        tensor.shape[0] += 1;
        let count = tensor.shape.iter().product();
        tensor.values.resize(count, 0.0);
        let message = both(&longer);
        assert!(
            message.contains(&format!(
                "the tensor `{}` is {:?}",
                gone.name, longer[i].shape
            )) && message.contains(&format!("the config asks for {:?}", gone.shape)),
            "{message}"
        );
    }
    // The same numbers are refused as [in, out].
    let mut turned = tensors.clone();
    turned
        .iter_mut()
        .filter(|tensor| tensor.shape.len() == 2)
        .for_each(|tensor| tensor.shape.reverse());
    both(&turned);
    // Valid tensors are accepted beside unknown ones.
    let mut more = tensors.clone();
    more.insert(
        0,
        NamedTensor {
            name: "optimizer.mean".into(),
            shape: vec![1],
            values: vec![0.0],
        },
    );
    assert_eq!(export(&import(vae, &more).unwrap()), tensors);
}

/// The size in a header is compared with the bytes present before memory is allocated.
#[test]
fn huge_promises_are_refused() {
    let card = serde_json::to_string(&serde_json::to_string(&small_file().card).unwrap()).unwrap();
    for (shape, offsets) in [
        ("[4611686018427387904]", "[0,0]"),
        ("[4294967296,4294967296]", "[0,4]"),
        (
            "[18446744073709551615,18446744073709551615]",
            "[0,18446744073709551615]",
        ),
        ("[1000000000000]", "[0,4000000000000]"),
        ("[1]", "[18446744073709551612,0]"),
        ("[0,18446744073709551615]", "[0,4]"),
    ] {
        let tensor = format!(r#"{{"dtype":"F32","shape":{shape},"data_offsets":{offsets}}}"#);
        let header = format!(r#"{{"__metadata__":{{"vae":{card}}},"mean.weight":{tensor}}}"#);
        refused(open(&with_header(&header, &[0; 4])));
    }
    let mut long = u64::MAX.to_le_bytes().to_vec();
    long.extend([b'{'; 20]);
    refused(open(&long));
    refused(open(&with_header(&"[".repeat(100_000), b"")));

    // Images and layers of an absurd size are refused as well, because the tensors do not fit them.
    let most = usize::MAX;
    for image in [
        [0, 0, 0],
        [1, 0, 6],
        [most, most, most],
        [1, 1 << 40, 28],
        [1, 1 << 32, 1 << 32],
        [1, most, 1],
    ] {
        refused(open(&with_card(|card| card["image_shape"] = json!(image))));
    }
    let mlp = |table: &str| format!("[data.digits]\n[model.mlp]\n{table}");
    for text in [
        mlp("latent = 9223372036854775807"),
        mlp("latent = 2\nhidden = [1000000000000, 1000000000000]"),
        mlp("latent = 4294967296\nhidden = [4294967296]"),
        CONFIG.replace("conv = 3", "conv = 9223372036854775807"),
        CONFIG.replace("stride = 2", "stride = 9223372036854775807"),
        CONFIG.replace("conv = 3", "conv = 3, kernel = 9223372036854775807"),
        CONFIG.replace("conv = 3", "conv = 3, padding = 9223372036854775807"),
        CONFIG.replace(
            "transposed = 1",
            "transposed = 1, kernel = 9223372036854775807",
        ),
        CONFIG.replace(
            "transposed = 1",
            "transposed = 1, padding = 9223372036854775807",
        ),
        CONFIG.replace(
            "dense = 18, shape = [2, 3, 3]",
            "dense = 2, shape = [2, 4294967296, 4294967296]",
        ),
    ] {
        let message = refused(open(&with_card(|card| card["config"] = json!(text))));
        assert!(message.starts_with("error: model"), "{message}");
    }
}

fn small_state() -> Vec<u8> {
    let config = config();
    let vae = drawn(config.model.kind(), PICTURE, 1, &autodiff_device());
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("state.safetensors");
    Checkpoint::new(&config, "md5:0", &TrainState::new(&config, vae))
        .write(&path)
        .unwrap();
    fs::read(path).unwrap()
}

/// Reads the bytes. Success and an error are both fine, a panic is not.
fn survive(bytes: &[u8]) {
    let _ = open(bytes);
    let _ = Checkpoint::parse(Path::new("state.safetensors"), bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), length in 0_u64..300) {
        survive(&bytes);
        survive(&[&length.to_le_bytes(), &bytes[..]].concat());
    }

    #[test]
    fn no_header_makes_the_reader_panic(
        dtype in prop::sample::select(vec!["F32", "F64", "I8", "BF16", "F4", "nonsense"]),
        shape in prop::collection::vec(prop_oneof![0_u64..9, any::<u64>()], 0..4),
        from in prop_oneof![0_u64..40, any::<u64>()],
        to in prop_oneof![0_u64..40, any::<u64>()],
        card in "\\PC{0,30}",
        data in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let tensor = json!({ "dtype": dtype, "shape": shape, "data_offsets": [from, to] });
        survive(&with_header(&json!({ "__metadata__": { "vae": card }, "mean.bias": tensor }).to_string(), &data));
        let card = metadata().to_string();
        survive(&with_header(&json!({ "__metadata__": { "vae": card }, "mean.bias": tensor }).to_string(), &data));
    }

    #[test]
    fn a_file_that_is_cut_short_is_refused(cut in any::<prop::sample::Index>(), state in any::<bool>()) {
        let bytes = if state { small_state() } else { small_bytes() };
        let cut = &bytes[..cut.index(bytes.len())];
        prop_assert!(ModelFile::parse(Path::new("m"), cut).is_err());
        prop_assert!(Checkpoint::parse(Path::new("m"), cut).is_err());
    }

    #[test]
    fn no_damage_makes_the_reader_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        header_only in any::<bool>(),
        state in any::<bool>(),
    ) {
        let mut bytes = if state { small_state() } else { small_bytes() };
        let header = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
        let reach = if header_only { header } else { bytes.len() };
        for (index, value) in flips {
            bytes[index.index(reach)] = value;
        }
        survive(&bytes);
    }
}
