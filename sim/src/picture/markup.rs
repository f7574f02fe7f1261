//! Writes HTML and SVG: what goes in as text stays text.

use core::fmt::{self, Display, Write as _};
use core::ops::{Add, Sub};

/// A length or place in a picture, in tenths of a pixel: whole numbers, so that pictures are the same everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Px(pub(crate) i64);

impl Px {
    /// Whole pixels.
    pub(crate) const fn whole(pixels: i64) -> Self {
        Self(pixels * 10)
    }

    /// As many pixels as text of this size takes at most, near enough: fonts differ.
    pub(crate) fn of_text(text: &str, size: i64) -> Self {
        Self(i64::try_from(text.chars().count()).unwrap_or(i64::MAX / 100) * size * 6)
    }
}

impl Add for Px {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Px {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, tenths) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        match tenths % 10 {
            0 => write!(f, "{sign}{}", tenths / 10),
            tenth => write!(f, "{sign}{}.{tenth}", tenths / 10),
        }
    }
}

/// A place and a size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rect {
    pub(crate) x: Px,
    pub(crate) y: Px,
    pub(crate) width: Px,
    pub(crate) height: Px,
}

/// Text that may stand between tags and inside quotes. Control characters, which no page may hold, become U+FFFD.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            '\n' | '\t' => f.write_char(c),
            c if c.is_control() => f.write_char(char::REPLACEMENT_CHARACTER),
            // XML has no room for these two, and an SVG with them would not open.
            '\u{fffe}' | '\u{ffff}' => f.write_char(char::REPLACEMENT_CHARACTER),
            c => f.write_char(c),
        })
    }
}

/// What a path draws, in the making.
#[derive(Debug, Default)]
pub(crate) struct Strokes(String);

impl Strokes {
    /// Goes on with this.
    pub(crate) fn add(&mut self, stroke: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.0.write_fmt(stroke);
    }
}

/// A document in the making.
#[derive(Debug, Default)]
pub(crate) struct Markup(String);

impl Markup {
    /// What was written.
    pub(crate) fn finish(self) -> String {
        self.0
    }

    /// Opens an element.
    pub(crate) fn open(&mut self, tag: &str, attributes: &[(&str, &dyn Display)]) -> &mut Self {
        self.begin(tag, attributes);
        self.0.push('>');
        self
    }

    /// Closes the element that was opened last.
    pub(crate) fn close(&mut self, tag: &str) -> &mut Self {
        self.0.push_str("</");
        self.0.push_str(tag);
        self.0.push_str(">\n");
        self
    }

    /// An element with nothing but text in it.
    pub(crate) fn leaf(&mut self, tag: &str, attributes: &[(&str, &dyn Display)], text: &str) -> &mut Self {
        self.open(tag, attributes).text(text).close(tag)
    }

