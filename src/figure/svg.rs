//! The marks that a drawing of curves is made of, as SVG text.

/// Okabe and Ito (2008): told apart by the colour-blind. Without yellow, which is too faint on white.
pub const COLOURS: [&str; 7] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000",
];
/// Told apart in print without colours.
const DASHES: [&str; 4] = ["none", "6 3", "2 2.5", "8 3 2 3"];

/// A line through `places`, in the colour and the dash of series `index`.
pub fn line(places: &[[f64; 2]], index: usize) -> String {
    let [colour, dash] = [COLOURS[index % COLOURS.len()], DASHES[index % DASHES.len()]];
    let points: Vec<String> = places
        .iter()
        .map(|[x, y]| format!("{x:.2},{y:.2}"))
        .collect();
    let points = points.join(" ");
    format!(
        "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" \
         stroke-linejoin=\"round\" stroke-dasharray=\"{dash}\"/>\n"
    )
}

/// A dot in the colour of series `index`.
pub fn dot([x, y]: [f64; 2], index: usize) -> String {
    let colour = COLOURS[index % COLOURS.len()];
    format!("<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"2.2\" fill=\"{colour}\"/>\n")
}

/// Text at the place of its baseline, with `style` as further attributes; nothing if it is empty.
pub fn text(content: &str, [x, y]: [f64; 2], style: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    let space = if style.is_empty() { "" } else { " " };
    format!(
        "<text x=\"{x:.2}\" y=\"{y:.2}\"{space}{style}>{}</text>\n",
        escaped(content)
    )
}

/// Text as XML takes it: no markup, and none of the characters that XML 1.0 forbids even when escaped.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            control if control.is_control() => safe.push(' '),
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_forbids_is_replaced() {
        assert_eq!(
            escaped("a<b>&\"\u{0}\u{7f}\u{ffff}\u{3b2}"),
            "a&lt;b&gt;&amp;&quot;  \u{fffd}\u{3b2}"
        );
        assert_eq!(text("", [0.0, 0.0], ""), "");
    }
}
