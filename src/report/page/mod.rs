//! The page of `vae report`: one HTML file with everything in it, which opens from a disk and asks for nothing else.
//!
//! `page.html` is its frame, `page.css` its look. `decoder.js` computes the networks, with the products of `tiles.js`, and
//! `explorer.js`, with `engine.js`, `pixels.js` and `pad.js`, is everything that a person can move. All text that a person or
//! a data set chose is escaped, and the page's policy lets no other script run and nothing be loaded.

mod chart;
mod explorer;
mod graph;
mod networks;
mod section;
mod sliders;
mod template;

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::html::{escaped, sentence};
use crate::data::fetch::md5_hex;
use crate::error::Result;
use template::filled;

pub use explorer::{Explorer, LatentAxis, PageImages, RandomLatents, SelfTest, TESTED};
pub use networks::{PageNetworks, WeightPrecision, rounded_to_float16};
pub use section::{PagePart, PageSection};
pub use sliders::sliders;

const FRAME: &str = include_str!("page.html");
const EXPLORER_FRAME: &str = include_str!("explorer.html");
const SCRIPTS: &str = include_str!("scripts.html");
const STYLE: &str = include_str!("page.css");
const DECODER: &str = concat!(include_str!("tiles.js"), include_str!("decoder.js"));
const EXPLORER: &str = concat!(
    include_str!("engine.js"),
    include_str!("pixels.js"),
    include_str!("pad.js"),
    include_str!("explorer.js")
);

/// The beginning of every page. A file that begins with something else was not written by `vae report`.
pub const BEGINNING: &str = "<!doctype html>\n<!-- written by vae report -->\n";

/// A page.
#[derive(Clone, Debug)]
pub struct ReportPage {
    /// The name of the run.
    pub name: String,
    /// The model and the data in one line.
    pub about: String,
    /// The most important numbers: each with its name and its unit.
    pub headline: Vec<Headline>,
    /// The conditions of the headline's numbers.
    pub protocol: Vec<String>,
    pub explorer: Option<Explorer>,
    pub sections: Vec<PageSection>,
    /// The version of the program, and the hashes.
    pub footer: Vec<String>,
}

/// A number in the page's head.
#[derive(Clone, Debug)]
pub struct Headline {
    pub title: String,
    pub number: String,
    pub error: String,
    pub unit: String,
}

impl ReportPage {
    /// Returns the page as a file.
    ///
    /// # Errors
    /// Returns an error if the weights cannot be compressed.
    pub fn render(&self) -> Result<String> {
        let sections: String = self.sections.iter().map(PageSection::html).collect();
        let explorer = match &self.explorer {
            Some(explorer) => explorer_html(explorer)?,
            None => String::new(),
        };
        // A script must carry this word to run. It depends on all contents, so that nobody who chose some of them knew it.
        let nonce = md5_hex(&[sections.as_bytes(), explorer.as_bytes()]);
        let scripts = match &self.explorer {
            Some(_) => filled(
                SCRIPTS,
                &[
                    ("nonce", &nonce),
                    ("decoder", DECODER),
                    ("script", EXPLORER),
                ],
            ),
            None => String::new(),
        };
        let page = filled(
            FRAME,
            &[
                ("name", &escaped(&self.name)),
                ("about", &escaped(&self.about)),
                ("style", STYLE),
                ("nonce", &nonce),
                ("headline", &self.headline_html()),
                ("protocol", &paragraphs(&self.protocol)),
                ("links", &self.links()),
                ("explorer", &explorer),
                ("sections", &sections),
                ("footer", &paragraphs(&self.footer)),
                ("scripts", &scripts),
            ],
        );
        Ok(format!("{BEGINNING}{page}"))
    }

    fn headline_html(&self) -> String {
        let number = |headline: &Headline| {
            format!(
                "<div><dt>{}</dt><dd><b>{}</b> <span>{}</span> <small>{}</small></dd></div>\n",
                escaped(&headline.title),
                escaped(&headline.number),
                escaped(&headline.error),
                escaped(&headline.unit)
            )
        };
        self.headline.iter().map(number).collect()
    }

    fn links(&self) -> String {
        let explorer = self.explorer.as_ref().map(|_| ("explore", "Explore"));
        let sections = self.sections.iter();
        let sections = sections.map(|section| (section.id, section.title.as_str()));
        let mut links = String::new();
        for (id, title) in explorer.into_iter().chain(sections) {
            let _ = writeln!(links, "<li><a href=\"#{id}\">{}</a></li>", escaped(title));
        }
        links
    }
}

fn paragraphs(texts: &[String]) -> String {
    let paragraph = |text: &String| format!("<p>{}</p>\n", sentence(text));
    texts.iter().map(paragraph).collect()
}

fn explorer_html(explorer: &Explorer) -> Result<String> {
    let marks = explorer.marks.as_deref().unwrap_or_default();
    Ok(filled(
        EXPLORER_FRAME,
        &[
            ("marks", &escaped(marks)),
            ("notes", &paragraphs(&explorer.notes)),
            ("data", &inlined(&explorer.json())),
            ("weights", &STANDARD.encode(explorer.networks.bytes()?)),
        ],
    ))
}

/// Returns JSON for a script element, which no text inside of it can end.
fn inlined(json: &Value) -> String {
    json.to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_of_a_class_ends_the_script_that_holds_it() {
        let page = |classes: &[&str]| {
            let json = serde_json::json!({ "classes": classes });
            (filled(EXPLORER_FRAME, &[("data", &inlined(&json))]), json)
        };
        let tags = |page: &str| page.matches('<').count();
        let (plain, _) = page(&["a", "b", "c"]);
        let (hostile, json) = page(&["</script>", "<!--<script>", "{{weights}}"]);
        assert_eq!(tags(&hostile), tags(&plain), "{hostile}");
        let (_, data) = hostile.split_once("id=\"explorer-data\">").unwrap();
        let (data, _) = data.split_once("</script>").unwrap();
        assert_eq!(serde_json::from_str::<Value>(data).unwrap(), json);
    }

    #[test]
    fn the_scripts_and_the_style_end_no_element() {
        for text in [DECODER, EXPLORER, STYLE] {
            assert!(!text.contains("</") && !text.contains("<!--"));
        }
    }
}
