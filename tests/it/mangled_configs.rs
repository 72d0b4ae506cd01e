//! Tests that a config which an editor saved in another encoding is read, or refused with what it is,
//! wherever a config is read.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;

use crate::program::{Done, run, vae, with_smoke_run};

const TEXT: &str = "# größer\nseed = 7\n[data.digits]\n[model.mlp]\nlatent = 3\n";

/// Returns the text as UTF-16 without a byte-order mark.
fn utf_16(text: &str, to_bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(to_bytes).collect()
}

/// Returns the text in every encoding that is read.
fn readable(text: &str) -> Vec<(&'static str, Vec<u8>)> {
    let windows = text.replace('\n', "\r\n");
    vec![
        ("UTF-8", text.into()),
        ("UTF-8 with a mark", format!("\u{feff}{text}").into()),
        ("CRLF", windows.clone().into()),
        ("CRLF with a mark", format!("\u{feff}{windows}").into()),
        ("CR", text.replace('\n', "\r").into()),
        (
            "UTF-16 LE",
            [b"\xFF\xFE".to_vec(), utf_16(&windows, u16::to_le_bytes)].concat(),
        ),
        (
            "UTF-16 BE",
            [b"\xFE\xFF".to_vec(), utf_16(text, u16::to_be_bytes)].concat(),
        ),
    ]
}

/// Returns the text in encodings that are refused, and what the error says.
fn refused(text: &str) -> Vec<(Vec<u8>, &'static str)> {
    let nul = text.replacen("= ", "= \0", 1);
    let latin: Vec<u8> = text.chars().map(|letter| letter as u8).collect();
    vec![
        (
            utf_16(text, u16::to_le_bytes),
            "this is UTF-16 without a byte-order mark",
        ),
        (
            utf_16(text, u16::to_be_bytes),
            "this is UTF-16 without a byte-order mark",
        ),
        (latin, "not UTF-8: byte 0xF6 in line 1"),
        (nul.into(), "has a NUL byte"),
    ]
}

fn piped(folder: &Path, arguments: &[&str], bytes: &[u8]) -> Done {
    let mut child = vae(folder, arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    Done::of(child.wait_with_output().unwrap())
}

#[test]
fn a_config_reads_the_same_in_every_encoding_with_a_mark_and_with_every_line_end() {
    let place = TempDir::new().unwrap();
    let path = place.path().join("mine.toml");
    fs::write(&path, TEXT).unwrap();
    let plain = run(place.path(), &["config", "mine.toml"]).out;
    assert!(plain.contains("seed = 7") && plain.contains("latent = 3"));
    for (encoding, bytes) in readable(TEXT) {
        fs::write(&path, &bytes).unwrap();
        let done = run(place.path(), &["config", "mine.toml"]);
        assert_eq!(
            (done.out.as_str(), done.err.as_str()),
            (&*plain, "next: vae train --config FILE\n"),
            "{encoding}"
        );
        let done = piped(place.path(), &["config", "-"], &bytes);
        assert_eq!(done.out, plain, "{encoding} from stdin: {}", done.err);
    }
}

#[test]
fn another_encoding_is_refused_by_name_with_what_to_do() {
    let place = TempDir::new().unwrap();
    for (bytes, said) in refused(TEXT) {
        fs::write(place.path().join("mine.toml"), &bytes).unwrap();
        for command in ["config mine.toml", "train --config mine.toml"] {
            let words: Vec<&str> = command.split(' ').collect();
            run(place.path(), &words).failed(2, &["mine.toml: ", said, "UTF-8", "hint: "]);
        }
        piped(place.path(), &["config", "-"], &bytes).failed(2, &["stdin: ", said]);
    }
}

#[test]
fn a_mistake_in_a_file_from_windows_is_shown_at_its_line() {
    let place = TempDir::new().unwrap();
    let text = TEXT.replace("latent", "latnet").replace('\n', "\r\n");
    let bytes = [b"\xFF\xFE".to_vec(), utf_16(&text, u16::to_le_bytes)].concat();
    fs::write(place.path().join("mine.toml"), bytes).unwrap();
    let failed = run(place.path(), &["config", "mine.toml"]);
    failed.failed(
        2,
        &[
            "line 5, column 1",
            "5 | latnet = 3\n",
            "did you mean `latent`?",
        ],
    );
}

#[test]
fn the_config_of_a_run_may_be_saved_by_any_editor_before_it_goes_on() {
    let text = {
        let place = with_smoke_run();
        fs::read_to_string(place.path().join("runs/smoke-1/config.toml")).unwrap()
    };
    let text = format!("# größer\n{}", text.replace("epochs = 2", "epochs = 3"));
    for (encoding, bytes) in readable(&text) {
        let place = with_smoke_run();
        let path = place.path().join("runs/smoke-1/config.toml");
        fs::write(&path, &bytes).unwrap();
        let done = run(place.path(), &["train", "--resume", "smoke-1"]);
        assert_eq!(done.line(), "runs/smoke-1", "{encoding}");
        assert!(done.err.contains("epoch 3/3"), "{encoding}: {}", done.err);
        assert_eq!(
            fs::read(&path).unwrap(),
            bytes,
            "the file stays as it was saved"
        );
    }
    for (bytes, said) in refused(&text) {
        let place = with_smoke_run();
        let path = place.path().join("runs/smoke-1/config.toml");
        fs::write(&path, &bytes).unwrap();
        let failed = run(place.path(), &["train", "--resume", "smoke-1"]);
        failed.failed(
            2,
            &["runs/smoke-1/config.toml: ", said, "hint: save it as UTF-8"][..2],
        );
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
}
