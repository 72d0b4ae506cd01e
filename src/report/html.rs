//! The HTML of a report: tables of numbers with their errors, and sentences.

use super::{Cell, Report, ReportBlock, Row, Table};

/// Returns text as HTML that shows this text: neither a tag nor an attribute can begin or end in it.
pub fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

/// Returns a sentence as HTML; what stands between backticks is code.
pub fn sentence(text: &str) -> String {
    let mut html = String::new();
    let mut parts = text.split('`');
    html += &escaped(parts.next().unwrap_or_default());
    while let Some(code) = parts.next() {
        match parts.next() {
            Some(rest) => html += &format!("<code>{}</code>{}", escaped(code), escaped(rest)),
            None => html += &format!("`{}", escaped(code)),
        }
    }
    html
}

impl Report {
    /// Returns the report as HTML, for a place inside of a page.
    pub fn html(&self) -> String {
        let mut html = String::new();
        for part in self.blocks() {
            match part {
                ReportBlock::Rows(rows) => html += &block(&rows),
                ReportBlock::Table(table) => html += &table.html(),
                ReportBlock::Line(line) => html += &format!("<p>{}</p>\n", sentence(line.trim())),
            }
        }
        html
    }
}

impl Table {
    fn html(&self) -> String {
        let shown = self.shown_columns();
        let is_number: Vec<bool> = shown
            .iter()
            .map(|&column| self.has_numbers(column))
            .collect();
        let class = |place: usize| {
            if is_number[place] {
                " class=\"number\""
            } else {
                ""
            }
        };
        let mut html = String::from("<div class=\"wide\"><table>\n");
        if let Some(heading) = &self.heading {
            html += &format!("<caption>{}</caption>\n", escaped(heading));
        }
        if self.has_titles {
            html += "<thead><tr>";
            for (place, &column) in shown.iter().enumerate() {
                let title = escaped(self.columns[column].1.trim());
                html += &format!("<th scope=\"col\"{}>{title}</th>", class(place));
            }
            html += "</tr></thead>\n";
        }
        html += "<tbody>\n";
        for row in self.shown_rows() {
            html += "<tr>";
            for (place, &column) in shown.iter().enumerate() {
                let cell = escaped(&self.rows[row][column].render());
                html += &format!("<td{}>{cell}</td>", class(place));
            }
            html += "</tr>\n";
        }
        html += "</tbody></table></div>\n";
        match self.left_out() {
            0 => html,
            count => html + &format!("<p>and {count} more</p>\n"),
        }
    }
}

/// Returns consecutive rows as one table: the name of a number, the number, its error, and what it means.
fn block(rows: &[&Row]) -> String {
    let mut html = String::from("<div class=\"wide\"><table class=\"numbers\"><tbody>\n");
    for row in rows {
        let title = escaped(row.title.trim());
        let remark = escaped(row.remark.trim());
        html += &format!("<tr><th scope=\"row\">{title}</th>");
        html += &match number_and_error(&row.cell) {
            Some([number, error]) => format!(
                "<td class=\"number\">{number}</td><td class=\"error\">{error}</td><td>{remark}</td>"
            ),
            None => {
                let words = escaped(&row.cell.render());
                format!("<td colspan=\"3\">{words} {remark}</td>")
            }
        };
        html += "</tr>\n";
    }
    html + "</tbody></table></div>\n"
}

/// Returns the two parts of a number with an error, or `None` for words.
fn number_and_error(cell: &Cell) -> Option<[String; 2]> {
    if !cell.is_number() {
        return None;
    }
    let text = cell.render();
    let (number, error) = match text.split_once(" ± ") {
        Some((number, error)) => (number, format!("± {error}")),
        None => (text.as_str(), String::new()),
    };
    Some([escaped(number), escaped(&error)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Estimate;

    #[test]
    fn code_stands_between_backticks_that_come_in_pairs() {
        let html = sentence("`a<b>` and `c`, ` alone");
        assert_eq!(html, "<code>a&lt;b&gt;</code> and <code>c</code>, ` alone");
    }

    #[test]
    fn a_number_stands_beside_its_error_and_nothing_becomes_a_tag() {
        let mut report = Report::new();
        let value = Some(Estimate {
            mean: -105.25,
            se: Some(0.5),
        });
        report.row("elbo", "ELBO", Cell::estimate(value, 2), "nats <per> image");
        report.text_row("units", Cell::text("</td>"), "(a & b)");
        report.line("it's <b>");
        report.table(Table::names("kinds", [("<i>", "\"x\"")]));
        let html = report.html();
        for part in [
            "<th scope=\"row\">ELBO</th><td class=\"number\">-105.25</td><td class=\"error\">± 0.50</td><td>nats &lt;per&gt; image</td>",
            "<td colspan=\"3\">&lt;/td&gt; (a &amp; b)</td>",
            "<p>it&#39;s &lt;b&gt;</p>",
            "<td>&lt;i&gt;</td><td>&quot;x&quot;</td>",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }
}
