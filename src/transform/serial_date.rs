//! Serial dates to PostgreSQL's dates and times (ECMA-376 Part 1, §18.17.4.1; PostgreSQL documentation, "Date/Time Types").

use crate::model::sheet::DateSystem;
use crate::model::value::MICROS_PER_DAY;

/// The serial of 2000-01-01, PostgreSQL's epoch, in the 1900 system.
const EPOCH_2000_FROM_1900: i64 = 36_526;
/// The serial of 2000-01-01 in the 1904 system.
const EPOCH_2000_FROM_1904: i64 = 35_064;
/// The 1900 system's 29 February 1900, which never was. Serials below it are one day late.
const PHANTOM_DAY: i64 = 60;
/// 9999-12-31 in the 1900 system, the last day a spreadsheet knows.
pub(super) const LAST_SERIAL: f64 = 2_958_466.0;

/// A moment: microseconds since 2000-01-01 00:00. `None` for serials that are no date: below 0, beyond the year 9999,
/// or the 29 February 1900.
///
/// The time is rounded to microseconds as a whole, so that a fraction just below 1 becomes the next midnight and
/// never 24:00.
#[must_use]
pub fn timestamp(serial: f64, system: DateSystem) -> Option<i64> {
    if !(0.0..LAST_SERIAL).contains(&serial) {
        return None;
    }
    let micros = whole_micros(serial);
    let day = micros.div_euclid(MICROS_PER_DAY);
    let epoch = match system {
        DateSystem::From1904 => EPOCH_2000_FROM_1904,
        DateSystem::From1900 if day == PHANTOM_DAY => return None,
        DateSystem::From1900 if day < PHANTOM_DAY => EPOCH_2000_FROM_1900 - 1,
        DateSystem::From1900 => EPOCH_2000_FROM_1900,
    };
    Some(micros - epoch * MICROS_PER_DAY)
}

/// A serial in microseconds. Where a whole millisecond, the finest that spreadsheets show, lies within what the double
/// can tell apart, it is that: 10:18:05 must not become 10:18:04.999992 because the year is 3335.
fn whole_micros(serial: f64) -> i64 {
    const MICROS_PER_MILLI: f64 = 1_000.0;
    let micros = serial * MICROS_PER_DAY as f64;
    let resolution = serial.abs() * (f64::EPSILON * MICROS_PER_DAY as f64);
    let millis = nearest(micros / MICROS_PER_MILLI) as f64 * MICROS_PER_MILLI;
    if (micros - millis).abs() <= resolution {
        millis as i64
    } else {
        nearest(micros)
    }
}

/// The nearest whole number; of two, the one farther from 0. What [`f64::round`] gives, which is a call of a function
/// on most machines.
fn nearest(number: f64) -> i64 {
    let whole = number as i64;
    let rest = number - whole as f64;
    whole + i64::from(rest >= 0.5) - i64::from(rest <= -0.5)
}

/// A day: days since 2000-01-01. `None` when the serial is no date or has a time of day.
#[must_use]
pub fn date(serial: f64, system: DateSystem) -> Option<i32> {
    let micros = timestamp(serial, system)?;
    if micros.rem_euclid(MICROS_PER_DAY) != 0 {
        return None;
    }
    i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok()
}

/// A time of day: microseconds since midnight. `None` when the serial reaches a day or is negative.
#[must_use]
pub fn time(serial: f64) -> Option<i64> {
    let micros = duration(serial)?;
    (0..MICROS_PER_DAY).contains(&micros).then_some(micros)
}

/// An elapsed time in microseconds. `None` beyond what 10,000 years hold.
#[must_use]
pub fn duration(serial: f64) -> Option<i64> {
    (serial.abs() < LAST_SERIAL).then(|| whole_micros(serial))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::calendar::civil;

    #[test]
    fn both_epochs_and_the_phantom_day() {
        let day = |serial, system| date(serial, system).map(civil);
        assert_eq!(day(1.0, DateSystem::From1900), Some((1900, 1, 1)));
        assert_eq!(day(59.0, DateSystem::From1900), Some((1900, 2, 28)));
        assert_eq!(day(60.0, DateSystem::From1900), None);
        assert_eq!(day(61.0, DateSystem::From1900), Some((1900, 3, 1)));
        assert_eq!(day(45_292.0, DateSystem::From1900), Some((2024, 1, 1)));
        assert_eq!(day(43_830.0, DateSystem::From1904), Some((2024, 1, 1)));
        assert_eq!(day(0.0, DateSystem::From1904), Some((1904, 1, 1)));
        assert_eq!(day(2_958_465.0, DateSystem::From1900), Some((9999, 12, 31)));
        assert_eq!(day(2_958_466.0, DateSystem::From1900), None);
        assert_eq!(day(-1.0, DateSystem::From1900), None);
        assert_eq!(day(45_292.5, DateSystem::From1900), None);
    }

    #[test]
    fn rounding_never_gives_hour_24() {
        let noon_2024 = timestamp(45_292.5, DateSystem::From1900).unwrap();
        assert_eq!(noon_2024.rem_euclid(MICROS_PER_DAY), MICROS_PER_DAY / 2);
        let almost = timestamp(45_292.999_999_999_999, DateSystem::From1900).unwrap();
        assert_eq!(almost.rem_euclid(MICROS_PER_DAY), 0);
        assert_eq!(time(0.999_999_999_999_9), None);
        assert_eq!(time(0.5), Some(MICROS_PER_DAY / 2));
        assert_eq!(duration(1.5), Some(MICROS_PER_DAY * 3 / 2));
    }

    proptest! {
        #[test]
        fn every_second_of_a_day_survives(day in 61_u32..2_958_465, second in 0_u32..86_400) {
            let serial = f64::from(day) + f64::from(second) / 86_400.0;
            let micros = timestamp(serial, DateSystem::From1900).unwrap();
            let expected = (i64::from(day) - 36_526) * MICROS_PER_DAY + i64::from(second) * 1_000_000;
            prop_assert_eq!(micros, expected);
        }

        /// Expected: rounding as the standard library does it.
        #[test]
        fn micros_are_those_of_the_libraries_rounding(
            serial in prop_oneof![
                4 => -LAST_SERIAL..LAST_SERIAL,
                2 => -1.0..1.0,
                2 => (0_i64..2_958_466, 0_i64..86_400_000_000)
                    .prop_map(|(day, micro)| day as f64 + micro as f64 / 86_400_000_000.0),
                1 => (0_i64..2_958_466, 0_i64..172_800_000)
                    .prop_map(|(day, half)| day as f64 + half as f64 / 172_800_000.0),
                1 => any::<f64>().prop_filter("in range", |serial| serial.abs() < LAST_SERIAL),
            ],
        ) {
            let micros = serial * 86_400_000_000.0;
            let millis = (micros / 1_000.0).round() * 1_000.0;
            let near = (micros - millis).abs() <= serial.abs() * f64::EPSILON * 86_400_000_000.0;
            let expected = if near { millis } else { micros.round() };
            prop_assert_eq!(whole_micros(serial), expected as i64);
        }
    }

    #[test]
    fn the_nearest_whole_number_is_the_libraries() {
        for number in [
            0.0,
            0.5,
            -0.5,
            1.5,
            -2.5,
            0.499_999_999_999_999_94,
            -0.499_999_999_999_999_94,
            4_503_599_627_370_495.5,
            4_503_599_627_370_497.0,
            9_007_199_254_740_991.0,
        ] {
            assert_eq!(nearest(number), number.round() as i64, "{number}");
        }
    }
}
