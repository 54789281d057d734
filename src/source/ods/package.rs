//! The zip package: its parts, and whether they are encrypted (OpenDocument 1.3 part 2).

use std::collections::HashMap;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::DeflateDecoder;
use zip::ZipArchive;
use zip::result::ZipError;

use super::encryption::{self, EncryptedPart, Fault};
use super::outline::SheetStart;
use super::xml::{Place, Xml};
use crate::error::{Error, ErrorKind, Result};
use crate::model::limits::{Limit, Limits};
use crate::source::container::unreadable;
use crate::source::encryption::GIVE_PASSWORD;
use crate::source::inflate::{Ledger, Listed, Passed};
use crate::source::input::Input;
use crate::source::workbook::{broken, over_limit};

/// The part with the cells.
pub(super) const CONTENT: &str = "content.xml";
/// The part with the styles that people name.
pub(super) const STYLES: &str = "styles.xml";
/// The package itself, where it is encrypted as a whole.
const WHOLE: &str = "encrypted-package";
/// The parts that are read, if they are encrypted.
const NEEDED: [&str; 3] = [CONTENT, STYLES, WHOLE];
/// The list of parts.
pub(super) const MANIFEST: &str = "META-INF/manifest.xml";

/// An open package.
pub(super) struct Package {
    path: PathBuf,
    archive: ZipArchive<BufReader<Input>>,
    ledger: Ledger,
    decrypted: Decrypted,
}

impl Package {
    /// Opens a package, whose parts may be encrypted.
    ///
    /// # Errors
    /// `WorkbookBroken`, `WorkbookEncrypted`, `FileUnreadable`.
    pub(super) fn open(path: &Path, input: Input, limits: &Limits) -> Result<Self> {
        let file_bytes = input.len().map_err(|error| unreadable(path, error))?;
        let archive = ZipArchive::new(BufReader::new(input))
            .map_err(|error| zip_failure(path, "its zip directory is missing or cut off", error))?;
        Ok(Self {
            path: path.to_path_buf(),
            archive,
            ledger: Ledger::new(*limits, file_bytes),
            decrypted: HashMap::new(),
        })
    }

    /// The workbook.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How large the file is.
    pub(super) fn file_bytes(&self) -> u64 {
        self.ledger.file_bytes()
    }

    /// A part's XML, if the package has the part.
    ///
    /// # Errors
    /// `WorkbookBroken`, `WorkbookEncrypted`, `FileUnreadable`.
    pub(super) fn part(&mut self, name: &'static str) -> Result<Option<Xml<'_>>> {
        let Some((listed, part)) = inflating(&self.path, &mut self.archive, &self.decrypted, name)?
        else {
            return Ok(None);
        };
        let (limits, part) = (self.ledger.limits(), self.ledger.inflating(listed, part));
        Ok(Some(Xml::new(Place::of(&self.path, name), part, limits)))
    }

    /// The cells' XML from behind the start tag of a sheet.
    ///
    /// # Errors
    /// `WorkbookBroken`, `WorkbookEncrypted`, `WorkbookTooLarge`, `FileUnreadable`.
    pub(super) fn content_from(&mut self, start: &SheetStart) -> Result<Xml<'_>> {
        let position = start.position;
        let path = self.path.as_path();
        let inflating_fails = "its content does not inflate";
        let found = inflating(path, &mut self.archive, &self.decrypted, CONTENT)?;
        let (listed, part) = found.ok_or_else(|| broken(path, "it has no content.xml"))?;
        let (limits, place) = (self.ledger.limits(), Place::of(path, CONTENT));
        let mut part = self.ledger.inflating(listed, part);
        let skipped =
            io::copy(&mut part.by_ref().take(position), &mut io::sink()).map_err(|error| {
                match Passed::of(&error) {
                    Some(passed) => place.over(passed),
                    None => zip_failure(path, inflating_fails, ZipError::Io(error)),
                }
            })?;
        if skipped < position {
            return Err(broken(path, "its content is cut off"));
        }
        let namespaces = (*start.namespaces).clone();
        Ok(Xml::inside(place, part, limits, namespaces))
    }

    /// Decrypts the parts that the manifest calls encrypted. A manifest that cannot be read is not needed for anything else.
    ///
    /// # Errors
    /// `WorkbookEncrypted` without the right password, or for an encryption of an unknown kind.
    pub(super) fn unlock(&mut self, password: Option<&str>) -> Result<()> {
        let parts = match self.encrypted_parts() {
            Err(error) if error.kind() == ErrorKind::WorkbookBroken => {
                tracing::debug!(%error, "no readable manifest");
                return Ok(());
            }
            parts => parts?,
        };
        let needed: Vec<_> = parts.iter().filter_map(needed).collect();
        let Some(first) = needed.first().map(|(_, part)| *part).or(parts.first()) else {
            return Ok(());
        };
        let algorithm = first.algorithm.as_deref().map(algorithm);
        if needed.is_empty() || !first.is_supported() {
            return Err(locked(&self.path, algorithm, Given::Unsupported));
        }
        let Some(password) = password else {
            return Err(locked(&self.path, algorithm, Given::Nothing));
        };
        for (name, part) in needed {
            let bytes = self.stored(name)?;
            let plain = part.decrypt(password, bytes).map_err(|fault| {
                let given = match fault {
                    Fault::Password => Given::Wrong,
                    Fault::Unsupported => Given::Unsupported,
                };
                locked(&self.path, algorithm.clone(), given)
            })?;
            match name {
                WHOLE => self.open_inner(plain)?,
                part => drop(self.decrypted.insert(part, plain.into())),
            }
        }
        Ok(())
    }

