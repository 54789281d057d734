//! Packages of parts (ECMA-376 Part 2, Open Packaging Conventions): what xlsx, xlsm and xlsb are made of.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;
use zip::result::ZipError;

use super::container;
use super::inflate::{Inflating, Ledger, Listed, Passed};
use super::input::Input;
use super::member::{Member, MemberEntry, Packing};
use super::read_ahead::{Ahead, ReadAhead};
use super::workbook::{broken, over_limit, too_large};
use super::xml::{self, XmlReader};
use crate::error::{Error, ErrorKind, Result};
use crate::model::limits::{Limit, Limits};

/// The most relationships that a part may have. A worksheet has one for each external link in it, 65,530 at most.
const MAX_RELATIONSHIPS: usize = 1 << 20;
/// The longest name of a part that a relationship may point to: lists of sheets and tables repeat it.
const MAX_TARGET_BYTES: usize = 1 << 10;

/// What a part is for, which says how much it may inflate to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartKind {
    /// Lists that are held in memory: relationships, the workbook part, tables.
    List,
    /// What is read as a stream: sheets, and the shared strings, which have limits of their own.
    Stream,
}

impl PartKind {
    /// The limit of the bytes that a part of this kind may inflate to.
    const fn limit(self) -> Limit {
        match self {
            Self::List => Limit::List,
            Self::Stream => Limit::Part,
        }
    }
}

/// A relationship of a part to another (ECMA-376 Part 2, §6.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Relationship {
    /// Its id, unique in its part.
    pub(super) id: String,
    /// The last segment of its type's URI, as in `worksheet`. Strict and transitional workbooks have the same.
    pub(super) kind: String,
    /// The name of the part it points to, from the root without a leading slash; for an external one, the URI as it is.
    pub(super) target: String,
    /// Whether it points out of the package.
    pub(super) external: bool,
}

/// A part's inflated bytes.
pub(super) type Part = ReadAhead<Inflating<Member>>;

/// A package whose parts can be read at once, and as often as needed.
pub(super) struct Package {
    path: PathBuf,
    input: Input,
    archive: ZipArchive<BufReader<Input>>,
    ahead: Ahead,
    /// The members by their part names in lower case; those that differ in case alone are together, in file order.
    members: HashMap<String, Vec<PartMember>>,
    ledger: Ledger,
}

struct PartMember {
    /// The part name with its case.
    name: String,
    /// Its place in the archive.
    index: usize,
}

impl fmt::Debug for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Package")
            .field("path", &self.path)
            .field("members", &self.members.len())
            .finish_non_exhaustive()
    }
}

impl Package {
    /// Reads the list of parts, whose number was looked at when the file's format was found out.
    ///
    /// # Errors
    /// `WorkbookBroken`, `FileUnreadable`.
    pub(super) fn open(path: &Path, input: Input, limits: &Limits) -> Result<Self> {
        let file_bytes = input.len();
        let file_bytes = file_bytes.map_err(|error| container::unreadable(path, error))?;
        let archive =
            ZipArchive::new(BufReader::new(input.clone())).map_err(|error| match error {
                ZipError::Io(error) if error.raw_os_error().is_some() => {
                    container::unreadable(path, error)
                }
                error => broken(path, "its zip directory is missing or cut off").caused_by(error),
            })?;
        let mut members: HashMap<String, Vec<PartMember>> = HashMap::new();
        for index in 0..archive.len() {
            let Some(Ok(raw)) = archive.name_for_index(index) else {
                continue;
            };
            let name = part_name(&raw);
            let same = members.entry(name.to_lowercase()).or_default();
            same.push(PartMember { name, index });
        }
        Ok(Self {
            path: path.to_path_buf(),
            input,
            archive,
            ahead: Ahead::No,
            members,
            ledger: Ledger::new(*limits, file_bytes),
        })
    }

    /// The file that the package is in.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the workbook may cost.
    pub(super) fn limits(&self) -> Limits {
        self.ledger.limits()
    }

    /// The names of all parts, in no order.
    pub(super) fn names(&self) -> Vec<String> {
        let members = self.members.values().flatten();
        members.map(|member| member.name.clone()).collect()
    }

