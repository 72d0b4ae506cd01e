//! The sections of a page: numbers, charts, images and words.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::chart::chart;
use crate::report::Report;
use crate::report::html::{escaped, sentence};

/// A section with a heading.
#[derive(Clone, Debug)]
pub struct PageSection {
    /// The name that a link to the section has.
    pub id: &'static str,
    pub title: String,
    pub parts: Vec<PagePart>,
}

/// A part of a section.
#[derive(Clone, Debug)]
pub enum PagePart {
    /// A sentence.
    Text(String),
    /// A short sentence that the section has its name for.
    Finding(String),
    Numbers(Report),
    /// Numbers that are shown on demand, below this line.
    MoreNumbers(String, Report),
    /// Charts as SVG documents, side by side where there is room. Each has a description.
    Charts(Vec<(String, String)>),
    /// A PNG file, with a description and a caption.
    Image {
        png: Vec<u8>,
        about: String,
        caption: String,
    },
    /// A text in a fixed layout that is shown on demand, below this line.
    Listing(String, String),
}

impl PageSection {
    pub fn new(id: &'static str, title: &str) -> Self {
        Self {
            id,
            title: title.to_owned(),
            parts: Vec::new(),
        }
    }

    pub fn push(&mut self, part: PagePart) {
        self.parts.push(part);
    }

    pub(super) fn html(&self) -> String {
        let parts: String = self.parts.iter().map(PagePart::html).collect();
        format!(
            "<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{}</h2>\n{parts}</section>\n",
            escaped(&self.title),
            id = self.id
        )
    }
}

impl PagePart {
    fn html(&self) -> String {
        match self {
            Self::Text(text) => format!("<p>{}</p>\n", sentence(text)),
            Self::Finding(text) => format!("<p class=\"finding\">{}</p>\n", escaped(text)),
            Self::Numbers(report) => report.html(),
            Self::MoreNumbers(title, report) => {
                let title = escaped(title);
                format!(
                    "<details><summary>{title}</summary>\n{}</details>\n",
                    report.html()
                )
            }
            Self::Charts(charts) => {
                let charts: String = charts
                    .iter()
                    .map(|(about, svg)| chart(about, svg))
                    .collect();
                format!("<div class=\"charts\">{charts}</div>\n")
            }
            Self::Image {
                png,
                about,
                caption,
            } => format!(
                "<figure><div class=\"wide\"><img class=\"sheet\" src=\"{}\" alt=\"{}\"></div><figcaption>{}</figcaption></figure>\n",
                png_uri(png),
                escaped(about),
                escaped(caption)
            ),
            Self::Listing(title, text) => {
                let (title, text) = (escaped(title), escaped(text));
                format!(
                    "<details><summary>{title}</summary>\n<pre tabindex=\"0\">{text}</pre></details>\n"
                )
            }
        }
    }
}

/// Returns a PNG file as the address of an image.
pub(super) fn png_uri(png: &[u8]) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png))
}
