//! A format code's sections and what each of them shows (ECMA-376 Part 1, §18.8.31).
//!
//! Real files hold codes that no grammar allows: brackets and quotes without an end, a fifth section, letters without
//! a meaning. All of them can be read: what has no meaning is shown as it is, as spreadsheet programs do.

use std::iter::Peekable;
use std::str::Chars;

/// How a section's condition compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

/// A piece of a section.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// `General`
    General,
    /// `0`: a digit, or a zero.
    Zero,
    /// `#` and `?`: a digit, or nothing or a blank.
    OptionalDigit,
    /// `.`
    Point,
    /// `,`
    Comma,
    /// `%`
    Percent,
    /// `/`
    Slash,
    /// `E+`, `E-`
    Exponent,
    /// `@`
    Text,
    /// Years, days, weekdays, and months written as words.
    Date,
    /// Years of other calendars, which some languages' codes have.
    EraYear,
    /// The name of an era, which is no date without a year.
    Era,
    /// `m` and `mm`: a month or minutes, by what is around it.
    MonthOrMinute,
    /// `h`
    Hour,
    /// `s`
    Second,
    /// `AM/PM` and its like.
    HalfDay,
    /// `[h]`, `[mm]`, `[ss]`: hours, minutes or seconds without a limit.
    Elapsed,
    /// The system's long date, `[$-F800]`.
    SystemDate,
    /// The system's time, `[$-F400]`.
    SystemTime,
    /// The currency of `[$€-407]`.
    Currency(String),
    /// Anything shown as it is.
    Literal(String),
}

/// A part of a code between semicolons.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Section {
    /// Which numbers it is for, where it says so itself.
    pub(super) condition: Option<(Comparison, f64)>,
    /// What it shows.
    pub(super) tokens: Vec<Token>,
}

/// The words for the halves of a day in codes, the longer ones first. East Asian languages have their own.
const HALF_DAYS: [&str; 5] = ["AM/PM", "上午/下午", "午前/午後", "오전/오후", "A/P"];

/// Cuts a code into its sections.
pub(super) fn sections(code: &str) -> Vec<Section> {
    let mut lexer = Lexer {
        rest: code.chars().peekable(),
        sections: vec![Section::default()],
    };
    while let Some(c) = lexer.rest.next() {
        lexer.take(c);
    }
    lexer.sections
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    sections: Vec<Section>,
}

