//! Days and seconds as Excel and as ISO 8601 write them.

/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// The serial number of 1970-01-01 in the 1900 date system (ECMA-376 Part 1 §18.17.4.1).
pub(super) const SERIAL_OF_1970: i64 = 25_569;

/// `2024-02-29` for the days since 1970-01-01.
pub(super) fn iso_date(days: i64) -> String {
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

/// `2024-02-29 23:59:59` for the seconds since 1970-01-01 00:00:00, as PostgreSQL prints it.
pub(super) fn iso_timestamp(seconds: i64) -> String {
    let time = iso_time(seconds.rem_euclid(DAY));
    format!("{} {time}", iso_date(seconds.div_euclid(DAY)))
}

/// `23:59:59` for the seconds since midnight.
pub(super) fn iso_time(seconds: i64) -> String {
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hour:02}:{minute:02}:{second:02}")
}

/// Days since 1970-01-01 for a day of the Gregorian calendar.
pub(super) const fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March have the leap day at their end (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day: the inverse of [`days`], from the same source.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        // From `date -ud @SECONDS`.
        assert_eq!(iso_date(0), "1970-01-01");
        assert_eq!(iso_date(19_782), "2024-02-29");
        assert_eq!(iso_timestamp(1_709_251_199), "2024-02-29 23:59:59");
        assert_eq!(iso_timestamp(951_868_800), "2000-03-01 00:00:00");
        assert_eq!(iso_time(86_399), "23:59:59");
        assert_eq!(days(2024, 2, 29), 19_782);
        assert_eq!(days(1970, 1, 1), 0);
    }

    #[test]
    fn there_and_back() {
        for day in days(1999, 12, 1)..days(2033, 3, 2) {
            let (year, month, day_of_month) = civil(day);
            assert_eq!(days(year, month, day_of_month), day);
        }
    }
}
