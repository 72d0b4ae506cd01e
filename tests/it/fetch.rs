//! Tests downloads from a local server that fails in the ways servers do.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;
use vae::data::fetch::{self, Limits};
use vae::data::idx_dataset;
use vae::data::{DataPaths, IdxDataset, PublishedFile};
use vae::error::Error;

use crate::program::names_tried;

/// A server that answers `/MANNER/.../NAME` with the file NAME in the way that MANNER says.
struct Server {
    base: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(files: Vec<(String, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        // The thread ends with the process.
        thread::spawn(move || {
            let files = Arc::new(files);
            for stream in listener.incoming().flatten() {
                let (files, seen) = (Arc::clone(&files), Arc::clone(&seen));
                // A client that hangs up early is part of the tests, so the error is ignored.
                thread::spawn(move || drop(answer(stream, &files, &seen)));
            }
        });
        Self { base, requests }
    }

    fn one(bytes: &[u8]) -> Self {
        Self::start(vec![("file.gz".to_owned(), bytes.to_vec())])
    }

    fn url(&self, manner: &str) -> String {
        format!("{}/{manner}/file.gz", self.base)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn answer(
    mut stream: TcpStream,
    files: &[(String, Vec<u8>)],
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let path = lines
        .next()
        .unwrap_or(Ok(String::new()))?
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    while lines
        .next()
        .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
    {}
    seen.lock().unwrap().push(path.clone());
    let manner = path.split('/').nth(1).unwrap_or_default();
    let Some((_, body)) = files
        .iter()
        .find(|(name, _)| path.ends_with(&format!("/{name}")))
    else {
        return stream.write_all(
            b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        );
    };
    let head = |length: usize| {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n")
    };
    let send = |stream: &mut TcpStream, body: &[u8]| {
        stream.write_all(head(body.len()).as_bytes())?;
        stream.write_all(body)
    };
    match manner {
        "right" => send(&mut stream, body),
        // Like a mirror that does not sort the sets into folders.
        "flat" if path.matches('/').count() == 2 => send(&mut stream, body),
        "late" => {
            thread::sleep(Duration::from_millis(100));
            send(&mut stream, body)
        }
        "slow" => {
            stream.write_all(head(body.len()).as_bytes())?;
            for chunk in body.chunks(body.len().div_ceil(20)) {
                stream.write_all(chunk)?;
                stream.flush()?;
                thread::sleep(Duration::from_millis(100));
            }
            Ok(())
        }
        "chunked" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
            for chunk in body.chunks(1000) {
                stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
                stream.write_all(chunk)?;
                stream.write_all(b"\r\n")?;
            }
            stream.write_all(b"0\r\n\r\n")
        }
        "moved" => {
            let to = path.replacen("moved", "right", 1);
            let head = format!(
                "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes())
        }
        "wrong" => send(&mut stream, &vec![7; body.len()]),
        "page" => send(&mut stream, b"\n<html>sign in to the network</html>"),
        "half" => {
            stream.write_all(head(body.len()).as_bytes())?;
            stream.write_all(&body[..body.len() / 2])
        }
        "unmeasured-half" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            stream.write_all(&body[..body.len() / 2])
        }
        "stalled" => {
            stream.write_all(head(body.len()).as_bytes())?;
            stream.write_all(&body[..body.len() / 2])?;
            thread::sleep(Duration::from_secs(20));
            Ok(())
        }
        "silent" => {
            thread::sleep(Duration::from_secs(20));
            Ok(())
        }
        "huge" => stream.write_all(head(200_000_001).as_bytes()),
        "endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            loop {
                stream.write_all(&[0; 4096])?;
            }
        }
        "broken" => {
            stream.write_all(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n")
        }
        "rude" => Ok(()),
        _ => stream
            .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
    }
}

fn body() -> Vec<u8> {
    (0..300_000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 11) as u8)
        .collect()
}

const QUICK: Limits = Limits {
    connect: Duration::from_secs(5),
    stall: Duration::from_millis(1500),
    bytes: 200_000_000,
};

/// Tries `manners` in order. The folder may contain the complete file afterwards, and nothing else.
fn try_mirrors(manners: &[&str]) -> (Result<(), Error>, Server) {
    let body = body();
    let server = Server::one(&body);
    let folder = TempDir::new().unwrap();
    let destination = folder.path().join("sub/file.gz");
    let urls: Vec<_> = manners.iter().map(|manner| server.url(manner)).collect();
    let result = fetch::fetch_within(&urls, &fetch::md5_hex(&[&body]), &destination, QUICK);
    let left = names_in(destination.parent().unwrap());
    match &result {
        Ok(()) => {
            assert_eq!(left, ["file.gz"]);
            assert!(fs::read(&destination).unwrap() == body);
        }
        Err(error) => {
            assert_eq!(left, [""; 0], "something half-written stayed behind");
            assert_eq!(error.code(), 2);
            assert!(error.hint().unwrap().contains("VAE_MIRROR"));
        }
    }
    (result, server)
}

fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_arrives_whole() {
    for manner in ["right", "chunked", "moved"] {
        let (result, _) = try_mirrors(&[manner]);
        result.unwrap_or_else(|error| panic!("{manner}: {error}"));
    }
}

#[test]
fn a_slow_line_may_take_longer_than_the_limit_on_silence() {
    // The download takes two seconds, but never a tenth of a second without a byte.
    try_mirrors(&["slow"]).0.unwrap();
}

#[test]
fn each_way_to_fail_is_named() {
    for (manner, why) in [
        ("none", "not found there (404)"),
        ("broken", "the server answers 500"),
        ("rude", "the connection was closed"),
        ("wrong", "wrong content: expected MD5 "),
        ("page", " (36 bytes, a web page)"),
        ("half", "the connection was closed after 150000 bytes"),
        ("unmeasured-half", " (150000 bytes)"),
        ("stalled", "no answer for 1.5 s after 150000 bytes"),
        ("silent", "no answer for 1.5 s"),
        (
            "huge",
            "200000001 bytes, and a file of at most 200000000 was expected",
        ),
    ] {
        let (result, server) = try_mirrors(&[manner]);
        let message = result.unwrap_err().to_string();
        let start = format!(
            "file.gz could not be downloaded:\n  {}: ",
            server.url(manner)
        );
        assert!(
            message.starts_with(&start) && message.contains(why),
            "{manner}: {message}"
        );
        assert_eq!(
            server.requests().len(),
            1,
            "{manner} was asked more than once"
        );
    }
}

#[test]
fn the_next_mirror_is_tried_whatever_the_first_did() {
    for manner in [
        "none",
        "broken",
        "rude",
        "wrong",
        "page",
        "half",
        "unmeasured-half",
        "stalled",
        "silent",
        "huge",
    ] {
        let (result, server) = try_mirrors(&[manner, "right", "never"]);
        result.unwrap_or_else(|error| panic!("{manner}: {error}"));
        assert_eq!(
            server.requests(),
            [format!("/{manner}/file.gz"), "/right/file.gz".to_owned()]
        );
    }
}

#[test]
fn all_mirrors_are_listed_where_none_helps() {
    let (result, server) = try_mirrors(&["none", "half"]);
    let message = result.unwrap_err().to_string();
    for (line, manner) in message.lines().skip(1).zip(["none", "half"]) {
        assert!(
            line.starts_with(&format!("  {}: ", server.url(manner))),
            "{message}"
        );
    }
    assert_eq!(message.lines().count(), 3);
}

#[test]
fn a_stream_without_end_is_cut_off() {
    let server = Server::one(&body());
    let folder = TempDir::new().unwrap();
    let limits = Limits {
        bytes: 1_000_000,
        ..QUICK
    };
    let error = fetch::fetch_within(
        &[server.url("endless")],
        "",
        &folder.path().join("file.gz"),
        limits,
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("a file of at most 1000000 was expected"),
        "{error}"
    );
    assert_eq!(names_in(folder.path()), [""; 0]);
}

#[test]
fn a_server_that_speaks_no_tls_is_an_error() {
    let server = Server::one(&body());
    let folder = TempDir::new().unwrap();
    let url = server.url("right").replace("http:", "https:");
    let error = fetch::fetch_within(&[url], "", &folder.path().join("file.gz"), QUICK).unwrap_err();
    assert_eq!(error.to_string().lines().count(), 2, "{error}");
    assert_eq!(names_in(folder.path()), [""; 0]);
}

#[test]
fn nobody_listening_and_no_address_are_errors() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let folder = TempDir::new().unwrap();
    let urls = [
        format!("http://127.0.0.1:{port}/file.gz"),
        "no address".to_owned(),
    ];
    let error = fetch::fetch_within(&urls, "", &folder.path().join("file.gz"), QUICK).unwrap_err();
    assert_eq!(error.to_string().lines().count(), 3, "{error}");
    assert_eq!(names_in(folder.path()), [""; 0]);
}