    /// Whether there is a part of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.index_of(name).is_some()
    }

    /// Inflates parts of kind [`PartKind::Stream`] on threads of their own, or not.
    pub(super) fn set_ahead(&mut self, ahead: Ahead) {
        self.ahead = ahead;
    }

    /// A part's bytes as a stream; `None` when there is no such part. Names have no case (ECMA-376 Part 2, §6.2.2.3), but
    /// among several that differ in case alone, the one as asked for comes first, then the last. Errors of the stream are
    /// for [`read_error`].
    ///
    /// # Errors
    /// `WorkbookBroken`, `WorkbookTooLarge`, `WorkbookEncrypted`, `FileUnreadable`.
    pub(super) fn part(&mut self, name: &str, kind: PartKind) -> Result<Option<Part>> {
        let Some(index) = self.index_of(name) else {
            return Ok(None);
        };
        let member = match self.archive.by_index(index) {
            Ok(member) => member,
            Err(error) => return Err(open_error(&self.path, name, error)),
        };
        let how = format!("its part {name} cannot be read");
        let (Some(packing), Some(start)) = (Packing::of(member.compression()), member.data_start())
        else {
            return Err(broken(&self.path, &how));
        };
        let entry = MemberEntry {
            start,
            compressed: member.compressed_size(),
            inflated: member.size(),
            crc: member.crc32(),
            packing,
        };
        let listed = Listed {
            index,
            compressed: entry.compressed,
            limit: kind.limit(),
        };
        let ahead = match kind {
            PartKind::List => Ahead::No,
            PartKind::Stream => self.ahead,
        };
        let member = Member::new(self.input.clone(), entry);
        let inflated = self.ledger.inflating(listed, member);
        Ok(Some(ReadAhead::new(inflated, ahead)))
    }

    /// A part's events, if it is there.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn xml(&mut self, name: &str, kind: PartKind) -> Result<Option<XmlReader<'static>>> {
        let (path, limits) = (self.path.clone(), self.limits());
        let bytes = self.part(name, kind)?;
        let open = |bytes| XmlReader::open(&path, name, bytes, &limits);
        bytes.map(open).transpose()
    }

    /// The relationships of a part, or of the package for the empty name, in the file's order. A part without any has no
    /// relationships part.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn relationships(&mut self, part: &str) -> Result<Vec<Relationship>> {
        let part = part_name(part);
        let (folder, file) = part.rsplit_once('/').unwrap_or(("", &part));
        let separator = if folder.is_empty() { "" } else { "/" };
        let name = format!("{folder}{separator}_rels/{file}.rels");
        let path = self.path.clone();
        let mut found = Vec::new();
        if let Some(mut reader) = self.xml(&name, PartKind::List)? {
            loop {
                match reader.next()? {
                    Event::Start(tag) | Event::Empty(tag)
                        if tag.local_name().as_ref() == "Relationship" =>
                    {
                        found.extend(relationship(&tag, folder));
                    }
                    Event::Eof => break,
                    _ => {}
                }
                if found.len() > MAX_RELATIONSHIPS {
                    return Err(too_large(
                        &path,
                        &format!("has more than {MAX_RELATIONSHIPS} relationships in {name}"),
                    ));
                }
            }
        }
        for relationship in found.iter_mut().filter(|one| !one.external) {
            self.settle(relationship, folder);
        }
        Ok(found)
    }

    /// Some programs write targets from the root but without the leading slash that would say so.
    fn settle(&self, relationship: &mut Relationship, folder: &str) {
        if folder.is_empty() || self.has(&relationship.target) {
            return;
        }
        let from_root = relationship
            .target
            .strip_prefix(folder)
            .and_then(|rest| rest.strip_prefix('/'));
        if let Some(target) = from_root.filter(|target| self.has(target)) {
            relationship.target = target.to_string();
        }
    }

    /// The name of the workbook part: by the package's relationships, else (also if these are damaged) by the content
    /// types, else by custom.
    ///
    /// # Errors
    /// What is wrong with the file, also when there is no such part.
    pub(super) fn main_part(&mut self) -> Result<String> {
        let relationships = match self.relationships("") {
            Err(error) if error.kind() == ErrorKind::WorkbookBroken => {
                tracing::debug!(%error, "the package's relationships are damaged");
                Vec::new()
            }
            relationships => relationships?,
        };
        let main = relationships
            .into_iter()
            .find(|one| one.kind == "officeDocument" && !one.external && self.has(&one.target));
        if let Some(main) = main {
            return Ok(main.target);
        }
        if let Some(name) = self.main_part_by_type()? {
            return Ok(name);
        }
        let by_custom = ["xl/workbook.xml", "xl/workbook.bin"];
        match by_custom.into_iter().find(|name| self.has(name)) {
            Some(name) => Ok(name.to_string()),
            None => Err(broken(&self.path, "it has no workbook part")),
        }
    }

    /// The part whose content type (ECMA-376 Part 2, §6.2.3) is a workbook's.
    fn main_part_by_type(&mut self) -> Result<Option<String>> {
        const NAME: &str = "[Content_Types].xml";
        let mut mains = Vec::new();
        if let Some(mut reader) = self.xml(NAME, PartKind::List)? {
            loop {
                match reader.next()? {
                    Event::Start(tag) | Event::Empty(tag)
                        if tag.local_name().as_ref() == "Override" =>
                    {
                        let is_main = xml::attribute(&tag, "ContentType")
                            .is_some_and(|content| is_workbook(&content));
                        let name = xml::attribute(&tag, "PartName").filter(|_| is_main);
                        mains.extend(name.map(|name| part_name(&name)));
                    }
                    Event::Eof => break,
                    _ => {}
                }
            }
        }
        Ok(mains.into_iter().find(|name| self.has(name)))
    }

    fn index_of(&self, name: &str) -> Option<usize> {
        let name = part_name(name);
        let same = self.members.get(&name.to_lowercase())?;
        let exact = same.iter().rev().find(|member| member.name == name);
        exact.or(same.last()).map(|member| member.index)
    }
}

