//! The profile of one column, cell by cell.

use super::class::CellClass;
use super::distinct::{Distinct, hash_bits, hash_text};
use super::lossy::{LossyColumn, NumberRules, double_of, has_many_digits};
use super::tally::Tally;
use super::text::{Controls, TextLook, has_outer_white_space};
use crate::model::batch::Batch;
use crate::model::cell::{Cell, FormatId};
use crate::model::inspection::{Exactness, FormatSeen};
use crate::model::value::{MICROS_PER_DAY, Value};
use crate::transform::display::display_number;
use crate::transform::iso_cell;

/// How many different values are shown.
const SAMPLES: usize = 5;
/// How many different words for nothing are named.
const NULL_WORDS: usize = 3;
/// Number formats beyond these are not counted; hardly a column has more than two.
const FORMATS: usize = 64;
/// How much of a text is kept as least, greatest or sample, in bytes.
const KEPT_BYTES: usize = 256;

/// What one column holds.
#[derive(Debug, Clone, Default)]
pub(super) struct ColumnProfile {
    pub(super) lossy: LossyColumn,
    /// Numbers of more than 15 digits.
    pub(super) many_digits: Tally,
    pub(super) errors: Tally,
    pub(super) controls: Tally,
    pub(super) outer_white_space: Tally,
    pub(super) null_words: Tally,
    pub(super) null_word_list: Vec<String>,
    looks: [u64; TextLook::KINDS],
    distinct: Distinct,
    booleans: [bool; 2],
    numbers: Option<[(f64, FormatId); 2]>,
    moments: Option<[Moment; 2]>,
    texts: Option<TextBounds>,
    samples: Vec<(u64, Sample)>,
    formats: Vec<(FormatId, u64)>,
}

/// The first and last text by their bytes, and the length of the longest.
#[derive(Debug, Clone)]
struct TextBounds {
    first: String,
    last: String,
    longest_chars: usize,
}

/// A date, time or duration that is stored as ISO 8601 text.
#[derive(Debug, Clone, Copy)]
struct Moment {
    /// Since 2000-01-01, since midnight, or for how long.
    micros: i64,
    value: Value<'static>,
}

impl Moment {
    fn of_iso(text: &str) -> Option<Self> {
        if let Some(day) = iso_cell::day(text) {
            return Some(Self {
                micros: i64::from(day) * MICROS_PER_DAY,
                value: Value::Date(day),
            });
        }
        if let Some(micros) = iso_cell::timestamp(text) {
            let value = Value::Timestamp(micros);
            return Some(Self { micros, value });
        }
        let micros = iso_cell::duration(text)?;
        let value = Value::Interval(micros);
        Some(Self { micros, value })
    }
}

#[derive(Debug, Clone)]
enum Sample {
    Bool(bool),
    Number(f64, FormatId),
    Text(String),
}

impl ColumnProfile {
    /// Looks at a cell. Nothing is allocated but for the first values and new extremes.
    #[inline]
    pub(super) fn observe(&mut self, cell: Cell, row: u32, batch: &Batch, rules: &NumberRules) {
        match cell {
            Cell::Empty => {}
            Cell::Error(_) => self.errors.add(row),
            Cell::Bool(truth) => {
                self.lossy.add(CellClass::Bool, row);
                self.booleans[usize::from(truth)] = true;
                self.value(u64::from(truth) + 1, || Sample::Bool(truth));
            }
            Cell::Number { value, format } => self.number(value, format, row, rules),
            Cell::Digits { format, .. } => {
                self.number(double_of(batch.text_of(cell)), format, row, rules);
            }
            Cell::Text(_) | Cell::Shared(_) => self.text(batch.text_of(cell), row),
            Cell::Iso(_) => self.iso(batch.text_of(cell), row),
        }
    }

    fn number(&mut self, value: f64, format: FormatId, row: u32, rules: &NumberRules) {
        let class = self.lossy.number(row, value, format, rules);
        if class.has_digits() && has_many_digits(value) {
            self.many_digits.add(row);
        }
        match &mut self.numbers {
            Some([min, max]) => {
                if value < min.0 {
                    *min = (value, format);
                }
                if value > max.0 {
                    *max = (value, format);
                }
            }
            None if value.is_nan() => {}
            none => *none = Some([(value, format); 2]),
        }
        self.format(format);
        // Adding zero makes -0 a plain 0.
        let hash = hash_bits((value + 0.0).to_bits());
        self.value(hash, || Sample::Number(value, format));
    }

    fn format(&mut self, format: FormatId) {
        let mut known = self.formats.iter_mut();
        if let Some((_, count)) = known.find(|(known, _)| *known == format) {
            *count += 1;
        } else if self.formats.len() < FORMATS {
            self.formats.push((format, 1));
        }
    }

    fn text(&mut self, text: &str, row: u32) {
        self.lossy.add(CellClass::Text, row);
        match Controls::of(text) {
            Controls::None => {}
            Controls::Nul => self.lossy.nul.add(row),
            Controls::Others => self.controls.add(row),
        }
        if has_outer_white_space(text) {
            self.outer_white_space.add(row);
        }
        let look = TextLook::of(text);
        self.looks[look.index()] += 1;
        match look {
            TextLook::DayMonth(found) => self.lossy.days.add(row, found),
            TextLook::Null => self.null_word(text.trim(), row),
            _ => {}
        }
        self.bounds(text);
        self.value(hash_text(text), || Sample::Text(cut(text).to_owned()));
    }