    /// Goes on with the package that was encrypted as a whole.
    fn open_inner(&mut self, deflated: Vec<u8>) -> Result<()> {
        const LOCAL_HEADER: &[u8] = b"PK\x03\x04";
        let limits = self.ledger.limits();
        let package = if deflated.starts_with(LOCAL_HEADER) {
            deflated
        } else {
            let listed = Listed {
                index: 0,
                compressed: deflated.len() as u64,
                limit: Limit::WholeFile,
            };
            let mut package = Vec::new();
            let inflated = DeflateDecoder::new(Cursor::new(deflated));
            let read = self
                .ledger
                .inflating(listed, inflated)
                .read_to_end(&mut package);
            read.map_err(|error| match Passed::of(&error) {
                Some(passed) => Place::of(&self.path, WHOLE).over(passed),
                None => {
                    broken(&self.path, "its encrypted package does not inflate").caused_by(error)
                }
            })?;
            package
        };
        let input = Input::Decrypted(Cursor::new(package.into()));
        *self = Self::open(&self.path.clone(), input, &limits)?;
        Ok(())
    }

    /// The parts that are encrypted (OpenDocument 1.3 part 2, 4.4 and 4.8.3).
    fn encrypted_parts(&mut self) -> Result<Vec<EncryptedPart>> {
        match self.part(MANIFEST)? {
            Some(mut manifest) => encryption::read(&mut manifest),
            None => Ok(Vec::new()),
        }
    }

    /// The bytes of a part as the zip file has them, which are held in memory.
    fn stored(&mut self, name: &'static str) -> Result<Vec<u8>> {
        let path = &self.path;
        let most = self.ledger.limits().whole_file_bytes;
        let missing = || broken(path, &format!("it has no {name}"));
        let index = index_of(&self.archive, name).ok_or_else(missing)?;
        let failure = |error| zip_failure(path, "a part of it cannot be read", error);
        let part = self.archive.by_index(index).map_err(failure)?;
        let mut bytes = Vec::new();
        let read = part.take(most.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|error| failure(ZipError::Io(error)))?;
        if bytes.len() as u64 > most {
            let place = format!("its encrypted part {name}");
            return Err(over_limit(path, &place, Limit::WholeFile, most));
        }
        Ok(bytes)
    }
}

/// A part that is read, by the name that it is known by.
fn needed(part: &EncryptedPart) -> Option<(&'static str, &EncryptedPart)> {
    let mut names = NEEDED.into_iter();
    let name = names.find(|name| part.name.eq_ignore_ascii_case(name))?;
    Some((name, part))
}

/// The parts that were decrypted, deflated.
type Decrypted = HashMap<&'static str, Arc<[u8]>>;

/// The inflated bytes of a part, and what the zip file says of it.
fn inflating<'p>(
    path: &Path,
    archive: &'p mut ZipArchive<BufReader<Input>>,
    decrypted: &Decrypted,
    name: &'static str,
) -> Result<Option<(Listed, Box<dyn Read + 'p>)>> {
    let limit = match name {
        CONTENT => Limit::Part,
        _ => Limit::List,
    };
    let Some(index) = index_of(archive, name) else {
        return Ok(None);
    };
    let listed = |compressed| Listed {
        index,
        compressed,
        limit,
    };
    if let Some(plain) = decrypted.get(name) {
        let deflated = Cursor::new(Arc::clone(plain));
        let inflated: Box<dyn Read> = Box::new(DeflateDecoder::new(deflated));
        return Ok(Some((listed(plain.len() as u64), inflated)));
    }
    let part = archive
        .by_index(index)
        .map_err(|error| zip_failure(path, "a part of it does not inflate", error))?;
    Ok(Some((listed(part.compressed_size()), Box::new(part))))
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

/// What a password that was given, or not, comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    Nothing,
    Wrong,
    /// It does not matter: the encryption is of a kind that is not read.
    Unsupported,
}

fn locked(path: &Path, algorithm: Option<String>, given: Given) -> Error {
    let by = match algorithm {
        Some(name) if !name.is_empty() => format!(" ({name})"),
        _ => String::new(),
    };
    let file = path.display();
    let message = match given {
        Given::Nothing => format!("{file} is protected by a password{by}"),
        Given::Wrong => format!("the password does not open {file}{by}"),
        Given::Unsupported => {
            format!("{file} is protected by a password in a way that cannot be read{by}")
        }
    };
    let next_step = match given {
        Given::Nothing | Given::Wrong => GIVE_PASSWORD,
        Given::Unsupported => "Open it in a spreadsheet program and save it without a password",
    };
    Error::new(ErrorKind::WorkbookEncrypted, message)
        .in_file(path)
        .next_step(next_step)
}

fn zip_failure(path: &Path, how: &str, error: ZipError) -> Error {
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) | ZipError::InvalidPassword => {
            locked(path, None, Given::Unsupported)
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