/// The content types of workbooks, templates and add-ins, with XML or binary parts, all have these in them.
fn is_workbook(content_type: &str) -> bool {
    let content_type = content_type.to_ascii_lowercase();
    let of_excel = content_type.contains("spreadsheetml.") || content_type.contains("ms-excel.");
    of_excel && content_type.contains(".main")
}

fn relationship(tag: &BytesStart<'_>, folder: &str) -> Option<Relationship> {
    let target = xml::attribute(tag, "Target")?;
    let kind = xml::attribute(tag, "Type")?;
    let external =
        xml::attribute(tag, "TargetMode").is_some_and(|mode| mode.eq_ignore_ascii_case("external"));
    if target.len() > MAX_TARGET_BYTES {
        return None;
    }
    Some(Relationship {
        id: xml::attribute(tag, "Id")?.into_owned(),
        kind: kind
            .rsplit_once('/')
            .map_or(&*kind, |(_, last)| last)
            .to_string(),
        target: if external {
            target.into_owned()
        } else {
            resolve(folder, &target)
        },
        external,
    })
}

/// A target seen from a folder, as a part name (RFC 3986, 5.2.4).
fn resolve(folder: &str, target: &str) -> String {
    let target = target.split('#').next().unwrap_or_default().trim();
    let is_absolute = target.starts_with(['/', '\\']);
    if is_absolute || folder.is_empty() {
        return part_name(target);
    }
    part_name(&format!("{folder}/{target}"))
}

