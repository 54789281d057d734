use num_bigint::BigInt;
use proptest::prelude::*;

use super::*;
use crate::model::column::ColumnKind;
use crate::model::value::{Decimal, Value};

/// A value that owns its text.
#[derive(Debug, Clone)]
enum Given {
    Null,
    Short(Decimal),
    Text(String),
    CommaText(String),
}

impl Given {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Short(decimal) => Value::Decimal(*decimal),
            Self::Text(text) => Value::DecimalText(text),
            Self::CommaText(text) => Value::CommaDecimalText(text),
        }
    }

    /// The value as a multiple of 10^-[`SCALE`], by big-number arithmetic.
    fn exact(&self) -> Option<BigInt> {
        match self {
            Self::Null => None,
            Self::Short(decimal) => {
                let power = u32::try_from(SCALE + i32::from(decimal.exponent)).unwrap();
                let magnitude = BigInt::from(decimal.coefficient) * BigInt::from(10).pow(power);
                Some(if decimal.negative {
                    -magnitude
                } else {
                    magnitude
                })
            }
            Self::Text(text) => Some(exact(text)),
            Self::CommaText(text) => Some(exact(&text.replace('.', "").replace(',', "."))),
        }
    }
}

const SCALE: i32 = 700;

/// A decimal in digits as a multiple of 10^-[`SCALE`].
fn exact(text: &str) -> BigInt {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: BigInt = format!("{whole}{fraction}").parse().unwrap();
    let power = SCALE + exponent.parse::<i32>().unwrap() - i32::try_from(fraction.len()).unwrap();
    digits * BigInt::from(10).pow(u32::try_from(power).unwrap())
}

fn given() -> impl Strategy<Value = Given> {
    let money = (any::<bool>(), 0..1_000_000_000_u64, -4..=2_i16);
    let wild = (any::<bool>(), any::<u64>(), -300..300_i16);
    let short = |(negative, coefficient, exponent)| {
        Given::Short(Decimal {
            negative,
            coefficient,
            exponent,
        })
    };
    prop_oneof![
        1 => Just(Given::Null),
        8 => money.prop_map(short),
        2 => wild.prop_map(short),
        3 => "[+-]?[0-9]{1,15}(\\.[0-9]{0,6})?".prop_map(Given::Text),
        2 => "-?[0-9]{1,120}\\.[0-9]{1,120}(e[+-]?[0-9]{1,2})?".prop_map(Given::Text),
        1 => "-?[1-9][0-9]{0,2}(\\.[0-9]{3}){0,12},[0-9]{1,30}".prop_map(Given::CommaText),
    ]
}

fn totals<'a>(kind: ColumnKind, values: impl IntoIterator<Item = Value<'a>>) -> ColumnTotals {
    let mut totals = ColumnTotals::new(kind);
    values.into_iter().for_each(|value| totals.add(&value));
    totals
}

fn through_json(totals: &ColumnTotals) -> ColumnTotals {
    serde_json::from_str(&serde_json::to_string(totals).unwrap()).unwrap()
}

fn sum_text(totals: &ColumnTotals) -> String {
    totals.sum().unwrap().to_string()
}

fn range_texts(totals: &ColumnTotals) -> Option<[String; 2]> {
    match totals.extremes()? {
        Extremes::Exact(min, max) => Some([min.to_string(), max.to_string()]),
        Extremes::Float(..) => panic!("exact figures are expected"),
    }
}

/// No zeros that say nothing, no exponent, no `-0`.
fn assert_canonical(text: &str) {
    let digits = text.strip_prefix('-').unwrap_or(text);
    assert!(
        digits == "0" || !digits.starts_with('0') || digits.starts_with("0."),
        "{text}"
    );
    assert!(
        !digits.contains('.') || !digits.ends_with(['0', '.']),
        "{text}"
    );
    assert!(text != "-0" && !text.contains('e'), "{text}");
}

