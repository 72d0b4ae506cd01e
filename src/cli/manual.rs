//! `vae manual`, a hidden command: writes what a release has beside the program, the manual pages and the scripts for shells.
//! The workflow of releases calls it, and so may whoever makes a package of the program.

use std::path::{Path, PathBuf};

use clap::{Args, Command, CommandFactory};
use clap_mangen::Man;

use super::completions::{Shell, script};
use crate::error::{Error, Result};
use crate::files;

/// Write the manual pages and the scripts for shells, for a package
#[derive(Debug, Args)]
pub struct Manual {
    /// The folder, in which `man` and `completions` are made
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// The scripts, with the names under which the shells look for them.
const SCRIPTS: &[(Shell, &str)] = &[
    (Shell::Bash, "vae.bash"),
    (Shell::Zsh, "_vae"),
    (Shell::Fish, "vae.fish"),
    (Shell::Elvish, "vae.elv"),
    (Shell::Powershell, "_vae.ps1"),
];

impl Manual {
    /// Writes the pages of the command `C` and of its subcommands.
    pub fn run<C: CommandFactory>(self) -> Result<()> {
        let mut command = C::command().disable_help_subcommand(true);
        command.build();
        let pages = self.folder.join("man");
        files::make_folder(&pages)?;
        write_page(&command, &pages)?;
        for subcommand in command.get_subcommands() {
            if !subcommand.is_hide_set() {
                write_page(subcommand, &pages)?;
            }
        }
        let scripts = self.folder.join("completions");
        files::make_folder(&scripts)?;
        for (shell, name) in SCRIPTS {
            files::write(&scripts.join(name), script(*shell)?.as_bytes())?;
        }
        Ok(())
    }
}

fn write_page(command: &Command, folder: &Path) -> Result<()> {
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render(&mut page).map_err(Error::failed)?;
    files::write(&folder.join(man.get_filename()), &page)
}
