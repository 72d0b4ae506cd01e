//! `vae completions`: prints the script that lets a shell complete commands. The script asks the program at each press of
//! the key, with `VAE_COMPLETE` set, so that it knows the runs there are.

use std::env;

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::env::Shells;

use crate::error::{Error, Result};
use crate::ui;

/// The variable of the environment with which the script asks.
const VARIABLE: &str = "VAE_COMPLETE";

/// The variable in which some scripts name what they split the candidates at; the others split lines.
const SEPARATOR: &str = "_CLAP_IFS";

/// The explanation where a shell wants its script, for `--help`.
const LONG_HELP: &str = "\
Commands, flags, presets, runs, devices and paths are completed. Add the line of your shell to the file beside it:
  bash       ~/.bashrc                  source <(vae completions bash)
  zsh        ~/.zshrc, after compinit   source <(vae completions zsh)
  fish       ~/.config/fish/config.fish vae completions fish | source
  elvish     ~/.config/elvish/rc.elv    eval (vae completions elvish | slurp)
  powershell $PROFILE                   vae completions powershell | Out-String | Invoke-Expression

These lines ask the program that is installed, so that the script and the program always fit each other.";

/// Print the script with which a shell completes commands, presets and runs
#[derive(Debug, Args)]
#[command(after_long_help = LONG_HELP)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Elvish,
}

impl Completions {
    pub fn run(self) -> Result<()> {
        ui::data(script(self.shell)?.trim_end())
    }
}

impl Shell {
    pub fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Elvish => "elvish",
        }
    }
}

/// The line that completes as soon as zsh has loaded the script from a file `_vae` in its `fpath`: the script itself only says
/// what is to be called from then on.
const COMPLETE_AT_ONCE: &str = r#"
if [[ $funcstack[1] == _vae ]]; then _clap_dynamic_completer_vae "$@"; fi
"#;

/// Returns the script for a shell.
pub fn script(shell: Shell) -> Result<String> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    let Some(completer) = shells.completer(shell.name()) else {
        return Err(Error::failed(format!("no script for {}", shell.name())));
    };
    completer
        .write_registration(VARIABLE, "vae", "vae", "vae", &mut script)
        .map_err(Error::failed)?;
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if let Shell::Zsh = shell {
        script += COMPLETE_AT_ONCE;
    }
    Ok(script)
}

/// Prints the candidates for the last word, if a shell's script asks for them. Returns whether it did.
///
/// # Errors
/// Returns an error if the variable names no shell.
pub fn answer<C: CommandFactory>() -> Result<bool> {
    let Some(name) = env::var_os(VARIABLE).filter(|name| !name.is_empty()) else {
        return Ok(false);
    };
    let name = name.to_string_lossy();
    let shells = Shells::builtins();
    let Some(completer) = shells.completer(&name) else {
        let names: Vec<&str> = shells.names().collect();
        return Err(
            Error::request(format!("{VARIABLE}: there is no shell `{name}`"))
                .with_hint(format!("expected one of {}", names.join(", "))),
        );
    };
    // The script's own words come before `--`.
    let words: Vec<_> = env::args_os()
        .skip_while(|word| word != "--")
        .skip(1)
        .collect();
    let is_begun = words.last().is_some_and(|word| !word.is_empty());
    let mut command = C::command();
    command.build();
    let mut candidates = Vec::new();
    let folder = env::current_dir().ok();
    completer
        .write_complete(&mut command, words, folder.as_deref(), &mut candidates)
        .map_err(Error::failed)?;
    let candidates = String::from_utf8_lossy(&candidates);
    let separator = env::var(SEPARATOR).unwrap_or_else(|_| "\n".to_owned());
    let all = candidates.trim_end_matches('\n').split(&*separator);
    let is_flag = |candidate: &&str| candidate.starts_with('-');
    // Flags are offered once the dash is there, or where nothing else is.
    let keeps_flags = is_begun || all.clone().all(|candidate| is_flag(&candidate));
    let kept: Vec<&str> = all
        .filter(|candidate| keeps_flags || !is_flag(candidate))
        .collect();
    if kept.iter().any(|candidate| !candidate.is_empty()) {
        ui::data(kept.join(&separator))?;
    }
    Ok(true)
}