#[test]
fn a_disk_that_takes_nothing_is_not_the_mirrors_fault() {
    let body = body();
    let server = Server::one(&body);
    let folder = TempDir::new().unwrap();
    // A file is in the place of the folder.
    fs::write(folder.path().join("sub"), []).unwrap();
    let urls = [server.url("right"), server.url("right")];
    let destination = folder.path().join("sub/file.gz");
    let error =
        fetch::fetch_within(&urls, &fetch::md5_hex(&[&body]), &destination, QUICK).unwrap_err();
    assert!(
        error.to_string().contains("sub: cannot be written"),
        "{error}"
    );
    assert_eq!(server.requests().len(), 1);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// Returns a data set of two training images and one test image, and a server that has it.
fn published() -> (IdxDataset, Server) {
    let contents: [&[u8]; 4] = [
        &[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 50, 60],
        &[0, 0, 8, 1, 0, 0, 0, 2, 4, 5],
        &[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 70],
        &[0, 0, 8, 1, 0, 0, 0, 1, 5],
    ];
    let files: Vec<_> = NAMES
        .iter()
        .zip(contents)
        .map(|(name, bytes)| (format!("{name}.gz"), gzip(bytes)))
        .collect();
    let archive = IdxDataset {
        name: "tiny",
        torchvision: "Tiny",
        title: "Tiny",
        classes: [""; 10],
        files: [0, 1, 2, 3].map(|i| PublishedFile {
            name: NAMES[i],
            md5: fetch::md5_hex(&[&files[i].1]).leak(),
            plain_md5: None,
        }),
        mirrors: [""; 2],
        first_labels: [0; 20],
    };
    (archive, Server::start(files))
}

fn place(root: &TempDir, mirror: String) -> DataPaths {
    DataPaths {
        named: None,
        local: root.path().join("data"),
        cache: root.path().join("cache"),
        download: true,
        keeps_images: true,
        mirror: Some(mirror),
    }
}

#[test]
fn what_is_nowhere_is_downloaded_once() {
    let (archive, server) = published();
    let root = TempDir::new().unwrap();
    for (mirror, slash) in [("right", ""), ("flat", "/")] {
        let cache = root.path().join(mirror);
        let place = DataPaths {
            cache: cache.clone(),
            ..place(&root, format!("{}/{mirror}{slash}", server.base))
        };
        let data = idx_dataset::load(&place, &archive).unwrap();
        assert_eq!(
            (data.train.to_bytes().unwrap(), data.test.labels),
            (vec![50, 60], Some(vec![1]))
        );
        let asked = server.requests().len();
        idx_dataset::load(&place, &archive).unwrap();
        assert_eq!(server.requests().len(), asked);
        assert_eq!(names_in(&cache.join("tiny")).len(), 4);
    }
}

#[test]
fn two_processes_download_once() {
    let (archive, server) = published();
    let root = TempDir::new().unwrap();
    let place = place(&root, format!("{}/late", server.base));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| idx_dataset::load(&place, &archive).unwrap());
        }
    });
    if cfg!(unix) {
        assert_eq!(server.requests().len(), 4);
    }
}

#[test]
fn a_download_goes_on_where_it_stopped() {
    let (archive, server) = published();
    let root = TempDir::new().unwrap();
    let folder = root.path().join("cache/tiny");
    idx_dataset::find(&place(&root, format!("{}/right", server.base)), &archive).unwrap();
    fs::remove_file(folder.join(format!("{}.gz", NAMES[2]))).unwrap();
    idx_dataset::find(&place(&root, format!("{}/right", server.base)), &archive).unwrap();
    assert_eq!(server.requests().len(), 5);
}

#[test]
fn a_download_that_fails_says_where_the_files_can_be_put() {
    let (archive, server) = published();
    let root = TempDir::new().unwrap();
    let error =
        idx_dataset::find(&place(&root, format!("{}/none", server.base)), &archive).unwrap_err();
    assert_eq!(error.code(), 2);
    let message = error
        .render()
        .replace(root.path().to_str().unwrap(), "DIR")
        .replace(&server.base, "SERVER");
    assert_eq!(
        message,
        "error: Tiny was not found; looked in\
         \n  DIR/data/tiny: no such folder\
         \n  DIR/data/Tiny/raw: no such folder\
         \n  DIR/cache/tiny: no such folder\
         TRIED\nand train-images-idx3-ubyte.gz could not be downloaded:\
         \n  SERVER/none/tiny/train-images-idx3-ubyte.gz: not found there (404)\
         \n  SERVER/none/train-images-idx3-ubyte.gz: not found there (404)\
         \nhint: put the four files in data/tiny/, or pass --data DIR or set VAE_DATA, or run once where there is a network"
            .replace("TRIED", &names_tried("tiny.npz"))
    );
    assert_eq!(names_in(&root.path().join("cache/tiny")), [""; 0]);
}
