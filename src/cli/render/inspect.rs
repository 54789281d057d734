//! What is in a workbook, for people: at most 80 columns wide, whatever the names.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::{grouped, one_line};
use crate::model::inspection::{
    ColumnInspection, Exactness, Finding, Inspection, SheetContent, SheetInspection,
};
use crate::model::sheet::{SheetKind, Visibility};

/// The longest line, in columns of a terminal.
const WIDTH: usize = 80;
/// The widths of a column's figures: letters, title, type, nulls, distinct, min, max. With a space between each, and
/// two in front, they fill a line.
const FIGURES: [usize; 7] = [3, 17, 9, 9, 10, 12, 12];
/// Where nulls and distinct stand, which are numbers and go to the right.
const NUMBERS: std::ops::Range<usize> = 3..5;
/// The most columns, samples or sheets listed by name.
const LISTED_NAMES: usize = 12;

/// The whole text, without a line break at its end.
pub(in crate::cli) fn describe(inspection: &Inspection) -> String {
    let mut text = Text::default();
    let sheets = inspection.sheets.len();
    let tail = format!(
        ": {}, {} {}",
        inspection.format.name(),
        grouped(sheets as u64),
        if sheets == 1 { "sheet" } else { "sheets" }
    );
    let room = WIDTH.saturating_sub(tail.width());
    text.line(&format!(
        "{}{tail}",
        cut_front(&one_line(&inspection.file), room)
    ));
    for sheet in &inspection.sheets {
        text.line("");
        describe_sheet(&mut text, sheet);
    }
    if !inspection.left_out.is_empty() {
        text.line("");
        let names = listed(&inspection.left_out);
        text.wrapped(
            &format!("Hidden sheets left out: {names} (--hidden load)"),
            2,
        );
    }
    text.out.trim_end().to_owned()
}

fn describe_sheet(text: &mut Text, sheet: &SheetInspection) {
    let visibility = match sheet.visibility {
        Visibility::Visible => "visible",
        Visibility::Hidden => "hidden",
        Visibility::VeryHidden => "very hidden",
    };
    let Some(content) = &sheet.content else {
        let what = match sheet.kind {
            SheetKind::Worksheet => "empty",
            SheetKind::Chart => "a chart",
            SheetKind::Other => "not a worksheet",
            SheetKind::Missing => "missing in the file, which is damaged",
        };
        let tail = format!(" ({visibility}): {what}");
        text.named("Sheet", &sheet.sheet, &tail);
        return;
    };
    let tail = format!(
        " ({visibility}): {} {} x {} {}",
        grouped(content.rows),
        if content.rows == 1 { "row" } else { "rows" },
        grouped(content.columns.len() as u64),
        if content.columns.len() == 1 {
            "column"
        } else {
            "columns"
        },
    );
    text.named("Sheet", &sheet.sheet, &tail);
    text.wrapped(&format!("  {}", where_it_is(content)), 2);
    if let Some(hidden) = hidden(content) {
        text.wrapped(&format!("  {hidden}"), 2);
    }
    describe_columns(text, &content.columns);
    describe_findings(text, &content.findings);
    describe_table(text, content);
}

fn where_it_is(content: &SheetContent) -> String {
    let titles = match content.title_row {
        Some(row) => format!("titles in row {}", grouped(u64::from(row))),
        None => "no titles".to_owned(),
    };
    let blank = match content.blank_rows {
        0 => String::new(),
        1 => ", 1 blank row is skipped".to_owned(),
        rows => format!(", {} blank rows are skipped", grouped(rows)),
    };
    format!("Cells {}, {titles}{blank}", content.cells)
}

fn hidden(content: &SheetContent) -> Option<String> {
    let hidden = &content.hidden;
    let mut parts = Vec::new();
    for (rows, what) in [
        (hidden.rows_read, "loaded unless --hidden skip"),
        (hidden.rows_skipped, "left out"),
    ] {
        if rows > 0 {
            let noun = if rows == 1 { "row" } else { "rows" };
            parts.push(format!("{} {noun} ({what})", grouped(rows)));
        }
    }
    if !hidden.columns.is_empty() {
        let noun = if hidden.columns.len() == 1 {
            "column"
        } else {
            "columns"
        };
        parts.push(format!("{noun} {}", listed(&hidden.columns)));
    }
    (!parts.is_empty()).then(|| format!("Hidden: {}", parts.join(", ")))
}

/// The first of many names.
fn listed(names: &[String]) -> String {
    let first = names.iter().take(LISTED_NAMES).cloned();
    let first: Vec<String> = first.collect();
    match names.len().saturating_sub(LISTED_NAMES) {
        0 => first.join(", "),
        more => format!("{} and {} more", first.join(", "), grouped(more as u64)),
    }
}

fn describe_columns(text: &mut Text, columns: &[ColumnInspection]) {
    text.line("");
    text.figures(["", "Title", "Type", "Nulls", "Distinct", "Min", "Max"]);
    for column in columns {
        let distinct = match column.distinct_is {
            Exactness::Exact => grouped(column.distinct),
            Exactness::Estimate => format!("~{}", grouped(column.distinct)),
        };
        let hidden = if column.hidden { "(hidden) " } else { "" };
        text.figures([
            &column.letters,
            &format!("{hidden}{}", column.title),
            short_type(&column.sql_type),
            &grouped(column.nulls),
            &distinct,
            column.min.as_deref().unwrap_or_default(),
            column.max.as_deref().unwrap_or_default(),
        ]);
        let details = details(column);
        if !details.is_empty() {
            text.line(&format!("      {details}"));
        }
    }
}