proptest! {
    #[test]
    fn sums_of_numerics_are_those_of_big_numbers(given in prop::collection::vec(given(), 0..60)) {
        let found = totals(ColumnKind::Numeric, given.iter().map(Given::value));
        let exact_values: Vec<BigInt> = given.iter().filter_map(Given::exact).collect();
        prop_assert_eq!(found.values(), exact_values.len() as u64);
        prop_assert_eq!(found.nulls(), (given.len() - exact_values.len()) as u64);
        let sum = sum_text(&found);
        assert_canonical(&sum);
        prop_assert_eq!(exact(&sum), exact_values.iter().sum::<BigInt>());
        let range = range_texts(&found).map(|texts| texts.map(|text| exact(&text)));
        let expected = exact_values.iter().min().zip(exact_values.iter().max());
        prop_assert_eq!(range, expected.map(|(min, max)| [min.clone(), max.clone()]));
    }

    #[test]
    fn parts_make_the_whole_in_any_order(
        parts in prop::collection::vec(prop::collection::vec(given(), 0..12), 0..8),
        written in any::<bool>(),
    ) {
        let whole = totals(ColumnKind::Numeric, parts.iter().flatten().map(Given::value));
        let mut forward = ColumnTotals::new(ColumnKind::Numeric);
        let mut backward = forward.clone();
        let each: Vec<ColumnTotals> = parts
            .iter()
            .map(|part| totals(ColumnKind::Numeric, part.iter().map(Given::value)))
            .map(|part| if written { through_json(&part) } else { part })
            .collect();
        each.iter().for_each(|part| forward.absorb(part));
        each.iter().rev().for_each(|part| backward.absorb(part));
        prop_assert_eq!(&forward, &whole);
        prop_assert_eq!(&backward, &whole);
        prop_assert_eq!(
            serde_json::to_string(&forward).unwrap(),
            serde_json::to_string(&whole).unwrap()
        );
        prop_assert_eq!(&through_json(&whole), &whole);
    }

    #[test]
    fn sums_of_integers_are_those_of_big_numbers(
        numbers in prop::collection::vec(prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX)], 0..60),
        at in any::<prop::sample::Index>(),
    ) {
        let values = numbers.iter().map(|number| Value::Int(*number));
        let whole = totals(ColumnKind::Int8, values.clone());
        let expected: BigInt = numbers.iter().map(|number| BigInt::from(*number)).sum();
        prop_assert_eq!(sum_text(&whole), expected.to_string());
        let range = numbers.iter().min().zip(numbers.iter().max());
        prop_assert_eq!(
            range_texts(&whole),
            range.map(|(min, max)| [min.to_string(), max.to_string()])
        );
        let at = at.index(numbers.len() + 1);
        let mut joined = totals(ColumnKind::Int8, values.clone().skip(at));
        joined.absorb(&through_json(&totals(ColumnKind::Int8, values.take(at))));
        prop_assert_eq!(joined, whole);
    }

    /// Exact sums by integer arithmetic: a double is a whole number of 2^-1074.
    #[test]
    fn sums_of_doubles_are_near(
        numbers in prop::collection::vec(
            prop_oneof![-1e9..1e9, -1.0..1.0, Just(1e100), Just(-1e100), any::<f64>()], 0..60
        ),
    ) {
        let found = totals(ColumnKind::Float8, numbers.iter().map(|number| Value::Float(*number)));
        let added: Vec<f64> = numbers.iter().copied().filter(|number| number.abs() < OUTSIZED).collect();
        let floats = *found.floats().unwrap();
        prop_assert_eq!(floats.outsized(), (numbers.len() - added.len()) as u64);
        let exact: BigInt = added.iter().map(|number| binary(*number)).sum();
        let off = (binary(floats.sum()) - &exact).magnitude().clone();
        let bound = binary(floats.sum().abs() * f64::EPSILON + floats.magnitude() * 1e-28);
        prop_assert!(BigInt::from(off) <= bound + BigInt::from(1), "{}", floats.sum());
        // The sum in another order, as a server adds.
        let naive: f64 = added.iter().rev().sum();
        prop_assert!((naive - floats.sum()).abs() <= floats.tolerance());
        prop_assert_eq!(&through_json(&found), &found);
    }

    #[test]
    fn no_text_breaks_a_sum(texts in prop::collection::vec(".{0,40}|[-+.,eE0-9nNiI]{0,40}", 0..8)) {
        let texts: Vec<Value<'_>> = texts.iter().map(|text| Value::DecimalText(text)).collect();
        let found = totals(ColumnKind::Numeric, texts);
        prop_assert_eq!(&through_json(&found), &found);
    }
}

/// A finite double as a multiple of 2^-1074.
fn binary(number: f64) -> BigInt {
    let bits = number.to_bits();
    let (exponent, fraction) = (bits >> 52 & 0x7ff, bits & ((1 << 52) - 1));
    let magnitude = match exponent {
        0 => BigInt::from(fraction),
        _ => BigInt::from(fraction | 1 << 52) << (exponent - 1),
    };
    if number.is_sign_negative() {
        -magnitude
    } else {
        magnitude
    }
}

fn numeric(texts: &[&str]) -> ColumnTotals {
    let values = texts.iter().map(|text| Value::DecimalText(text));
    totals(ColumnKind::Numeric, values)
}

fn figures(totals: &ColumnTotals) -> [String; 3] {
    let [min, max] = range_texts(totals).unwrap();
    [sum_text(totals), min, max]
}

