//! The zone of moments that are written without one: whether the server knows it, and what the user should know of it.

use tokio_postgres::Client;

use super::target::Target;
use crate::error::{Error, ErrorKind, Result, error_from_postgres};
use crate::model::column::{ColumnKind, Moment};
use crate::model::time_zone::TimeZone;
use crate::transform::text_rules::TextRules;

/// SQLSTATE of a time zone that the server does not know, `invalid_parameter_value`.
const UNKNOWN_ZONE: &str = "22023";

/// Makes sure that the server knows the zone that the user names; where none is named and the server's own is another than
/// UTC, gives a warning that says in which one moments are loaded.
///
/// # Errors
/// `InvalidOptions` for a zone that the server does not know; what else it says.
pub(super) async fn check(
    client: &Client,
    rules: &TextRules,
    target: &Target,
) -> Result<Option<String>> {
    let columns = with_zone(target);
    match &rules.time_zone {
        Some(zone) => require_known(client, zone).await.map(|()| None),
        None if columns.is_empty() => Ok(None),
        None => other_zone(client, &columns).await,
    }
}

async fn require_known(client: &Client, zone: &TimeZone) -> Result<()> {
    // As the moments are written, since names are looked for in several places.
    let moment = format!("2000-01-01 00:00:00{}", zone.suffix());
    let known = client
        .query_one("select $1::text::timestamptz is not null", &[&moment])
        .await;
    match known {
        Ok(_) => Ok(()),
        Err(error) if error.code().is_some_and(|code| code.code() == UNKNOWN_ZONE) => Err(Error::new(
            ErrorKind::InvalidOptions,
            format!("the server knows no time zone {zone}"),
        )
        .with_sqlstate(UNKNOWN_ZONE)
        .next_step("Name one of those in its view pg_timezone_names with --time-zone, such as Europe/Berlin")),
        Err(error) => Err(error_from_postgres(error, "look for the time zone")),
    }
}

/// The columns whose values have a zone.
fn with_zone(target: &Target) -> Vec<String> {
    let has_zone = |kind| {
        matches!(
            kind,
            ColumnKind::TimestampTz
                | ColumnKind::TimeTz
                | ColumnKind::Moments(Moment::TimestampTz | Moment::TimeTz)
        )
    };
    let columns = target.written_columns().into_iter();
    columns
        .filter(|column| has_zone(column.kind))
        .map(|column| column.name)
        .collect()
}

/// What to say where the zone of the server, the database or the role is another: in other programs, it counts.
async fn other_zone(client: &Client, columns: &[String]) -> Result<Option<String>> {
    let found = client
        .query_opt(
            "select reset_val from pg_catalog.pg_settings where name = 'TimeZone' \
             and pg_catalog.lower(reset_val) not in \
                 ('utc', 'etc/utc', 'uct', 'etc/uct', 'zulu', 'etc/zulu', 'universal', 'etc/universal', \
                  'gmt', 'etc/gmt', 'greenwich', 'etc/greenwich')",
            &[],
        )
        .await
        .map_err(|error| error_from_postgres(error, "look at the time zone"))?;
    Ok(found.map(|row| {
        let zone: String = row.get(0);
        format!(
            "times without a zone are loaded into {} as UTC, and not as {zone}, which is the time zone of this database \
             (--time-zone {zone})",
            columns.join(", ")
        )
    }))
}
