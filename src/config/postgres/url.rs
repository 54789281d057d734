//! Connection strings in both of libpq's forms: `postgresql://…` and `host=… dbname=…`
//! (PostgreSQL documentation, 34.1.1).
//!
//! No message repeats any part of the string but a parameter's name: whoever types a URL wrong has often
//! mistyped the password's end.

use percent_encoding::percent_decode_str;

use super::parameter::Parameters;
use crate::error::{Error, ErrorKind, Result};

const SCHEMES: [&str; 2] = ["postgresql://", "postgres://"];

/// Reads a connection string into parameters.
pub(super) fn parse(text: &str) -> Result<Parameters> {
    let text = text.trim();
    for scheme in SCHEMES {
        if let Some(rest) = text.strip_prefix(scheme) {
            return parse_uri(rest);
        }
    }
    // Another scheme, or none at all: neither may fall through to the key-value form, which would take
    // `mysql://user:secret@host/db?x` for a parameter's name.
    let before_equals = text.split('=').next().unwrap_or_default();
    if before_equals.len() == text.len() || before_equals.contains("://") {
        return Err(malformed(
            "the connection URL does not begin with postgresql:// or postgres://",
        ));
    }
    parse_key_values(text)
}

fn parse_uri(text: &str) -> Result<Parameters> {
    // As libpq: what comes before an @ is user and password, unless a / comes first.
    let (credentials, rest) = match text.find(['@', '/']) {
        Some(at) if text[at..].starts_with('@') => (Some(&text[..at]), &text[at + 1..]),
        _ => (None, text),
    };
    let (before_query, query) = split_optional(rest, '?');
    let (hosts, path) = split_optional(before_query, '/');
    let (user, password) = split_optional(credentials.unwrap_or_default(), ':');
    // `user:pa/ss@host` or `user:p@ss@host`: what follows would be taken for host, port, database or user,
    // and shown.
    let misplaced = hosts.contains(['@', '&', '='])
        || user.contains(['?', '&', '='])
        || path.is_some_and(|path| path.contains(['@', '&', '=']))
        || (credentials.is_none() && hosts.contains(':') && rest.contains('@'));
    if misplaced {
        return Err(malformed(
            "the connection URL holds one of @ / ? & = in the wrong place",
        ));
    }
    let mut parameters = Parameters::default();
    set(&mut parameters, "user", decode(user)?)?;
    set(
        &mut parameters,
        "password",
        decode(password.unwrap_or_default())?,
    )?;
    parse_hosts(hosts, &mut parameters)?;
    set(&mut parameters, "dbname", decode(path.unwrap_or_default())?)?;
    for pair in query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        parse_query_pair(pair, &mut parameters)?;
    }
    Ok(parameters)
}