#[test]
fn figures_are_plain_digits() {
    assert_eq!(
        figures(&numeric(&["1.50", "-0.25", "3"])),
        ["4.25", "-0.25", "3"]
    );
    assert_eq!(figures(&numeric(&["0.1", "-0.1"])), ["0", "-0.1", "0.1"]);
    assert_eq!(figures(&numeric(&["-0.00", "0e5"])), ["0", "0", "0"]);
    assert_eq!(
        figures(&numeric(&["1e20", "-1"])),
        ["99999999999999999999", "-1", "100000000000000000000"]
    );
    assert_eq!(
        figures(&numeric(&["1e-5", "2.5E+1"])),
        ["25.00001", "0.00001", "25"]
    );
    assert_eq!(sum_text(&ColumnTotals::new(ColumnKind::Numeric)), "0");
    assert_eq!(ColumnTotals::new(ColumnKind::Numeric).extremes(), None);
    assert_eq!(ColumnTotals::new(ColumnKind::Text).sum(), None);
}

#[test]
fn the_longest_numerics_are_added() {
    // 131,072 digits before the point and 16,383 behind it.
    let long = format!("{}.{}", "9".repeat(131_072), "9".repeat(16_383));
    let least = format!("0.{}1", "0".repeat(16_382));
    let found = numeric(&[&long, &least, "1e9999", "-1e9999"]);
    assert_eq!(sum_text(&found), format!("1{}", "0".repeat(131_072)));
    assert_eq!(range_texts(&found).unwrap()[1], long);
    assert_eq!(through_json(&found), found);
    // No table holds these.
    let absurd = numeric(&["1e99999999", "1e-99999999", "1e999999999999", "5"]);
    assert_eq!(sum_text(&absurd), "6");
}

/// PostgreSQL: `select sum(x), min(x), max(x) from (values …) v (x)`.
#[test]
fn what_is_no_number_counts_as_for_the_server() {
    for (texts, expected) in [
        (&["1", "NaN"][..], ["NaN", "1", "NaN"]),
        (&["Infinity", "-5"], ["Infinity", "-5", "Infinity"]),
        (&["-inf", "-5"], ["-Infinity", "-Infinity", "-5"]),
        (&["-Infinity", "inf", "1"], ["NaN", "-Infinity", "Infinity"]),
        (&["nan", "+Infinity"], ["NaN", "Infinity", "NaN"]),
    ] {
        let found = numeric(texts);
        assert_eq!(figures(&found), expected, "{texts:?}");
        assert_eq!(through_json(&found), found);
        let mut joined = through_json(&numeric(&texts[..1]));
        joined.absorb(&through_json(&numeric(&texts[1..])));
        assert_eq!(joined, found);
    }
}

#[test]
fn reals_are_added_as_the_table_stores_them() {
    let found = totals(
        ColumnKind::Float4,
        [Value::Float(0.1), Value::Float(16_777_217.0)],
    );
    let Some(Extremes::Float(min, max)) = found.extremes() else {
        panic!()
    };
    assert_eq!((min, max), (f64::from(0.1_f32), 16_777_216.0));
}

#[test]
fn json_is_readable() {
    let mut found = totals(
        ColumnKind::Numeric,
        [
            Value::Null,
            Value::DecimalText("1.5"),
            Value::DecimalText("-9"),
        ],
    );
    assert_eq!(
        serde_json::to_string(&found).unwrap(),
        r#"{"nulls":1,"values":2,"figures":{"of":"numeric","sum":"-7.5","min":"-9","max":"1.5"}}"#
    );
    found = totals(ColumnKind::Text, [Value::Text("x"), Value::Null]);
    assert_eq!(
        serde_json::to_string(&found).unwrap(),
        r#"{"nulls":1,"values":1}"#
    );
    found = totals(
        ColumnKind::Float8,
        [Value::Float(0.1), Value::Float(f64::NAN)],
    );
    let json: serde_json::Value = serde_json::to_value(&found).unwrap();
    assert_eq!(json["figures"]["sum"], "0.1");
    assert_eq!(json["figures"]["max"], "NaN");
    assert_eq!(json["figures"]["outsized"], 1);
    for broken in [
        r#"{"nulls":1,"values":2,"figures":{"of":"numeric","sum":"1,5","min":"1","max":"2"}}"#,
        r#"{"nulls":1,"values":2,"figures":{"of":"integer","sum":"1.5","min":"1","max":"2"}}"#,
        r#"{"nulls":1,"values":2,"figures":{"of":"integer","sum":"1","min":"1","max":null}}"#,
    ] {
        assert!(
            serde_json::from_str::<ColumnTotals>(broken).is_err(),
            "{broken}"
        );
    }
}

#[test]
fn of_a_column_that_changed_its_type_the_counts_are_left() {
    let mut found = totals(ColumnKind::Int8, [Value::Int(1), Value::Null]);
    found.absorb(&totals(ColumnKind::Text, [Value::Text("x")]));
    assert_eq!((found.values(), found.nulls(), found.sum()), (2, 1, None));
}
