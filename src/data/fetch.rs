//! Downloads one file from the first mirror that gives it whole and right.

use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use md5::{Digest, Md5};
use ureq::{Agent, Proxy, Timeout};

use crate::error::{Error, Result};
use crate::{files, ui};

const NO_HOST: &str = "no such host, or no network";

/// The limits at which a mirror is given up. There is none on the whole time: a slow line may take as long as it needs.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest time until the connection stands.
    pub connect: Duration,
    /// The longest time without a single byte.
    pub stall: Duration,
    /// The most bytes in a file; a mirror that sends more sends something else.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            bytes: 200_000_000,
        }
    }
}

/// Downloads `destination` from the first of `urls` whose bytes have the MD5 sum `md5`, in hexadecimal. Each is tried
/// once. The file appears whole or not at all.
///
/// # Errors
/// Exit code 2 if no mirror gave the file, with each mirror and why it failed. If the file cannot be written, the error
/// says so at once, since no other mirror would help.
pub fn fetch(urls: &[String], md5: &str, destination: &Path) -> Result<()> {
    fetch_within(urls, md5, destination, Limits::default())
}

/// Does what [`fetch`] does with other limits.
///
/// # Errors
/// Those of [`fetch`].
pub fn fetch_within(urls: &[String], md5: &str, destination: &Path, limits: Limits) -> Result<()> {
    let mut failures = String::new();
    for url in urls {
        match attempt(url, md5, destination, limits) {
            Ok(()) => return Ok(()),
            Err(FetchFault::Disk(error)) => return Err(error),
            Err(FetchFault::Mirror(why)) => failures.push_str(&format!("\n  {url}: {why}")),
        }
    }
    let name = name_of(destination);
    Err(Error::request(format!("{name} could not be downloaded:{failures}"))
        .with_hint("run once where these addresses can be reached, or name a mirror of your own in VAE_MIRROR"))
}

/// Returns the MD5 sum of the concatenated parts, in hexadecimal.
pub fn md5_hex(pass: &[&[u8]]) -> String {
    let mut sum = Md5::new();
    pass.iter().for_each(|part| sum.update(part));
    hex(sum)
}

enum FetchFault {
    /// Another mirror may do better.
    Mirror(String),
    /// No mirror can help.
    Disk(Error),
}

fn attempt(url: &str, md5: &str, destination: &Path, limits: Limits) -> Result<(), FetchFault> {
    let mut answer = agent(url, limits)
        .get(url)
        .call()
        .map_err(|error| FetchFault::Mirror(reason(&error, limits)))?
        .into_body();
    let length = answer.content_length();
    if let Some(bytes) = length.filter(|bytes| *bytes > limits.bytes) {
        return Err(FetchFault::Mirror(too_long(bytes, limits)));
    }
    // `write_with` knows the disk's errors alone, so the mirror's are passed beside it.
    let mut refused = None;
    let written = files::write_with(destination, |out| {
        let bar = ui::download_bar(&name_of(destination), length);
        let received = receive(&mut answer.as_reader(), out, md5, limits, |bytes| {
            bar.inc(bytes)
        });
        bar.finish_and_clear();
        match received? {
            Ok(()) => Ok(()),
            Err(why) => {
                refused = Some(why);
                Err(io::Error::other("refused"))
            }
        }
    });
    match refused {
        Some(why) => Err(FetchFault::Mirror(why)),
        None => written.map_err(FetchFault::Disk),
    }
}

/// Copies `input` to `out`. The outer error is the disk's, the inner one the mirror's.
fn receive(
    input: &mut impl Read,
    out: &mut dyn Write,
    md5: &str,
    limits: Limits,
    mut progress: impl FnMut(u64),
) -> io::Result<Result<(), String>> {
    let mut sum = Md5::new();
    let mut buffer = vec![0; 1 << 16];
    let mut received = 0_u64;
    let mut web_page = false;
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) => {
                return Ok(Err(format!(
                    "{} after {received} bytes",
                    reason(&ureq::Error::from(error), limits)
                )));
            }
        };
        let bytes = &buffer[..count];
        web_page |= received == 0 && bytes.trim_ascii_start().starts_with(b"<");
        received += count as u64;
        if received > limits.bytes {
            return Ok(Err(too_long(received, limits)));
        }
        sum.update(bytes);
        out.write_all(bytes)?;
        progress(count as u64);
    }
    let found = hex(sum);
    if found == md5 {
        return Ok(Ok(()));
    }
    let looks = if web_page { ", a web page" } else { "" };
    Ok(Err(format!(
        "wrong content: expected MD5 {md5}, found {found} ({received} bytes{looks})"
    )))
}

fn agent(url: &str, limits: Limits) -> Agent {
    // A proxy cannot reach what listens on this machine.
    let proxy = if is_local(url) {
        None
    } else {
        Proxy::try_from_env()
    };
    Agent::config_builder()
        .proxy(proxy)
        .user_agent(concat!("vae/", env!("CARGO_PKG_VERSION")))
        // The sum is that of the archive as it is stored.
        .accept_encoding("identity")
        .timeout_resolve(Some(limits.connect))
        .timeout_connect(Some(limits.connect))
        .timeout_per_write(Some(limits.stall))
        .timeout_per_read(Some(limits.stall))
        .build()
        .new_agent()
}

fn is_local(url: &str) -> bool {
    let Ok(uri) = url.parse::<ureq::http::Uri>() else {
        return false;
    };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Returns in words why a request failed.
fn reason(error: &ureq::Error, limits: Limits) -> String {
    match error {
        ureq::Error::StatusCode(404) => "not found there (404)".to_owned(),
        ureq::Error::StatusCode(z) => format!("the server answers {z}"),
        ureq::Error::HostNotFound => NO_HOST.to_owned(),
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            format!("no connection within {} s", limits.connect.as_secs_f32())
        }
        ureq::Error::Timeout(_) => format!("no answer for {} s", limits.stall.as_secs_f32()),
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the connection was closed".to_owned()
        }
        // The standard library has no kind for this one.
        ureq::Error::Io(error) if error.to_string().starts_with("failed to lookup address") => {
            NO_HOST.to_owned()
        }
        ureq::Error::Io(error) => error.to_string(),
        other => other.to_string(),
    }
}

fn too_long(bytes: u64, limits: Limits) -> String {
    format!(
        "{bytes} bytes, and a file of at most {} was expected",
        limits.bytes
    )
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Returns a sum in hexadecimal.
pub(super) fn hex(sum: Md5) -> String {
    sum.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
