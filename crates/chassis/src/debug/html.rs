//! Writes HTML. What is not part of the program's own text can only get in escaped.

/// A page that is being written.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Adds HTML of our own.
    pub(super) fn html(&mut self, html: &'static str) -> &mut Self {
        self.0.push_str(html);
        self
    }

    /// Adds what may have come from anywhere: as text, or within the quotation marks of an attribute.
    pub(super) fn text(&mut self, text: impl AsRef<str>) -> &mut Self {
        for character in text.as_ref().chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // Neither to be seen nor to turn the direction of what follows.
                character if is_invisible(character) => self.0.push('\u{fffd}'),
                character => self.0.push(character),
            }
        }
        self
    }

    /// Adds an element with a text in it. `open` is the opening tag, `close` the closing one.
    pub(super) fn element(
        &mut self,
        open: &'static str,
        text: impl AsRef<str>,
        close: &'static str,
    ) -> &mut Self {
        self.html(open).text(text).html(close)
    }

    /// Adds a cell of a table.
    pub(super) fn cell(&mut self, text: impl AsRef<str>) -> &mut Self {
        self.element("<td>", text, "</td>")
    }

    /// Adds a cell with a number.
    pub(super) fn number(&mut self, number: impl ToString) -> &mut Self {
        self.element("<td class=\"n\">", number.to_string(), "</td>")
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

fn is_invisible(character: char) -> bool {
    let turns = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || (character.is_control() && character != '\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_comes_from_outside_is_html() {
        let mut html = Html::default();
        html.element("<b title=\"", "\" onload='x' <script>&\u{202e}\u{1b}\n", "\">");
        assert_eq!(
            html.finish(),
            "<b title=\"&quot; onload=&#39;x&#39; &lt;script&gt;&amp;\u{fffd}\u{fffd}\n\">"
        );
    }
}
