//! Packages behind a password ([MS-OFFCRYPTO] 2.3.4): compound files that hold the whole zip file, encrypted.

mod agile;
mod primitives;
mod standard;

use std::path::Path;
use std::sync::Arc;

use super::compound_file::CompoundFile;
use super::workbook::{broken, too_large};
use crate::error::{Error, ErrorKind, Result};
use agile::Agile;
pub(super) use primitives::{Aes, BLOCK_BYTES};
use standard::Standard;

/// The stream that tells how the package is encrypted.
const INFO_STREAM: &str = "EncryptionInfo";
/// The stream that holds the package.
const PACKAGE_STREAM: &str = "EncryptedPackage";
/// The most bytes that tell how the package is encrypted: some 1 KB, and as much for each certificate.
const MAX_INFO_BYTES: usize = 1 << 20;
/// What Excel encrypts with when a workbook is protected against changes, but not against being opened. Excel tries it
/// before it asks.
const DEFAULT_PASSWORD: &str = "VelvetSweatshop";
/// What to do about a password.
pub(super) const GIVE_PASSWORD: &str =
    "Give the password with --password-file or SHEETLOAD_PASSWORD";
/// What to do about anything else.
const REMOVE_PASSWORD: &str =
    "Save it without protection in the program that it was protected with";

