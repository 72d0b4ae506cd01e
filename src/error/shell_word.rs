//! Paths in the commands that hints suggest, so that a command can be pasted into a shell.

use std::path::{MAIN_SEPARATOR, Path};

/// Returns `path` as one word of a shell's command: quoted if it has spaces or other characters with a meaning, and behind
/// `./` if it would be read as a flag.
pub fn shell_word(path: impl AsRef<Path>) -> String {
    let path = path.as_ref().to_string_lossy();
    let path = match path.starts_with('-') {
        true => format!(".{MAIN_SEPARATOR}{path}"),
        false => path.into_owned(),
    };
    if cfg!(windows) {
        return if path.contains([' ', '&', '(', ')']) {
            format!("\"{path}\"")
        } else {
            path
        };
    }
    // In the middle of a word an equals sign means nothing. Runs of a sweep have it in their names.
    let without_sign = path.replace('=', "_");
    if !path.starts_with('=') && shlex::try_quote(&without_sign).as_deref() == Ok(&without_sign) {
        return path;
    }
    // No path has a NUL byte, which alone cannot be quoted.
    shlex::try_quote(&path).map_or_else(|_| path.clone(), String::from)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_a_suggested_command_is_quoted_as_a_shell_needs() {
        assert_eq!(shell_word("runs/digits-1"), "runs/digits-1");
        assert_eq!(shell_word("my runs/it's; rm *"), "\"my runs/it's; rm *\"");
        assert_eq!(shell_word("a$b"), "'a$b'");
        assert_eq!(shell_word("runs/mine-beta=4"), "runs/mine-beta=4");
        assert_eq!(shell_word("=mine"), "'=mine'");
    }

    #[test]
    fn a_path_in_a_suggested_command_is_no_flag() {
        assert_eq!(shell_word("-a"), "./-a");
        assert_eq!(shell_word("--my run"), "'./--my run'");
        assert_eq!(shell_word("runs/-a"), "runs/-a");
    }
}
