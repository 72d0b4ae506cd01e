//! A chart inside of a page.

use crate::report::html::escaped;

/// Returns a chart for a place inside of a page. Its ink, its grid and its paper get the colours of the page, so that it
/// can be read on a dark page too.
pub fn chart(about: &str, svg: &str) -> String {
    let start = svg.find("<svg").unwrap_or(0);
    let mut svg = svg[start..].replacen("<svg ", "<svg aria-hidden=\"true\" ", 1);
    for (colour, name) in [
        ("#FFFFFF", "paper"),
        ("#222222", "ink"),
        ("#000000", "ink"),
        ("#E2E2E2", "grid"),
        ("#606060", "faint"),
    ] {
        svg = svg.replace(&format!("\"{colour}\""), &format!("\"var(--{name})\""));
    }
    format!(
        "<div class=\"chart\" role=\"img\" aria-label=\"{}\">{svg}</div>",
        escaped(about)
    )
}