/// Why the encryption is not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The description ends early.
    CutOff,
    /// The description contradicts itself or the specification.
    Nonsense(&'static str),
    /// The encryption is of a kind that is not read.
    Unsupported(&'static str),
}

/// How a package is encrypted.
#[derive(Debug, PartialEq, Eq)]
enum Encryption {
    Standard(Standard),
    Agile(Agile),
}

/// Whether a compound file is an encrypted package, rather than an xls.
pub(super) fn is_encrypted_package(file: &CompoundFile) -> bool {
    file.contains(PACKAGE_STREAM)
}

/// The zip file in an encrypted package. Excel's own password for workbooks without one is tried, too. Blocks: the
/// password is hashed up to some million times.
///
/// # Errors
/// `WorkbookEncrypted` without the right password, or when the encryption is of an unknown kind; `WorkbookBroken`.
pub(super) fn decrypt(
    path: &Path,
    file: CompoundFile,
    password: Option<&str>,
) -> Result<Arc<[u8]>> {
    let encryption = match file.stream(path, INFO_STREAM)? {
        Some(info) if info.len() > MAX_INFO_BYTES => {
            return Err(too_large(
                path,
                "has an endless description of its encryption",
            ));
        }
        Some(info) => Encryption::parse(&info).map_err(|fault| fault.in_workbook(path))?,
        None => return Err(Fault::Unsupported("rights management").in_workbook(path)),
    };
    let passwords = password.into_iter().chain([DEFAULT_PASSWORD]);
    let Some(aes) = passwords.into_iter().find_map(|it| encryption.unlock(it)) else {
        return Err(locked(path, &encryption, password.is_some()));
    };
    let package = file
        .stream(path, PACKAGE_STREAM)?
        .ok_or_else(|| broken(path, "it holds no encrypted package"))?;
    // Its bytes are copied, and copied again once they are decrypted.
    drop(file);
    encryption
        .decrypt(&aes, package)
        .map_err(|fault| fault.in_workbook(path))
}

fn locked(path: &Path, encryption: &Encryption, has_password: bool) -> Error {
    let (path_shown, words) = (path.display(), encryption.words());
    let message = if has_password {
        format!("the password does not open {path_shown} ({words})")
    } else {
        format!("{path_shown} is protected by a password ({words})")
    };
    Error::new(ErrorKind::WorkbookEncrypted, message)
        .in_file(path)
        .next_step(GIVE_PASSWORD)
}

impl Fault {
    fn in_workbook(self, path: &Path) -> Error {
        match self {
            Self::CutOff => broken(path, "the description of its encryption is cut off"),
            Self::Nonsense(how) => broken(path, &format!("it is encrypted, but {how}")),
            Self::Unsupported(kind) => Error::new(
                ErrorKind::WorkbookEncrypted,
                format!(
                    "{} is protected by {kind}, which cannot be read",
                    path.display()
                ),
            )
            .in_file(path)
            .next_step(REMOVE_PASSWORD),
        }
    }
}

impl Encryption {
    /// Reads an `EncryptionInfo` stream: a version, and what that version has.
    fn parse(info: &[u8]) -> Result<Self, Fault> {
        let (version, rest) = info.split_first_chunk::<4>().ok_or(Fault::CutOff)?;
        match version {
            [2..=4, 0, 2, 0] => Standard::parse(rest).map(Self::Standard),
            [3..=4, 0, 3, 0] => Err(Fault::Unsupported("extensible encryption")),
            [4, 0, 4, 0] => {
                let (_reserved, xml) = rest.split_first_chunk::<4>().ok_or(Fault::CutOff)?;
                Agile::parse(xml).map(Self::Agile)
            }
            _ => Err(Fault::Unsupported("an unknown encryption")),
        }
    }

    /// The encryption in words.
    fn words(&self) -> String {
        match self {
            Self::Standard(standard) => standard.words(),
            Self::Agile(agile) => agile.words(),
        }
    }

    fn unlock(&self, password: &str) -> Option<Aes> {
        match self {
            Self::Standard(standard) => standard.unlock(password),
            Self::Agile(agile) => agile.unlock(password),
        }
    }

    /// The plain bytes of an `EncryptedPackage` stream: its length, and as many bytes in whole blocks.
    fn decrypt(&self, aes: &Aes, mut stream: Vec<u8>) -> Result<Arc<[u8]>, Fault> {
        const TOO_SHORT: Fault = Fault::Nonsense("its encrypted package is cut off");
        if let Self::Agile(agile) = self
            && !agile.is_intact(aes, &stream)
        {
            return Err(Fault::Nonsense("its encrypted package has been changed"));
        }
        let (len, package) = stream.split_first_chunk_mut::<8>().ok_or(TOO_SHORT)?;
        let len = usize::try_from(u64::from_le_bytes(*len)).map_err(|_| TOO_SHORT)?;
        let blocks = package.len() - package.len() % primitives::BLOCK_BYTES;
        let package = package.get_mut(..blocks).ok_or(TOO_SHORT)?;
        match self {
            Self::Standard(_) => aes.decrypt_blocks(package),
            Self::Agile(agile) => agile.decrypt_package(aes, package),
        }
        package.get(..len).map(Arc::from).ok_or(TOO_SHORT)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::ops::ControlFlow;
    use std::path::PathBuf;

    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;

    use super::*;
    use crate::model::secret::Password;
    use crate::model::selection::ReadOptions;
    use crate::source::open_workbook;
    use crate::source::workbook::{Content, Flow, SheetVisitor};

    /// A package as `sample_data/README.md` says, made by another program.
    struct Sample {
        words: &'static str,
        password: &'static str,
        plain: Vec<u8>,
        info: Vec<u8>,
        package: Vec<u8>,
    }

    fn samples() -> Vec<Sample> {
        let lines = include_str!("../../../sample_data/encryption.tsv").lines();
        lines
            .skip(1)
            .map(|line| {
                let fields: Vec<&str> = line.split('\t').collect();
                let len: usize = fields[2].parse().unwrap();
                Sample {
                    words: fields[0],
                    password: fields[1],
                    plain: (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect(),
                    info: BASE64_STANDARD.decode(fields[3]).unwrap(),
                    package: BASE64_STANDARD.decode(fields[4]).unwrap(),
                }
            })
            .collect()
    }

    fn sample_file(name: &str) -> PathBuf {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data");
        folder.join(name)
    }

    fn decrypt_file(path: &Path, password: Option<&str>) -> Result<Arc<[u8]>> {
        let file = CompoundFile::open(path, &crate::model::limits::Limits::default())?;
        assert!(is_encrypted_package(&file));
        decrypt(path, file, password)
    }

    #[test]
    fn the_right_password_opens_every_kind() {
        for sample in samples() {
            let encryption = Encryption::parse(&sample.info).unwrap();
            assert_eq!(encryption.words(), sample.words);
            for wrong in ["", "y", "pässword", "PÄSSWORD😀", DEFAULT_PASSWORD] {
                let opens = encryption.unlock(wrong).is_some();
                assert_eq!(opens, wrong == sample.password, "{}", sample.words);
            }
            let aes = encryption.unlock(sample.password).unwrap();
            let plain = encryption.decrypt(&aes, sample.package).unwrap();
            assert_eq!(*plain, *sample.plain, "{}", sample.words);
        }
    }

    #[test]
    fn a_package_that_was_changed_or_cut_off_is_refused() {
        for sample in samples() {
            let encryption = Encryption::parse(&sample.info).unwrap();
            let aes = encryption.unlock(sample.password).unwrap();
            let decrypt = |package: &[u8]| encryption.decrypt(&aes, package.to_vec());
            for len in [0, 7, 8, sample.package.len() - 16] {
                assert!(decrypt(&sample.package[..len]).is_err(), "{}", sample.words);
            }
            let mut longer = sample.package.clone();
            longer[..8].fill(0xFF);
            assert!(decrypt(&longer).is_err(), "{}", sample.words);
            let mut changed = sample.package.clone();
            changed[9] ^= 1;
            let has_integrity =
                matches!(&encryption, Encryption::Agile(agile) if agile.has_integrity());
            assert_eq!(
                decrypt(&changed).is_err(),
                has_integrity,
                "{}",
                sample.words
            );
        }
    }

    #[test]
    fn a_file_is_opened_by_its_password_alone() {
        let path = sample_file("encrypted.xlsx");
        let plain = decrypt_file(&path, Some("secret")).unwrap();
        let archive = zip::ZipArchive::new(Cursor::new(plain)).unwrap();
        assert!(
            archive
                .file_names()
                .flatten()
                .any(|name| name == "xl/workbook.xml")
        );
        for (password, words) in [
            (
                None,
                "is protected by a password (agile encryption with AES-256 and SHA-512)",
            ),
            (Some("Secret"), "the password does not open "),
        ] {
            let error = decrypt_file(&path, password).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::WorkbookEncrypted);
            assert!(error.message().contains(words), "{error}");
            assert_eq!(error.advice(), Some(GIVE_PASSWORD));
        }
    }

    /// Counts cells.
    struct Count(usize);

    impl SheetVisitor for Count {
        fn dimension(&mut self, _range: crate::model::address::CellRange) {}
        fn hidden_columns(&mut self, _first: u32, _last: u32) {}
        fn hidden_row(&mut self, _row: u32) -> Flow {
            Ok(ControlFlow::Continue(()))
        }
        fn cell(
            &mut self,
            _at: crate::model::address::CellAddress,
            _content: Content<'_>,
            _format: crate::model::cell::FormatId,
        ) -> Flow {
            self.0 += 1;
            Ok(ControlFlow::Continue(()))
        }
    }

    fn options(password: Option<&str>) -> ReadOptions {
        ReadOptions {
            password: password.map(Password::new),
            ..ReadOptions::default()
        }
    }

    #[test]
    fn a_workbook_with_excels_own_password_needs_none() {
        let cells = |name: &str, password: Option<&str>| {
            let mut workbook = open_workbook(&sample_file(name), &options(password)).unwrap();
            let mut count = Count(0);
            workbook.read_sheet(0, &mut count).unwrap();
            count.0
        };
        let wanted = cells("stock.xlsb", None);
        assert!(wanted > 40);
        for password in [None, Some(DEFAULT_PASSWORD), Some("another")] {
            assert_eq!(cells("encrypted.xlsb", password), wanted, "{password:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let samples = samples();
        let xml = std::str::from_utf8(&samples[0].info[8..]).unwrap();
        let agile = |from: &str, to: &str| {
            assert!(xml.contains(from), "{from}");
            Agile::parse(xml.replace(from, to).as_bytes()).unwrap_err()
        };
        let unsupported = |fault: Fault| matches!(fault, Fault::Unsupported(_));
        assert!(unsupported(agile("\"AES\"", "\"DES\"")));
        assert!(unsupported(agile("ModeCBC", "ModeCFB")));
        assert!(unsupported(agile("\"SHA1\"", "\"MD5\"")));
        assert!(unsupported(agile("spinCount=\"1000\"", "")));
        let spins = agile("spinCount=\"1000\"", "spinCount=\"10000001\"");
        assert_eq!(spins, Fault::Nonsense("its password is hashed too often"));
        for (from, to) in [
            ("keyBits=\"128\"", "keyBits=\"129\""),
            ("blockSize=\"16\"", "blockSize=\"0\""),
            ("saltValue=\"", "saltValue=\"?"),
            ("encryptedKeyValue=", "x="),
            ("keyData ", "other "),
            ("</encryption>", "</wrong>"),
        ] {
            assert!(matches!(agile(from, to), Fault::Nonsense(_)), "{from}");
        }
        let standard = &samples[6].info;
        let with = |at: usize, value: u8| {
            let mut info = standard.clone();
            info[at] = value;
            Encryption::parse(&info)
        };
        // The algorithm: RC4; an encryption of another program; an extensible one; a version to come.
        for (at, value) in [(21, 0x68), (4, 0x10), (2, 3), (2, 9)] {
            assert!(with(at, value).is_err_and(unsupported), "{at}");
        }
        assert_eq!(with(8, 0xFF), Err(Fault::CutOff));
        for len in 0..standard.len() {
            let fault = Encryption::parse(&standard[..len]).unwrap_err();
            assert_eq!(fault, Fault::CutOff, "{len}");
        }
        let error = Fault::Unsupported("rights management").in_workbook(Path::new("a.xlsx"));
        assert_eq!(error.kind(), ErrorKind::WorkbookEncrypted);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_description_is_read_or_refused(bytes: Vec<u8>, version in 0_usize..3) {
            let versions: [&[u8]; 3] = [&[], &[4, 0, 4, 0, 64, 0, 0, 0], &[3, 0, 2, 0]];
            let info = [versions[version], &bytes].concat();
            let _ = Encryption::parse(&info);
        }

        #[test]
        fn changed_descriptions_decrypt_or_not(
            sample in 0_usize..9,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut sample = samples().swap_remove(sample);
            for (at, value) in changes {
                let at = at.index(sample.info.len());
                sample.info[at] = value;
            }
            let Ok(encryption) = Encryption::parse(&sample.info) else { return Ok(()) };
            if let Encryption::Agile(agile) = &encryption && agile.spin_count() > 100_000 {
                return Ok(());
            }
            if let Some(aes) = encryption.unlock(sample.password) {
                let _ = encryption.decrypt(&aes, sample.package);
            }
        }
    }
}
