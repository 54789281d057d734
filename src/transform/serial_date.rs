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
/// The time is rounded to milliseconds as a whole, so that a fraction just below 1 becomes the next midnight and
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

/// A serial in microseconds, at a whole millisecond: the finest that spreadsheet programs show, and to what they all round.
/// A double near 45,000 tells moments apart that are 0.6 microseconds from each other, and arithmetic of dates has an
/// error of several of these: 10:18:05 must not become 10:18:04.999998. So microseconds in a number cannot be told from
/// noise, not even in a time of day, which may be the difference of two dates.
fn whole_micros(serial: f64) -> i64 {
    let millis = nearest(serial * MILLIS_PER_DAY);
    let millis = if millis % MILLIS_PER_SECOND == 0 {
        millis
    } else {
        by_digits_written(serial, millis)
    };
    millis * MICROS_PER_MILLI
}

const MILLIS_PER_DAY: f64 = 86_400_000.0;
const MILLIS_PER_SECOND: i64 = 1_000;
const MICROS_PER_MILLI: i64 = 1_000;

/// The milliseconds of a serial that is at no whole second by its double. With 6 or 7 decimals, as `%f` writes, it is a
/// rounded one: then it is the whole second that lies within half a unit of the last digit. One that is at a whole
/// millisecond is not rounded, whatever its digits.
#[cold]
fn by_digits_written(serial: f64, millis: i64) -> i64 {
    /// More than the noise of doubles, less than what a digit in the seventh place leaves.
    const NOISE_IN_MILLIS: f64 = 0.02;
    let is_whole_milli = (serial * MILLIS_PER_DAY - millis as f64).abs() < NOISE_IN_MILLIS;
    let written = [1e6, 1e7]
        .into_iter()
        .find(|unit| (serial * unit).round() / unit == serial);
    let Some(unit) = written.filter(|_| !is_whole_milli) else {
        return millis;
    };
    let second = nearest(millis as f64 / MILLIS_PER_SECOND as f64) * MILLIS_PER_SECOND;
    let off = (serial * MILLIS_PER_DAY - second as f64).abs();
    if off <= MILLIS_PER_DAY / unit / 2.0 + NOISE_IN_MILLIS {
        second
    } else {
        millis
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

/// A time of day, to the millisecond: microseconds since midnight. `None` when the serial reaches a day or is negative.
#[must_use]
pub fn time(serial: f64) -> Option<i64> {
    let micros = duration(serial)?;
    (0..MICROS_PER_DAY).contains(&micros).then_some(micros)
}

/// An elapsed time to the millisecond, in microseconds. `None` beyond what 10,000 years hold.
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

        /// Whole seconds as programs write them: 14 to 17 digits, and some units of the last place beside them.
        #[test]
        fn whole_seconds_are_whole_however_many_digits_are_written(
            day in 0_i64..100_000,
            second in 0_i64..86_400,
            digits in 12_usize..18,
            steps in -4_i32..5,
        ) {
            let exact = day as f64 + second as f64 / 86_400.0;
            let written: f64 = format!("{exact:.*e}", digits - 1).parse().unwrap();
            let moved = (0..steps.abs()).fold(written, |at, _| {
                if steps < 0 { at.next_down() } else { at.next_up() }
            });
            let expected = day * MICROS_PER_DAY + second * 1_000_000;
            prop_assert_eq!(whole_micros(written), expected);
            prop_assert_eq!(whole_micros(-written), -expected);
            // 13 digits and more hold the millisecond.
            if digits > 12 {
                prop_assert_eq!(whole_micros(moved), expected);
            }
        }

        /// Whole seconds with a fixed number of decimals, as `%f` writes.
        #[test]
        fn whole_seconds_of_few_decimals_are_whole_unless_they_are_whole_milliseconds(
            day in 0_i64..100_000,
            second in 0_i64..86_400,
            decimals in 6_usize..8,
        ) {
            let exact = day as f64 + second as f64 / 86_400.0;
            let written: f64 = format!("{exact:.decimals$}").parse().unwrap();
            let expected = day * MICROS_PER_DAY + second * 1_000_000;
            let millis = (written * 86_400_000.0).round();
            if (written * 86_400_000.0 - millis).abs() > 0.05 || decimals == 7 {
                prop_assert_eq!(whole_micros(written), expected);
            } else {
                prop_assert_eq!(whole_micros(written), millis as i64 * 1_000);
            }
        }

        #[test]
        fn every_millisecond_survives(
            day in 0_i64..100_000,
            milli in 0_i64..86_400_000,
            digits in 14_usize..18,
        ) {
            let exact = day as f64 + milli as f64 / 86_400_000.0;
            let written: f64 = format!("{exact:.*e}", digits - 1).parse().unwrap();
            let expected = day * MICROS_PER_DAY + milli * 1_000;
            prop_assert_eq!(whole_micros(exact), expected);
            prop_assert_eq!(whole_micros(written), expected);
        }

        #[test]
        fn what_is_no_whole_second_is_the_nearest_millisecond(serial in -LAST_SERIAL..LAST_SERIAL) {
            let millis = (serial * 86_400_000.0).round();
            prop_assert_eq!(whole_micros(serial), millis as i64 * 1_000);
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
