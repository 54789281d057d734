//! Decimals of any length: as digits in somebody else's text, and owned, in their natural order.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Powers of ten beyond which a table's numeric holds no digit (PostgreSQL documentation, "Numeric Types": 131,072
/// digits before the point, 16,383 behind it). One more group of digits either way does no harm.
const POWERS: std::ops::Range<i64> = -16_400..131_100;

/// A finite decimal in a text: `digits * 10^exponent`. Neither the first nor the last digit is 0; without digits it is
/// zero.
#[derive(Debug, Clone, Copy)]
pub(super) struct Digits<'a> {
    negative: bool,
    /// ASCII; what is no digit is passed over.
    bytes: &'a [u8],
    /// How many digits are among the bytes.
    count: usize,
    /// The power of ten of the last digit.
    exponent: i32,
}

/// A number in a text, as far as one look at it goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scanned<'a> {
    /// With so few digits that an integer holds them.
    Short {
        negative: bool,
        coefficient: u64,
        exponent: i32,
    },
    /// With more digits.
    Long(Digits<'a>),
    /// NaN or an infinity.
    Special(Special),
}

/// What is a numeric and not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    Below,
    Above,
    Nan,
}

/// So many digits are less than 2^64.
const ALWAYS_FIT: usize = 19;

/// Reads a number in PostgreSQL's syntax: sign, digits, point, exponent; or `NaN`, `Infinity` and `inf` in any case.
/// Anything else in the text is passed over, as when it is encoded, so the text must have been checked.
pub(super) fn scan(text: &str, point: u8) -> Scanned<'_> {
    let (mut coefficient, mut fits) = (0_u64, true);
    let (mut behind_point, mut fraction) = (false, 0_i32);
    let mut mantissa = text.as_bytes();
    let mut exponent = 0_i32;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => {
                fraction = fraction.saturating_add(i32::from(behind_point));
                let digit = u64::from(byte - b'0');
                if index < ALWAYS_FIT {
                    coefficient = coefficient * 10 + digit;
                } else {
                    let grown = coefficient.checked_mul(10);
                    let grown = grown.and_then(|grown| grown.checked_add(digit));
                    fits &= grown.is_some();
                    coefficient = grown.unwrap_or(0);
                }
            }
            b'e' | b'E' => {
                mantissa = text.as_bytes().get(..index).unwrap_or_default();
                let rest = text.get(index + 1..).unwrap_or_default();
                exponent = rest.parse().unwrap_or(0);
                break;
            }
            b'n' | b'N' => return Scanned::Special(Special::Nan),
            b'i' | b'I' if text.starts_with('-') => return Scanned::Special(Special::Below),
            b'i' | b'I' => return Scanned::Special(Special::Above),
            byte if byte == point => behind_point = true,
            _ => {}
        }
    }
    let negative = text.starts_with('-');
    let exponent = exponent.saturating_sub(fraction);
    if fits {
        Scanned::Short {
            negative,
            coefficient,
            exponent,
        }
    } else {
        Scanned::Long(Digits::new(negative, mantissa, exponent))
    }
}

impl<'a> Digits<'a> {
    /// The digits among some bytes, the last of which has this power of ten.
    pub(super) fn new(negative: bool, bytes: &'a [u8], exponent: i32) -> Self {
        let nonzero = |byte: &u8| matches!(byte, b'1'..=b'9');
        let first = bytes.iter().position(nonzero);
        let last = bytes.iter().rposition(nonzero);
        let (Some(first), Some(last)) = (first, last) else {
            return Self::ZERO;
        };
        let (kept, behind) = bytes.split_at(last + 1);
        let digits = |bytes: &[u8]| bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
        let zeros = i32::try_from(digits(behind)).unwrap_or(i32::MAX);
        let kept = kept.get(first..).unwrap_or_default();
        Self {
            negative,
            bytes: kept,
            count: digits(kept),
            exponent: exponent.saturating_add(zeros),
        }
    }

    const ZERO: Digits<'static> = Digits {
        negative: false,
        bytes: &[],
        count: 0,
        exponent: 0,
    };

    /// Whether it is below zero.
    pub(super) fn is_negative(&self) -> bool {
        self.negative
    }

    /// The number with the other sign.
    pub(super) fn negated(self) -> Self {
        Self {
            negative: !self.negative,
            ..self
        }
    }

    /// The power of ten of the last digit.
    pub(super) fn exponent(&self) -> i32 {
        self.exponent
    }

    /// Its digits from the last one on, 0 to 9.
    pub(super) fn reversed(&self) -> impl Iterator<Item = u8> {
        self.digits().rev()
    }

    /// Whether a table can hold it.
    pub(super) fn is_storable(&self) -> bool {
        self.count == 0
            || POWERS.contains(&i64::from(self.exponent)) && POWERS.contains(&self.first_power())
    }

    /// The power of ten of the first digit.
    fn first_power(&self) -> i64 {
        let digits = i64::try_from(self.count).unwrap_or(i64::MAX);
        i64::from(self.exponent).saturating_add(digits) - 1
    }

    fn digits(&self) -> impl DoubleEndedIterator<Item = u8> {
        let digits = self.bytes.iter().filter(|byte| byte.is_ascii_digit());
        digits.map(|byte| byte - b'0')
    }

    fn sign(&self) -> i8 {
        match (self.count, self.negative) {
            (0, _) => 0,
            (_, false) => 1,
            (_, true) => -1,
        }
    }

    /// Their order as numbers.
    pub(super) fn compare(&self, other: &Digits<'_>) -> Ordering {
        let sign = self.sign();
        sign.cmp(&other.sign()).then_with(|| {
            // Digits that begin at the same power compare like words: a missing one is 0, and the last is never 0.
            let sizes = self.first_power().cmp(&other.first_power());
            let sizes = sizes.then_with(|| self.digits().cmp(other.digits()));
            if sign < 0 { sizes.reverse() } else { sizes }
        })
    }

    /// The same number with digits of its own.
    pub(super) fn to_decimal(self) -> WideDecimal {
        WideDecimal {
            negative: self.negative && self.count > 0,
            digits: self
                .digits()
                .map(|digit| char::from(b'0' + digit))
                .collect(),
            exponent: if self.count == 0 { 0 } else { self.exponent },
        }
    }
}