/// What comes before the first separator, and what comes after it.
fn split_optional(text: &str, separator: char) -> (&str, Option<&str>) {
    match text.split_once(separator) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// `host1:5432,host2,[::1]:5433` as libpq keeps it: two comma-separated lists of one length.
fn parse_hosts(text: &str, parameters: &mut Parameters) -> Result<()> {
    let mut hosts = Vec::new();
    let mut ports = Vec::new();
    for part in text.split(',') {
        let (host, port) = match part.strip_prefix('[') {
            Some(bracketed) => {
                let (host, after) = bracketed.split_once(']').ok_or_else(|| {
                    malformed("the connection URL has an IPv6 address without closing bracket")
                })?;
                (host, after.strip_prefix(':').unwrap_or(after))
            }
            None => part.split_once(':').unwrap_or((part, "")),
        };
        hosts.push(decode(host)?);
        ports.push(decode(port)?);
    }
    let ports = if ports.iter().all(String::is_empty) && ports.len() == 1 {
        String::new()
    } else {
        ports.join(",")
    };
    set(parameters, "host", hosts.join(","))?;
    set(parameters, "port", ports)
}

fn parse_query_pair(pair: &str, parameters: &mut Parameters) -> Result<()> {
    let (name, value) = pair
        .split_once('=')
        .filter(|(_, value)| !value.contains('='))
        .ok_or_else(|| malformed("the connection URL has a parameter that is not name=value"))?;
    let (name, value) = (decode(name)?, decode(value)?);
    // JDBC's spelling, which libpq accepts too.
    if name == "ssl" && value == "true" {
        return set(parameters, "sslmode", "require".to_owned());
    }
    set(parameters, &name, value)
}

/// Decodes `%XX`. Unlike the URL standard, libpq refuses a lone `%`, and so a password with one in it is
/// not silently taken for another.
fn decode(text: &str) -> Result<String> {
    let broken = text.split('%').skip(1).any(|after| {
        !(after.len() >= 2 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
    });
    if broken {
        return Err(malformed(
            "the connection URL has a % that is not followed by two hexadecimal digits",
        ));
    }
    let decoded = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| malformed("the connection URL is not UTF-8 once its %XX are decoded"))?;
    if decoded.contains('\0') {
        return Err(malformed("the connection URL holds a NUL character"));
    }
    Ok(decoded.into_owned())
}

fn parse_key_values(text: &str) -> Result<Parameters> {
    let mut parameters = Parameters::default();
    let mut rest = text.trim_start();
    let mut after_password = false;
    while !rest.is_empty() {
        let (name, after) = rest
            .split_once('=')
            .ok_or_else(|| not_key_values("a word without ="))?;
        let name = name.trim();
        let (value, quoted, after) = take_value(after.trim_start())?;
        if after_password && !is_a_name(name) {
            return Err(not_key_values("an unquoted space in a value"));
        }
        // `Host=h;Password=x` is another program's form; taken as it stands the password would be shown.
        if !quoted && name != "password" && value.contains(';') {
            return Err(not_key_values("a semicolon between parameters"));
        }
        let known = parameters.set(name, value);
        if known.is_err() && after_password {
            return Err(not_key_values("an unknown parameter after the password"));
        }
        known.map_err(|_| unknown(name))?;
        after_password = name == "password";
        rest = after.trim_start();
    }
    Ok(parameters)
}

/// One value, quoted with `'` or up to white space; a backslash takes the next character as it is.
/// Gives the value, whether it was quoted, and the rest.
fn take_value(text: &str) -> Result<(String, bool, &str)> {
    let quoted = text.starts_with('\'');
    let mut value = String::new();
    let mut characters = text.char_indices().skip(usize::from(quoted));
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Ok((value, true, &text[at + 1..])),
            _ if !quoted && character.is_whitespace() => return Ok((value, false, &text[at..])),
            _ => value.push(character),
        }
    }
    if quoted {
        return Err(not_key_values("a quote that is not closed"));
    }
    Ok((value, false, ""))
}

fn set(parameters: &mut Parameters, name: &str, value: String) -> Result<()> {
    parameters.set(name, value).map_err(|_| unknown(name))
}

fn is_a_name(text: &str) -> bool {
    (1..=40).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn unknown(name: &str) -> Error {
    if !is_a_name(name) {
        return malformed("the connection URL has a parameter without a proper name");
    }
    Error::new(
        ErrorKind::InvalidOptions,
        format!("the connection URL has an unknown parameter: {name}"),
    )
    .next_step(
        "Remove it, or see the PostgreSQL documentation, 34.1.2, for the parameters there are",
    )
}

fn malformed(message: &str) -> Error {
    Error::new(ErrorKind::InvalidOptions, message).next_step(
        "Write postgresql://user@host:5432/database, with special characters as %XX (@ is %40), and the \
         password in PGPASSWORD or ~/.pgpass",
    )
}

fn not_key_values(what: &str) -> Error {
    Error::new(
        ErrorKind::InvalidOptions,
        format!("the connection parameters hold {what}"),
    )
    .next_step(
        "Write name=value pairs with spaces between them, and values with spaces in single quotes",
    )
}
