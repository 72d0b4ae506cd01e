//! The frame of a page, with places for its contents.

/// Returns `template` with each `{{name}}` replaced by the contents of that name. Contents are not searched for names.
pub fn filled(template: &str, contents: &[(&str, &str)]) -> String {
    let mut page = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        page += before;
        let Some((name, after)) = after.split_once("}}") else {
            page += "{{";
            rest = after;
            continue;
        };
        let found = contents.iter().find(|(known, _)| *known == name);
        page += found.map_or("", |(_, text)| text);
        rest = after;
    }
    page + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_contents_is_no_place() {
        let page = filled(
            "<{{a}}|{{b}}|{{a}}>{{",
            &[("a", "{{b}}"), ("b", "1"), ("c", "2")],
        );
        assert_eq!(page, "<{{b}}|1|{{b}}>{{");
    }
}