/// Room for the digits of an integer.
pub(super) type IntegerBuffer = [u8; 40];
/// Where nothing has been written yet.
pub(super) const EMPTY: IntegerBuffer = [0; 40];

/// An integer's digits, written into a buffer, times a power of ten.
pub(super) fn integer_digits(
    number: i128,
    exponent: i32,
    buffer: &mut IntegerBuffer,
) -> Digits<'_> {
    let mut rest = number.unsigned_abs();
    let mut start = buffer.len();
    for place in buffer.iter_mut().rev() {
        if rest == 0 {
            break;
        }
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
        start -= 1;
    }
    Digits::new(
        number < 0,
        buffer.get(start..).unwrap_or_default(),
        exponent,
    )
}

/// A finite decimal of any length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WideDecimal {
    negative: bool,
    /// ASCII digits. Neither the first nor the last is 0; zero has none.
    digits: String,
    exponent: i32,
}

impl WideDecimal {
    /// A look at it.
    pub(super) fn as_digits(&self) -> Digits<'_> {
        Digits {
            negative: self.negative,
            bytes: self.digits.as_bytes(),
            count: self.digits.len(),
            exponent: self.exponent,
        }
    }
}

/// All digits, without an exponent and without zeros that say nothing.
impl fmt::Display for WideDecimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.digits.is_empty() {
            return f.write_str("0");
        }
        f.write_str(if self.negative { "-" } else { "" })?;
        let point = i64::try_from(self.digits.len()).unwrap_or(i64::MAX);
        let point = point.saturating_add(self.exponent.into());
        let Ok(point) = usize::try_from(point) else {
            let zeros = usize::try_from(point.unsigned_abs()).unwrap_or(usize::MAX);
            return write_zeros("0.", zeros, f).and_then(|()| f.write_str(&self.digits));
        };
        match self.digits.split_at_checked(point) {
            Some((whole, "")) => f.write_str(whole),
            Some(("", fraction)) => write!(f, "0.{fraction}"),
            Some((whole, fraction)) => write!(f, "{whole}.{fraction}"),
            None => write_zeros(&self.digits, point - self.digits.len(), f),
        }
    }
}

/// A text and that many zeros. The width of a format has 16 bits.
fn write_zeros(text: &str, zeros: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(text)?;
    (0..zeros).try_for_each(|_| f.write_str("0"))
}

/// A value of PostgreSQL's numeric in its order: NaN is greater than all numbers (documentation, "Numeric Types").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number(Inner);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Inner {
    Below,
    Finite(WideDecimal),
    Above,
    Nan,
}

impl Number {
    pub(super) const BELOW: Self = Self(Inner::Below);
    pub(super) const ABOVE: Self = Self(Inner::Above);
    pub(super) const NAN: Self = Self(Inner::Nan);

    pub(super) fn finite(decimal: WideDecimal) -> Self {
        Self(Inner::Finite(decimal))
    }

    pub(super) fn as_finite(&self) -> Option<&WideDecimal> {
        match &self.0 {
            Inner::Finite(decimal) => Some(decimal),
            _ => None,
        }
    }

    fn rank(&self) -> u8 {
        match self.0 {
            Inner::Below => 0,
            Inner::Finite(_) => 1,
            Inner::Above => 2,
            Inner::Nan => 3,
        }
    }
}

impl From<i128> for Number {
    fn from(number: i128) -> Self {
        let mut buffer = EMPTY;
        Self::finite(integer_digits(number, 0, &mut buffer).to_decimal())
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Inner::Finite(a), Inner::Finite(b)) => a.as_digits().compare(&b.as_digits()),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// As PostgreSQL writes it, without zeros that say nothing.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Inner::Below => f.write_str("-Infinity"),
            Inner::Finite(decimal) => decimal.fmt(f),
            Inner::Above => f.write_str("Infinity"),
            Inner::Nan => f.write_str("NaN"),
        }
    }
}

/// A text that is no numeric as the server writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotANumber;

impl fmt::Display for NotANumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a decimal number, NaN or Infinity is needed")
    }
}

impl std::error::Error for NotANumber {}

impl FromStr for Number {
    type Err = NotANumber;

    fn from_str(text: &str) -> Result<Self, NotANumber> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        match text {
            "-Infinity" => return Ok(Self::BELOW),
            "Infinity" => return Ok(Self::ABOVE),
            "NaN" => return Ok(Self::NAN),
            _ => {}
        }
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let is_number =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) {
            return Err(NotANumber);
        }
        let behind_point = unsigned.len().saturating_sub(whole.len() + 1);
        let exponent = i32::try_from(behind_point).map_err(|_| NotANumber)?;
        let digits = Digits::new(text.starts_with('-'), unsigned.as_bytes(), -exponent);
        Ok(Self::finite(digits.to_decimal()))
    }
}
