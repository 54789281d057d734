//! The zip package: its parts, and whether they are encrypted (OpenDocument 1.3 part 2).

use std::io::{self, BufReader, Read as _};
use std::path::{Path, PathBuf};

use quick_xml::events::Event;
use zip::ZipArchive;
use zip::result::ZipError;

use super::xml::{Place, Xml, attribute};
use crate::error::{Error, ErrorKind, Result};
use crate::model::limits::{Limit, Limits};
use crate::source::container::unreadable;
use crate::source::inflate::{Ledger, Listed, Passed};
use crate::source::input::Input;
use crate::source::workbook::broken;

/// The part with the cells.
pub(super) const CONTENT: &str = "content.xml";
/// The part with the styles that people name.
pub(super) const STYLES: &str = "styles.xml";
/// The list of parts.
pub(super) const MANIFEST: &str = "META-INF/manifest.xml";

/// An open package.
pub(super) struct Package {
    path: PathBuf,
    archive: ZipArchive<BufReader<Input>>,
    ledger: Ledger,
}

impl Package {
    /// Opens a package and refuses an encrypted one.
    ///
    /// # Errors
    /// `WorkbookBroken`, `WorkbookEncrypted`, `FileUnreadable`.
    pub(super) fn open(path: &Path, input: Input, limits: &Limits) -> Result<Self> {
        let file_bytes = input.len().map_err(|error| unreadable(path, error))?;
        let archive = ZipArchive::new(BufReader::new(input))
            .map_err(|error| zip_failure(path, "its zip directory is missing or cut off", error))?;
        let mut package = Self {
            path: path.to_path_buf(),
            archive,
            ledger: Ledger::new(*limits, file_bytes),
        };
        package.refuse_encrypted()?;
        Ok(package)
    }

    /// The workbook.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A part's XML, if the package has the part.
    ///
    /// # Errors
    /// `WorkbookBroken`, `WorkbookEncrypted`, `FileUnreadable`.
    pub(super) fn part(&mut self, name: &'static str) -> Result<Option<Xml<'_>>> {
        let limit = match name {
            CONTENT => Limit::Part,
            _ => Limit::List,
        };
        let Some(index) = self.index(name) else {
            return Ok(None);
        };
        let part = self
            .archive
            .by_index(index)
            .map_err(|error| zip_failure(&self.path, "a part of it does not inflate", error))?;
        let listed = Listed {
            index,
            compressed: part.compressed_size(),
            limit,
        };
        let (limits, part) = (self.ledger.limits(), self.ledger.inflating(listed, part));
        Ok(Some(Xml::new(Place::of(&self.path, name), part, limits)))
    }

    /// The cells' XML from a position behind an element's start tag.
    ///
    /// # Errors
    /// `WorkbookBroken`, `WorkbookEncrypted`, `WorkbookTooLarge`, `FileUnreadable`.
    pub(super) fn content_from(&mut self, position: u64) -> Result<Xml<'_>> {
        let path = self.path.as_path();
        let missing = || broken(path, "it has no content.xml");
        let inflating = "its content does not inflate";
        let index = index_of(&self.archive, CONTENT).ok_or_else(missing)?;
        let part = self
            .archive
            .by_index(index)
            .map_err(|error| zip_failure(path, inflating, error))?;
        let listed = Listed {
            index,
            compressed: part.compressed_size(),
            limit: Limit::Part,
        };
        let (limits, place) = (self.ledger.limits(), Place::of(path, CONTENT));
        let mut part = self.ledger.inflating(listed, part);
        let skipped =
            io::copy(&mut part.by_ref().take(position), &mut io::sink()).map_err(|error| {
                match Passed::of(&error) {
                    Some(passed) => place.over(passed),
                    None => zip_failure(path, inflating, ZipError::Io(error)),
                }
            })?;
        if skipped < position {
            return Err(broken(path, "its content is cut off"));
        }
        Ok(Xml::inside(place, part, limits))
    }

    fn index(&self, name: &str) -> Option<usize> {
        index_of(&self.archive, name)
    }