    /// Text.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.push(&Escaped(text))
    }

    /// Markup that was written elsewhere.
    pub(crate) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// A paragraph.
    pub(crate) fn paragraph(&mut self, class: &str, text: &str) -> &mut Self {
        self.leaf("p", &[("class", &class)], text)
    }

    /// A cell with a number, or another thing of fixed width.
    pub(crate) fn number(&mut self, text: &str) -> &mut Self {
        self.leaf("td", &[("class", &"number")], text)
    }

    /// Begins a table under the heading of this id, its columns with their classes. It scrolls by itself where the
    /// screen is narrow.
    pub(crate) fn table(&mut self, heading: &str, columns: &[(&str, &str)]) -> &mut Self {
        let of: [(&str, &dyn Display); 4] =
            [("class", &"box"), ("tabindex", &"0"), ("role", &"region"), ("aria-labelledby", &heading)];
        self.open("div", &of).open("table", &[]).open("thead", &[]).open("tr", &[]);
        for (column, class) in columns {
            self.leaf("th", &[("scope", &"col"), ("class", class)], column);
        }
        self.close("tr").close("thead").open("tbody", &[]).raw("\n")
    }

    /// Ends a table.
    pub(crate) fn table_end(&mut self) -> &mut Self {
        self.close("tbody").close("table").close("div")
    }

    /// A rectangle, with what is said when somebody points at it; nothing is said where that is empty.
    pub(crate) fn rect(&mut self, class: &str, at: Rect, title: &str) -> &mut Self {
        let Rect { x, y, width, height } = at;
        self.begin("rect", &[("class", &class), ("x", &x), ("y", &y), ("width", &width), ("height", &height)]);
        self.shape_end("rect", title)
    }

    /// A path.
    pub(crate) fn path(&mut self, class: &str, d: &str, title: &str) -> &mut Self {
        self.begin("path", &[("class", &class), ("d", &d)]);
        self.shape_end("path", title)
    }

    /// A path of many strokes; nothing if there is none.
    pub(crate) fn strokes(&mut self, class: &str, strokes: &Strokes, title: &str) -> &mut Self {
        if strokes.0.is_empty() { self } else { self.path(class, &strokes.0, title) }
    }

    /// Text in a drawing; `y` is its base line.
    pub(crate) fn label(&mut self, class: &str, x: Px, y: Px, text: &str, title: &str) -> &mut Self {
        self.begin("text", &[("class", &class), ("x", &x), ("y", &y)]);
        self.0.push('>');
        if !title.is_empty() {
            self.raw("<title>").text(title).raw("</title>");
        }
        self.text(text).close("text")
    }

    fn shape_end(&mut self, tag: &str, title: &str) -> &mut Self {
        if title.is_empty() {
            return self.raw("/>\n");
        }
        self.raw("><title>").text(title).raw("</title>").close(tag)
    }

    fn begin(&mut self, tag: &str, attributes: &[(&str, &dyn Display)]) {
        self.0.push('<');
        self.0.push_str(tag);
        for (name, value) in attributes {
            let value = value.to_string();
            if name.is_empty() || (*name == "class" && value.is_empty()) {
                continue;
            }
            self.push(&format_args!(" {name}=\"{}\"", Escaped(&value)));
        }
    }

    fn push(&mut self, what: &dyn Display) -> &mut Self {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{what}");
        self
    }
}

/// A whole page.
pub(crate) struct Page<'a> {
    /// Its title.
    pub(crate) title: &'a str,
    /// What is in it.
    pub(crate) body: &'a str,
    /// What runs in it, and the SHA-256 of that as a content security policy has it; nothing else can run.
    pub(crate) script: Option<(&'a str, &'a str)>,
}

impl Page<'_> {
    /// The page as one file.
    pub(crate) fn write(&self) -> String {
        let script = self.script.map_or("'none'".to_owned(), |(_, hash)| format!("'sha256-{hash}'"));
        let policy = format!(
            "default-src 'none'; style-src 'unsafe-inline'; script-src {script}; base-uri 'none'; form-action 'none'"
        );
        let mut page = Markup::default();
        page.raw("<!DOCTYPE html>\n").open("html", &[("lang", &"en")]).raw("\n").open("head", &[]).raw("\n");
        page.raw("<meta charset=\"utf-8\">\n");
        page.open("meta", &[("http-equiv", &"Content-Security-Policy"), ("content", &policy)]).raw("\n");
        page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
        page.leaf("title", &[], self.title);
        page.raw("<style>\n").raw(&super::palette::css()).raw(include_str!("page.css")).raw("</style>\n");
        page.close("head").open("body", &[]).raw("\n").raw(self.body);
        if let Some((script, _)) = self.script {
            page.raw("<script>").raw(script).raw("</script>\n");
        }
        page.close("body").close("html");
        page.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_never_becomes_markup() {
        let mut markup = Markup::default();
        let evil = "<script>alert(\"1\" & '2')</script>\u{0}\u{ffff}";
        markup.leaf("p", &[("title", &evil)], evil);
        let safe = "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;\u{fffd}\u{fffd}";
        assert_eq!(markup.finish(), format!("<p title=\"{safe}\">{safe}</p>\n"));
    }

    #[test]
    fn lengths_are_written_as_short_as_can_be() {
        let written = [0, 5, 10, 1_234, -7, -120].map(|tenths| Px(tenths).to_string());
        assert_eq!(written, ["0", "0.5", "1", "123.4", "-0.7", "-12"]);
    }
}