/// A part name in one notation: decoded, `/` between segments and none in front, no `.` and `..`.
fn part_name(raw: &str) -> String {
    let decoded = percent_decode_str(raw).decode_utf8_lossy();
    let mut segments: Vec<&str> = Vec::new();
    for segment in decoded.split(['/', '\\']) {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    segments.join("/")
}

fn open_error(path: &Path, name: &str, error: ZipError) -> Error {
    match error {
        ZipError::Io(error) => read_error(path, name, error),
        ZipError::InvalidPassword | ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => {
            Error::new(
                ErrorKind::WorkbookEncrypted,
                format!("{} is protected by a password", path.display()),
            )
            .in_file(path)
            .next_step("Remove the password in a spreadsheet program and save it again")
        }
        error => broken(path, &format!("its part {name} cannot be read")).caused_by(error),
    }
}

/// What an error of a part's stream means: the disk's fault, more content than is borne, or damage.
pub(super) fn read_error(path: &Path, name: &str, error: io::Error) -> Error {
    if error.raw_os_error().is_some() {
        return container::unreadable(path, error);
    }
    if let Some(Passed { limit, most }) = Passed::of(&error) {
        return over_limit(path, &format!("its part {name}"), limit, most);
    }
    broken(path, &format!("its part {name} cannot be read")).caused_by(error)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
    use zip::CompressionMethod;
    use zip::write::SimpleFileOptions;

    use super::*;

    const RELATIONSHIPS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";

    fn zip_of(members: &[(&str, &str)]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        for (index, (name, content)) in members.iter().enumerate() {
            let method = [CompressionMethod::Deflated, CompressionMethod::Stored][index % 2];
            let options = SimpleFileOptions::default()
                .compression_method(method)
                .large_file(index % 3 == 0);
            zip.start_file(*name, options).unwrap();
            zip.write_all(content.as_bytes()).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn package(bytes: Vec<u8>) -> Result<Package> {
        let input = Input::Decrypted(io::Cursor::new(bytes.into()));
        Package::open(Path::new("a.xlsx"), input, &Limits::default())
    }

    fn text(package: &mut Package, name: &str) -> Option<String> {
        let mut text = String::new();
        let mut part = package.part(name, PartKind::List).unwrap()?;
        part.read_to_string(&mut text).unwrap();
        Some(text)
    }

    fn rels(entries: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><Relationships xmlns=\"{RELATIONSHIPS}\">{entries}</Relationships>"
        )
    }

    #[test]
    fn parts_are_found_however_their_names_are_written() {
        let members = [
            ("xl\\worksheets\\Sheet1.xml", "one"),
            ("/xl/a%20b.xml", "two"),
            ("xl/Ä.xml", "three"),
        ];
        let mut package = package(zip_of(&members)).unwrap();
        for (name, wanted) in [
            ("xl/worksheets/sheet1.xml", Some("one")),
            ("/XL/Worksheets/SHEET1.XML", Some("one")),
            ("xl/./worksheets/../worksheets/sheet1.xml", Some("one")),
            ("xl/a b.xml", Some("two")),
            ("xl/a%20b.xml", Some("two")),
            ("xl/ä.xml", Some("three")),
            ("xl/sheet1.xml", None),
            ("", None),
        ] {
            assert_eq!(text(&mut package, name).as_deref(), wanted, "{name}");
            assert_eq!(package.has(name), wanted.is_some(), "{name}");
        }
    }

    #[test]
    fn of_names_that_differ_in_case_the_one_as_asked_for_comes_first() {
        let members = [("a.xml", "one"), ("A.xml", "two"), ("A.XML", "three")];
        let mut package = package(zip_of(&members)).unwrap();
        for (name, wanted) in [("a.xml", "one"), ("A.xml", "two"), ("a.XML", "three")] {
            assert_eq!(text(&mut package, name).as_deref(), Some(wanted), "{name}");
        }
    }

    #[test]
    fn targets_are_seen_from_their_part() {
        for (folder, target, wanted) in [
            ("xl", "worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
            ("xl", "/xl/styles.xml", "xl/styles.xml"),
            ("xl", "\\xl\\styles.xml", "xl/styles.xml"),
            (
                "xl/worksheets",
                "../tables/table1.xml",
                "xl/tables/table1.xml",
            ),
            ("xl", "../../../../etc", "etc"),
            ("", "xl/workbook.xml", "xl/workbook.xml"),
            ("xl", "a%20b.xml#C17", "xl/a b.xml"),
            ("xl", "#Sheet1!A1", "xl"),
        ] {
            assert_eq!(resolve(folder, target), wanted, "{folder} {target}");
        }
    }

    #[test]
    fn relationships_have_kinds_without_the_dialect() {
        let entries = "<Relationship Id=\"rId1\" Target=\"worksheets/sheet1.xml\" \
             Type=\"http://purl.oclc.org/ooxml/officeDocument/relationships/worksheet\"/>\
             <Relationship Id=\"rId2\" Target=\"xl/styles.xml\" \
             Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\"/>\
             <Relationship Id=\"rId3\" Target=\"http://a.example/?a=1&amp;b=2\" TargetMode=\"External\" Type=\"hyperlink\"/>\
             <Relationship Target=\"no-id\" Type=\"hyperlink\"/>";
        let parts = [
            ("xl/_rels/workbook.xml.rels", &*rels(entries)),
            ("xl/styles.xml", ""),
        ];
        let mut package = package(zip_of(&parts)).unwrap();
        let found = package.relationships("/xl/workbook.xml").unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|one| (&*one.id, &*one.kind, &*one.target, one.external))
            .collect();
        let wanted = [
            ("rId1", "worksheet", "xl/worksheets/sheet1.xml", false),
            ("rId2", "styles", "xl/styles.xml", false),
            ("rId3", "hyperlink", "http://a.example/?a=1&b=2", true),
        ];
        assert_eq!(found, wanted);
        assert_eq!(package.relationships("xl/styles.xml").unwrap(), []);
    }

    #[test]
    fn the_workbook_part_is_found_by_relationship_then_by_type_then_by_custom() {
        let root = rels(
            "<Relationship Id=\"a\" Target=\"/book/main.xml\" Type=\"http://purl.oclc.org/ooxml/officeDocument/\
             relationships/officeDocument\"/>",
        );
        let types = "<Types><Override PartName=\"/other/Book.xml\" ContentType=\"application/\
             vnd.ms-excel.sheet.macroEnabled.main+xml\"/></Types>";
        let all = [
            ("_rels/.rels", &*root),
            ("[Content_Types].xml", types),
            ("book/main.xml", ""),
            ("other/Book.xml", ""),
            ("xl/workbook.bin", ""),
        ];
        for (without, wanted) in [
            (&["none"][..], Some("book/main.xml")),
            (&["_rels/.rels"], Some("other/Book.xml")),
            (
                &["book/main.xml", "[Content_Types].xml"],
                Some("xl/workbook.bin"),
            ),
            (
                &["book/main.xml", "other/Book.xml"],
                Some("xl/workbook.bin"),
            ),
            (&["_rels/.rels", "other/Book.xml", "xl/workbook.bin"], None),
        ] {
            let kept: Vec<_> = all
                .into_iter()
                .filter(|(name, _)| !without.contains(name))
                .collect();
            let main = package(zip_of(&kept)).unwrap().main_part();
            let main = main.map_err(|error| error.kind());
            let wanted = wanted.map(str::to_string).ok_or(ErrorKind::WorkbookBroken);
            assert_eq!(main, wanted, "{without:?}");
        }
    }

    #[test]
    fn a_part_beyond_its_limit_is_too_large_and_one_at_it_is_not() {
        for (most, fits) in [(11, true), (10, true), (9, false)] {
            let limits = Limits {
                list_bytes: most,
                ..Limits::default()
            };
            let bytes = zip_of(&[("xl/styles.xml", "0123456789")]);
            let input = Input::Decrypted(io::Cursor::new(bytes.into()));
            let mut package = Package::open(Path::new("a.xlsx"), input, &limits).unwrap();
            let part = package.part("xl/styles.xml", PartKind::List).unwrap();
            match io::copy(&mut part.unwrap(), &mut io::sink()) {
                Ok(read) => assert!(fits && read == 10),
                Err(error) => {
                    let error = read_error(Path::new("a.xlsx"), "xl/styles.xml", error);
                    assert!(!fits);
                    assert_eq!(error.kind(), ErrorKind::WorkbookTooLarge);
                    let wanted = "its part xl/styles.xml inflates to more than 9 bytes";
                    assert!(error.to_string().contains(wanted), "{error}");
                    assert!(error.advice().unwrap().contains("--max-list-size"));
                }
            }
        }
    }

    #[test]
    fn a_part_with_wrong_bytes_is_broken_and_named() {
        let mut bytes = zip_of(&[("gap", ""), ("_rels/.rels", &rels("<a b=\"needle\"/>"))]);
        let at = bytes.windows(6).position(|six| six == b"needle").unwrap();
        bytes[at] = b'N';
        let error = package(bytes).unwrap().relationships("").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WorkbookBroken);
        assert!(error.to_string().contains("_rels/.rels"), "{error}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_package_or_broken(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = package(bytes) {
                prop_assert_eq!(error.kind(), ErrorKind::WorkbookBroken);
            }
        }

        #[test]
        fn part_names_settle(name in "[a-z./\\\\]{0,20}") {
            let once = part_name(&name);
            prop_assert_eq!(&part_name(&once), &once);
            prop_assert!(once.is_empty() || once.split('/').all(|segment| !matches!(segment, "" | "." | "..")));
        }
    }
}
