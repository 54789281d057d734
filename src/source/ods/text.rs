//! The text of a cell: its paragraphs, with white space as OpenDocument defines it.

use super::tag::{Space, Tag};
use super::xml::{Node, Xml, character};
use crate::error::Result;
use crate::model::limits::Limit;

/// As many as are put into a text at a time.
const SPACES: &str = "                                                                ";
/// What XML and OpenDocument call white space in a paragraph.
const WHITE_SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// A child of a cell.
pub(super) enum Block {
    /// With text.
    Paragraph,
    /// With paragraphs of the cell inside.
    Around,
    /// With texts of its own, or none.
    Other,
}

impl Block {
    /// By its tag. Text is in paragraphs, and in headings, lists and sections by some writers (OpenDocument 1.3 part 3, 5).
    pub(super) fn of(tag: &Tag<'_>) -> Self {
        match tag.name() {
            (Space::Text, "p" | "h") => Self::Paragraph,
            (Space::Text, "list" | "list-header" | "list-item" | "section") => Self::Around,
            _ => Self::Other,
        }
    }
}

/// A text that grows by the characters and elements of paragraphs (OpenDocument 1.3 part 3, 6.1.2): runs of white space
/// become one space; spaces, tabs and line ends that are elements stay. A space at an end of a paragraph stays, too,
/// unlike the specification has it: LibreOffice writes the last space of a text as it is, and reads it so.
#[derive(Debug, Default)]
pub(super) struct CellText {
    text: String,
    has_paragraph: bool,
    ends_in_white_space: bool,
}

impl CellText {
    /// Forgets the last cell.
    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.has_paragraph = false;
    }

    /// What the cell says.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Reads the paragraph whose start was the last event, to its end.
    ///
    /// # Errors
    /// What is wrong with the XML; `WorkbookTooLarge` for a text that no cell has.
    pub(super) fn read_paragraph(&mut self, xml: &mut Xml<'_>) -> Result<()> {
        self.start_paragraph();
        let (path, outside) = (xml.path(), xml.depth().saturating_sub(1));
        // One more than a cell may have is refused; no need to make room for what the file claims.
        let most = usize::try_from(xml.limits().string_bytes).unwrap_or(usize::MAX);
        while xml.depth() > outside {
            let mut skip = false;
            match xml.next()? {
                Node::Start(tag) if is_apart(&tag) => skip = true,
                Node::Start(tag) => match tag.name() {
                    (Space::Text, "s") => {
                        let count = tag.attribute(Space::Text, "c")?;
                        let count = count.and_then(|count| count.trim().parse().ok());
                        self.push_spaces(count.unwrap_or(1).min(most.saturating_add(1)));
                    }
                    (Space::Text, "tab" | "tab-stop") => self.push_kept('\t'),
                    (Space::Text, "line-break") => self.push_kept('\n'),
                    _ => {}
                },
                Node::Text(text) => self.push_characters(&text),
                Node::Reference(reference) => {
                    let c = character(path, &reference)?;
                    self.push_characters(c.encode_utf8(&mut [0; 4]));
                }
                _ => {}
            }
            if skip {
                xml.skip_element()?;
            }
            if self.text.len() as u64 > xml.limits().string_bytes {
                return Err(xml.over(Limit::String));
            }
        }
        Ok(())
    }

    fn start_paragraph(&mut self) {
        if self.has_paragraph {
            self.text.push('\n');
        }
        self.has_paragraph = true;
        self.ends_in_white_space = false;
    }

    fn push_characters(&mut self, characters: &str) {
        for (index, word) in characters.split(WHITE_SPACE).enumerate() {
            if index > 0 && !self.ends_in_white_space {
                self.text.push(' ');
                self.ends_in_white_space = true;
            }
            if !word.is_empty() {
                self.text.push_str(word);
                self.ends_in_white_space = false;
            }
        }
    }

    fn push_kept(&mut self, c: char) {
        self.text.push(c);
        self.ends_in_white_space = false;
    }

    fn push_spaces(&mut self, mut count: usize) {
        while let Some(rest) = count.checked_sub(SPACES.len()) {
            self.text.push_str(SPACES);
            count = rest;
        }
        self.text.push_str(SPACES.get(..count).unwrap_or_default());
        self.ends_in_white_space = false;
    }
}

/// Whether an element in a paragraph is no part of its text: comments, notes, drawings. The
/// reading aid of a ruby is: it is displayed, above its base.
fn is_apart(tag: &Tag<'_>) -> bool {
    match tag.name() {
        (Space::Draw, name) => name != "a",
        (Space::Office, "annotation") | (Space::Text, "note" | "script") => true,
        _ => false,
    }
}