    /// Refuses a package that its manifest calls encrypted. A manifest that cannot be read is not needed for anything else.
    fn refuse_encrypted(&mut self) -> Result<()> {
        match self.look_for_encryption() {
            Err(error) if error.kind() == ErrorKind::WorkbookBroken => {
                tracing::debug!(%error, "no readable manifest");
                Ok(())
            }
            verdict => verdict,
        }
    }

    /// Looks into the manifest for a part that is encrypted (OpenDocument 1.3 part 2, 4.4 and 4.8.3).
    fn look_for_encryption(&mut self) -> Result<()> {
        let Some(mut manifest) = self.part(MANIFEST)? else {
            return Ok(());
        };
        let path = manifest.path();
        let mut encrypted = false;
        loop {
            match manifest.next()? {
                Event::Start(tag) if tag.local_name().as_ref() == "encryption-data" => {
                    encrypted = true;
                }
                Event::Start(tag) if encrypted && tag.local_name().as_ref() == "algorithm" => {
                    let name = attribute(path, &tag, "algorithm-name")?;
                    return Err(password(path, name.as_deref().map(algorithm)));
                }
                Event::Eof if encrypted => return Err(password(path, None)),
                Event::Eof => return Ok(()),
                _ => {}
            }
        }
    }
}

/// A part's place. Some writers put a slash in front, or change the case.
fn index_of(archive: &ZipArchive<BufReader<Input>>, name: &str) -> Option<usize> {
    archive.index_for_name(name).or_else(|| {
        archive.file_names().position(|candidate| {
            candidate.is_ok_and(|candidate| {
                let candidate = candidate.replace('\\', "/");
                candidate.trim_start_matches('/').eq_ignore_ascii_case(name)
            })
        })
    })
}

/// An encryption's name for people: the manifest has it as a URI or as words.
fn algorithm(uri: &str) -> String {
    const LONGEST_NAME: usize = 40;
    let name = uri.rsplit(['#', '/']).next().unwrap_or(uri);
    let name: String = name
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | ' '))
        .take(LONGEST_NAME)
        .collect();
    match name.to_ascii_lowercase().as_str() {
        "aes128-cbc" => "AES-128-CBC".into(),
        "aes192-cbc" => "AES-192-CBC".into(),
        "aes256-cbc" => "AES-256-CBC".into(),
        "aes256-gcm" => "AES-256-GCM".into(),
        "blowfish" | "blowfish cfb" => "Blowfish".into(),
        _ => name,
    }
}

fn password(path: &Path, algorithm: Option<String>) -> Error {
    let by = match algorithm {
        Some(name) if !name.is_empty() => format!(" ({name})"),
        _ => String::new(),
    };
    Error::new(
        ErrorKind::WorkbookEncrypted,
        format!("{} is protected by a password{by}", path.display()),
    )
    .in_file(path)
    .next_step("Open it in a spreadsheet program and save it without a password")
}

fn zip_failure(path: &Path, how: &str, error: ZipError) -> Error {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) | ZipError::InvalidPassword => {
            password(path, None)
        }
        ZipError::Io(io) if io.raw_os_error().is_some() => Error::new(
            ErrorKind::FileUnreadable,
            format!("{} cannot be read", path.display()),
        )
        .in_file(path)
        .caused_by(io)
        .next_step("Check the disk"),
        error => broken(path, how).caused_by(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryptions_have_names_for_people() {
        for (uri, name) in [
            ("http://www.w3.org/2001/04/xmlenc#aes256-cbc", "AES-256-CBC"),
            ("http://www.w3.org/2009/xmlenc11#aes256-gcm", "AES-256-GCM"),
            ("Blowfish CFB", "Blowfish"),
            (
                "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0#blowfish",
                "Blowfish",
            ),
            ("http://example.org/secret\n\u{1b}[31m", "secret31m"),
            ("", ""),
        ] {
            assert_eq!(algorithm(uri), name, "{uri}");
        }
    }
}