/// Samples and formats in a line.
fn details(column: &ColumnInspection) -> String {
    let formats: Vec<&str> = column
        .formats
        .iter()
        .map(|format| format.code.as_str())
        .collect();
    let formats = match formats.as_slice() {
        [] | ["General"] => String::new(),
        codes => format!("  [{}]", one_line(&codes.join("; "))),
    };
    let formats = cut(&formats, WIDTH / 2 - 10);
    let room = WIDTH - 6 - formats.width();
    let mut samples = one_line(&column.samples.join(" | "));
    if column.distinct > column.samples.len() as u64 {
        samples.push_str(" | …");
    }
    format!("{}{formats}", cut(&samples, room))
}

/// The type in the words of every day.
fn short_type(sql_type: &str) -> &str {
    match sql_type {
        "timestamp without time zone" => "timestamp",
        "time without time zone" => "time",
        "double precision" => "double",
        other => other,
    }
}

fn describe_findings(text: &mut Text, findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    text.line("");
    text.line("  Findings:");
    for finding in findings {
        let of_column = match &finding.column {
            Some(column) => format!(" in {}", cut(&one_line(column), 30)),
            None => String::new(),
        };
        let mut head = format!(
            "  {}{of_column}: {}",
            finding.kind.words(),
            grouped(finding.count)
        );
        if !finding.cells.is_empty() {
            let cells = finding
                .cells
                .iter()
                .map(|cell| cut_front(&one_line(cell), 40));
            let cells: Vec<String> = cells.collect();
            let more = if finding.count > cells.len() as u64 {
                ", …"
            } else {
                ""
            };
            head = format!("{head} ({}{more})", cells.join(", "));
        }
        text.wrapped(&format!("  {head}"), 6);
        text.wrapped(&format!("      {}", one_line(&finding.explanation)), 6);
        if let Some(flag) = &finding.flag {
            text.line(&format!("      {}", one_line(flag)));
        }
    }
}

/// The statement, a column a line.
fn describe_table(text: &mut Text, content: &SheetContent) {
    text.line("");
    let Some(ddl) = &content.ddl else {
        text.line("  No table can have so many columns.");
        return;
    };
    // Names of columns that follow from titles hold letters, digits and underscores alone, so that a comma with a
    // space and a quote stands between columns only.
    let (head, columns) = ddl.split_once(" (\"").unwrap_or((ddl, ""));
    text.broken(&format!("  {head} ("), "    ");
    let columns = columns.strip_suffix(')').unwrap_or(columns);
    let mut columns = columns.split(", \"").peekable();
    while let Some(column) = columns.next() {
        let comma = if columns.peek().is_some() { "," } else { ");" };
        text.broken(&format!("    \"{column}{comma}"), "      ");
    }
}

/// Lines that end where the terminal does.
#[derive(Default)]
struct Text {
    out: String,
}

impl Text {
    /// A line, cut.
    fn line(&mut self, line: &str) {
        self.out.push_str(&cut(one_line(line).trim_end(), WIDTH));
        self.out.push('\n');
    }

    /// A line of a name in quotes, of which the name is cut.
    fn named(&mut self, what: &str, name: &str, tail: &str) {
        let room = WIDTH.saturating_sub(what.width() + tail.width() + 3);
        self.line(&format!("{what} \"{}\"{tail}", cut(&one_line(name), room)));
    }

    /// A line that is broken between words.
    fn wrapped(&mut self, line: &str, indent: usize) {
        let mut rest = String::new();
        for word in line.split_inclusive(' ') {
            if rest.width() + word.trim_end().width() > WIDTH && rest.width() > indent {
                self.line(&rest);
                rest = " ".repeat(indent);
            }
            rest.push_str(word);
        }
        self.line(&rest);
    }

    /// A line of a statement, which stays valid when it is broken at its last word but is never cut.
    fn broken(&mut self, line: &str, indent: &str) {
        match line.rfind("\" ") {
            Some(at) if line.width() > WIDTH => {
                let (name, rest) = line.split_at(at + 1);
                self.line(name);
                self.line(&format!("{indent}{}", rest.trim_start()));
            }
            _ => self.line(line),
        }
    }

    /// A line of the table of columns.
    fn figures(&mut self, figures: [&str; 7]) {
        let mut line = String::from("  ");
        for (index, (figure, width)) in figures.into_iter().zip(FIGURES).enumerate() {
            let figure = cut(&one_line(figure), width);
            let room = " ".repeat(width.saturating_sub(figure.width()));
            if NUMBERS.contains(&index) {
                line.push_str(&format!("{room}{figure} "));
            } else {
                line.push_str(&format!("{figure}{room} "));
            }
        }
        self.line(&line);
    }
}

/// The start of a text that is wider than this, with an ellipsis.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or_default();
        if used > width {
            break;
        }
        out.push(c);
    }
    // Joined characters can be wider together than one by one.
    while out.width() + 1 > width && out.pop().is_some() {}
    if width > 0 {
        out.push('…');
    }
    out
}

/// The end of a text that is wider than this: of a cell's address, the row matters most.
fn cut_front(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut start = text.len();
    for (at, _) in text.char_indices().rev() {
        if text.get(at..).unwrap_or_default().width() + 1 > width {
            break;
        }
        start = at;
    }
    format!("…{}", text.get(start..).unwrap_or_default())
}