impl Lexer<'_> {
    fn take(&mut self, c: char) {
        match c {
            ';' => self.sections.push(Section::default()),
            '"' => {
                let quoted: String = self.rest.by_ref().take_while(|c| *c != '"').collect();
                self.literal(&quoted);
            }
            '\\' => {
                if let Some(escaped) = self.rest.next() {
                    self.literal_char(escaped);
                }
            }
            // A blank as wide as the next character. On paper it keeps columns apart; in a text it is nothing.
            '_' => {
                self.rest.next();
            }
            // The next character as often as fits the cell.
            '*' => {
                self.rest.next();
            }
            '[' => {
                let bracket: String = self.rest.by_ref().take_while(|c| *c != ']').collect();
                self.bracket(&bracket);
            }
            '0' => self.push(Token::Zero),
            '#' | '?' => self.push(Token::OptionalDigit),
            '.' => self.push(Token::Point),
            ',' => self.push(Token::Comma),
            '%' => self.push(Token::Percent),
            '/' => self.push(Token::Slash),
            '@' => self.push(Token::Text),
            _ if self.word(c, "General") => self.push(Token::General),
            _ if HALF_DAYS.iter().any(|word| self.word(c, word)) => self.push(Token::HalfDay),
            letter => self.letter(letter),
        }
    }

    /// A field of a date or a time, or a letter without a meaning.
    fn letter(&mut self, c: char) {
        match c {
            'e' | 'E' if self.is_exponent() => {
                self.rest.next_if(|next| matches!(next, '+' | '-'));
                self.push(Token::Exponent);
            }
            'm' | 'M' => {
                let length = self.run(c);
                // Three and more are a name, which minutes have none of.
                self.push(if length > 2 {
                    Token::Date
                } else {
                    Token::MonthOrMinute
                });
            }
            'y' | 'Y' | 'd' | 'D' => {
                self.run(c);
                self.push(Token::Date);
            }
            'g' | 'G' => {
                self.run(c);
                self.push(Token::Era);
            }
            'e' | 'E' | 'b' | 'B' => {
                self.run(c);
                // B1 and B2 choose a calendar for what follows.
                if matches!(c, 'b' | 'B') {
                    self.rest.next_if(|next| matches!(next, '1' | '2'));
                }
                self.push(Token::EraYear);
            }
            'h' | 'H' => {
                self.run(c);
                self.push(Token::Hour);
            }
            's' | 'S' => {
                self.run(c);
                self.push(Token::Second);
            }
            // Weekdays in Chinese, Japanese and Korean codes.
            'a' | 'A' if self.word(c, "aaa") => {
                self.run(c);
                self.push(Token::Date);
            }
            other => self.literal_char(other),
        }
    }

    fn section(&mut self) -> Option<&mut Section> {
        self.sections.last_mut()
    }

    fn push(&mut self, token: Token) {
        if let Some(section) = self.section() {
            section.tokens.push(token);
        }
    }

    fn literal_char(&mut self, c: char) {
        self.literal(c.encode_utf8(&mut [0; 4]));
    }

    fn literal(&mut self, text: &str) {
        let Some(section) = self.section() else {
            return;
        };
        if let Some(Token::Literal(before)) = section.tokens.last_mut() {
            before.push_str(text);
        } else if !text.is_empty() {
            section.tokens.push(Token::Literal(text.to_owned()));
        }
    }

    /// Takes the rest of a word whose first letter was taken.
    fn word(&mut self, first: char, word: &str) -> bool {
        let mut letters = word.chars();
        let starts = letters
            .next()
            .is_some_and(|letter| letter.eq_ignore_ascii_case(&first));
        let length = word.chars().count() - 1;
        let ahead = self.rest.clone().take(length);
        let is_word = starts
            && self.rest.clone().take(length).count() == length
            && ahead
                .zip(letters)
                .all(|(one, other)| one.eq_ignore_ascii_case(&other));
        if is_word {
            self.rest.by_ref().take(length).for_each(drop);
        }
        is_word
    }

    /// Takes repetitions of a letter and gives their number with the one that was taken.
    fn run(&mut self, letter: char) -> usize {
        let mut length = 1;
        while self
            .rest
            .next_if(|next| next.eq_ignore_ascii_case(&letter))
            .is_some()
        {
            length += 1;
        }
        length
    }

    /// Whether `e` begins an exponent and not a year: it has a sign, or digits on both sides.
    fn is_exponent(&mut self) -> bool {
        let after_digit = self.sections.last().is_some_and(|section| {
            matches!(
                section.tokens.last(),
                Some(Token::Zero | Token::OptionalDigit | Token::Point)
            )
        });
        match self.rest.peek() {
            Some('+' | '-') => true,
            Some('0' | '#' | '?') => after_digit,
            _ => false,
        }
    }

    fn bracket(&mut self, bracket: &str) {
        let is_run_of = |letter: char| {
            !bracket.is_empty() && bracket.chars().all(|c| c.eq_ignore_ascii_case(&letter))
        };
        if is_run_of('h') || is_run_of('m') || is_run_of('s') {
            self.push(Token::Elapsed);
        } else if let Some(symbol) = bracket.strip_prefix('$') {
            self.locale(symbol);
        } else if let Some(condition) = condition(bracket)
            && let Some(section) = self.section()
        {
            section.condition = Some(condition);
        }
        // What remains are colours, digit shapes ([DBNum1]) and calendars: how it looks, not what it is.
    }

    /// `€-407` is a currency and a language, `-409` a language alone; two languages stand for the system's formats.
    fn locale(&mut self, symbol: &str) {
        let (currency, language) = symbol.rsplit_once('-').unwrap_or((symbol, ""));
        if !currency.is_empty() {
            self.push(Token::Currency(currency.to_owned()));
        } else if language.eq_ignore_ascii_case("F800") {
            self.push(Token::SystemDate);
        } else if language.eq_ignore_ascii_case("F400") {
            self.push(Token::SystemTime);
        }
    }
}

fn condition(bracket: &str) -> Option<(Comparison, f64)> {
    let operators = [
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<>", Comparison::NotEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
        ("=", Comparison::Equal),
    ];
    operators.iter().find_map(|(operator, comparison)| {
        let operand: f64 = bracket.trim().strip_prefix(operator)?.trim().parse().ok()?;
        operand.is_finite().then_some((*comparison, operand))
    })
}
