//! A folder in memory, in a namespace of its own: read-only for everybody, or full. Permissions would
//! not do, because they do not bind root.

use std::path::Path;
use std::process::{Command, Stdio};

/// Mounts a folder in memory over `runs`, with the same files, makes it read-only or fills it, runs the
/// command and copies what the folder holds at the end to `after`.
const SCRIPT: &str = r#"
mode=$1; place=$2; shift 2
mount -t tmpfs -o size=8m none "$place/runs" && cp -a "$place/saved/." "$place/runs/" || exit 99
case $mode in
    read-only) mount -o remount,ro none "$place/runs" || exit 99 ;;
    full) cat /dev/zero >"$place/runs/filler" 2>/dev/null ;;
esac
"$@"
code=$?
cp -a "$place/runs/." "$place/after/" && rm -f "$place/after/filler" || exit 99
exit "$code"
"#;

/// The arguments of `unshare` that allow mounts here.
pub struct Mounts(&'static str);

/// Tries what this machine allows.
pub fn find() -> Option<Mounts> {
    let works = |flags: &&str| {
        let place = tempfile::tempdir().unwrap();
        let mut command = Command::new("unshare");
        command.args([flags, "sh", "-c", r#"mount -t tmpfs none "$1""#, "sh"]);
        command.arg(place.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    ["-Urm", "-m"].into_iter().find(works).map(Mounts)
}

impl Mounts {
    /// Returns the words in front of a command that run it with `runs` in `place` mounted as `mode` says,
    /// `read-only` or `full`. The files of `runs` are in `saved` before, and in `after` afterwards.
    pub fn words(&self, mode: &str, place: &Path) -> Vec<String> {
        let place = place.to_str().unwrap();
        ["unshare", self.0, "sh", "-c", SCRIPT, "sh", mode, place]
            .map(str::to_owned)
            .to_vec()
    }
}