    fn iso(&mut self, text: &str, row: u32) {
        self.lossy.add(CellClass::of_iso(text), row);
        let Some(moment) = Moment::of_iso(text) else {
            self.bounds(text);
            self.value(hash_text(text), || Sample::Text(cut(text).to_owned()));
            return;
        };
        match &mut self.moments {
            Some([min, max]) => {
                if moment.micros < min.micros {
                    *min = moment;
                }
                if moment.micros > max.micros {
                    *max = moment;
                }
            }
            none => *none = Some([moment; 2]),
        }
        let hash = hash_bits(moment.micros as u64);
        self.value(hash, || Sample::Text(moment.value.to_string()));
    }

    fn null_word(&mut self, word: &str, row: u32) {
        if word.is_empty() {
            return;
        }
        self.null_words.add(row);
        let list = &mut self.null_word_list;
        if list.len() < NULL_WORDS && !list.iter().any(|known| known == word) {
            list.push(word.to_owned());
        }
    }

    /// Keeps the first and last text. The room of the one before is used again.
    fn bounds(&mut self, text: &str) {
        let kept = cut(text);
        let Some(bounds) = &mut self.texts else {
            self.texts = Some(TextBounds {
                first: kept.to_owned(),
                last: kept.to_owned(),
                longest_chars: text.chars().count(),
            });
            return;
        };
        if kept < bounds.first.as_str() {
            bounds.first.clear();
            bounds.first.push_str(kept);
        } else if kept > bounds.last.as_str() {
            bounds.last.clear();
            bounds.last.push_str(kept);
        }
        // A text has no more characters than bytes.
        if text.len() > bounds.longest_chars {
            bounds.longest_chars = bounds.longest_chars.max(text.chars().count());
        }
    }

    #[inline]
    fn value(&mut self, hash: u64, sample: impl FnOnce() -> Sample) {
        self.distinct.add(hash);
        if self.samples.len() < SAMPLES && !self.samples.iter().any(|(known, _)| *known == hash) {
            self.samples.push((hash, sample()));
        }
    }

    /// How many different values there are.
    pub(super) fn distinct(&self) -> (u64, Exactness) {
        self.distinct.count()
    }

    /// Texts that look like this.
    pub(super) fn look(&self, look: TextLook) -> u64 {
        self.looks[look.index()]
    }

    /// Texts with day and month.
    pub(super) fn day_months(&self) -> u64 {
        self.looks[TextLook::DAY_MONTH]
    }

    /// The characters of the longest text.
    pub(super) fn longest_text(&self) -> Option<u64> {
        let bounds = self.texts.as_ref();
        bounds.map(|bounds| bounds.longest_chars as u64)
    }

    /// The least and greatest value: of numbers and dates where these are more than the texts.
    pub(super) fn bounds_shown(&self, rules: &NumberRules) -> Option<(String, String)> {
        let texts = self.lossy.of_class(CellClass::Text).count();
        let is_mostly_text = texts.saturating_mul(2) > self.lossy.values();
        let of_texts = || {
            let bounds = self.texts.as_ref()?;
            Some((bounds.first.clone(), bounds.last.clone()))
        };
        let of_numbers = || {
            let [min, max] = self.numbers?;
            Some((shown(min, rules), shown(max, rules)))
        };
        let of_moments = || {
            let [min, max] = self.moments?;
            Some((min.value.to_string(), max.value.to_string()))
        };
        let of_numbers = || of_numbers().or_else(of_moments);
        let of_booleans = || match self.booleans {
            [false, false] => None,
            [no, yes] => Some(((!no).to_string(), yes.to_string())),
        };
        if is_mostly_text {
            of_texts().or_else(of_numbers).or_else(of_booleans)
        } else {
            of_numbers().or_else(of_booleans).or_else(of_texts)
        }
    }

    /// The first different values.
    pub(super) fn samples_shown(&self, rules: &NumberRules) -> Vec<String> {
        let samples = self.samples.iter().map(|(_, sample)| match sample {
            Sample::Bool(truth) => truth.to_string(),
            Sample::Number(value, format) => shown((*value, *format), rules),
            Sample::Text(text) => text.clone(),
        });
        samples.collect()
    }

    /// The formats of its numbers, the most frequent first.
    pub(super) fn formats_seen(&self, rules: &NumberRules) -> Vec<FormatSeen> {
        let seen = self.formats.iter().map(|(format, cells)| FormatSeen {
            code: rules
                .formats
                .get(usize::from(format.0))
                .map_or_else(String::new, |format| format.code.clone()),
            cells: *cells,
        });
        let mut seen: Vec<FormatSeen> = seen.collect();
        seen.sort_by(|a, b| b.cells.cmp(&a.cells).then_with(|| a.code.cmp(&b.code)));
        seen
    }
}

/// A number as people see it.
fn shown((value, format): (f64, FormatId), rules: &NumberRules) -> String {
    match rules.formats.get(usize::from(format.0)) {
        Some(format) => display_number(value, format, rules.date_system),
        None => format!("{}", value + 0.0),
    }
}

/// The start of a text, at most [`KEPT_BYTES`].
fn cut(text: &str) -> &str {
    let mut end = text.len().min(KEPT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
