//! Descriptions of businesses: nothing to a few sentences, with everything that texts in cells can hold.

use super::countries::Country;
use super::random::Random;
use super::words;

const DAYS: [&str; 4] = ["Mon-Fri", "Mon-Sat", "Tue-Sun", "daily"];

/// A description; empty in one of 20.
pub(super) fn description(random: &mut Random, country: &Country) -> String {
    let sentences = match random.below(100) {
        0..5 => 0,
        5..55 => 1,
        55..83 => 2,
        83..96 => 3,
        _ => 4 + random.below(5),
    };
    let mut text = String::new();
    for number in 0..sentences {
        if number > 0 {
            text.push_str(separator(random));
        }
        text.push_str(&sentence(random, country));
    }
    if sentences > 0 {
        decorate(random, &mut text);
    }
    text
}

/// Mostly a blank; sometimes a line break or an empty line, as typed with Alt+Enter.
fn separator(random: &mut Random) -> &'static str {
    match random.below(100) {
        0..3 => "\n",
        3..5 => "\n\n",
        _ => " ",
    }
}

fn sentence(random: &mut Random, country: &Country) -> String {
    let owner = random.word(country.owners);
    let goods = random.word(words::GOODS);
    let praise = random.word(words::PRAISE);
    let year = random.between(1875, 2024);
    let number = random.between(2, 4_999);
    let (opens, closes) = (random.between(6, 11), random.between(16, 23));
    let days = random.word(&DAYS);
    match random.below(10) {
        0 => {
            format!("{owner} has sold {goods} here since {year}, customer no. {number} last week.")
        }
        1 => format!("Open {days} {opens}:00-{closes}:30; ask for {owner} or dial {number}."),
        2 => format!("Known for {goods} ({praise}), {number} reviews."),
        3 => format!("Founded {year} by {owner}: {praise}; {number} m² of {goods}."),
        4 => format!("{number} kinds of {goods}, {praise}."),
        5 => format!("Prices from {number}.50, {goods} & more, est. {year}."),
        6 => format!("We moved in {year}; {goods} at {opens}-{closes}, unit {number}."),
        7 => format!("{praise} since {year}, says {owner}'s guest book on page {number}."),
        8 => format!("Rated {opens}/11 by {number} visitors for {goods}."),
        _ => format!("Order {goods} by phone ({days}, code {number}), {praise}."),
    }
}

/// Now and then something that a careless reader or loader loses or takes for something else.
fn decorate(random: &mut Random, text: &mut String) {
    if random.percent(4) {
        text.push(' ');
        text.push_str(random.word(words::EMOJI));
    }
    match random.below(400) {
        0..4 => text.insert_str(0, "  "),
        4..8 => text.push_str("   "),
        8..11 => text.push('\n'),
        11..14 => text.push_str(" <b>\"Fish & Chips\" 'n' more</b> &amp; &lt;tea&gt;"),
        // The letters of an escape of ECMA-376 Part 1 §22.9.2.19, meant as letters.
        14..16 => text.push_str(" Part no. _x0041_, not A."),
        16..18 => text.push_str(" old\r\nline end"),
        18..20 => text.push_str("\tafter a tab"),
        20..22 => text.push_str(" C:\\menu\\new \\N \\."),
        22..24 => text.push_str(" no\u{a0}break, zero\u{200b}width, \u{202b}rtl\u{202c}"),
        _ => {}
    }
}
