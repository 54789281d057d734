//! Durations as OpenDocument stores them (XML Schema part 2, section 3.2.6 duration).

/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// A duration without years and months, in days; `None` if it is none, or has them.
pub(super) fn days_of_duration(text: &str) -> Option<f64> {
    let text = text.trim();
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let (date, time) = text.strip_prefix('P')?.split_once('T')?;
    let mut seconds = match date {
        "" => 0.0,
        days => number(days.strip_suffix('D')?)? * DAY,
    };
    let mut rest = time;
    for (unit, length) in [('H', 3600.0), ('M', 60.0), ('S', 1.0)] {
        if let Some((amount, after)) = rest.split_once(unit) {
            seconds += number(amount)? * length;
            rest = after;
        }
    }
    (rest.is_empty() && !time.is_empty()).then_some(sign * seconds / DAY)
}

fn number(text: &str) -> Option<f64> {
    let is_plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parts_of_a_day() {
        for (text, days) in [
            ("PT12H00M00S", Some(0.5)),
            ("PT36H", Some(1.5)),
            ("P1DT12H", Some(1.5)),
            ("-PT6H", Some(-0.25)),
            ("PT0.5S", Some(0.5 / DAY)),
            ("PT", None),
            ("P1YT1H", None),
            ("12:00:00", None),
            ("PT1X", None),
            ("PTinfS", None),
            ("PT-1S", None),
        ] {
            assert_eq!(days_of_duration(text), days, "{text}");
        }
    }
}
