//! How many connections the server has left for us (PostgreSQL documentation, 20.3.1 "Connection Settings",
//! and `CREATE ROLE`, `ALTER DATABASE` for their limits).

use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use crate::config::postgres::{DatabaseSettings, Host};

/// Everything in one round trip, as text, so that a pooler between us and the server need not hold a
/// prepared statement. To a user without `pg_monitor` other users' sessions show no `backend_type`; those
/// with a user and a database are counted then.
const QUERY: &str = "\
select current_setting('max_connections') as max_connections,
       current_setting('superuser_reserved_connections') as superuser_reserved,
       coalesce(current_setting('reserved_connections', true), '0') as reserved,
       role.rolsuper::int as is_superuser,
       (exists (select from pg_roles r where r.rolname = 'pg_use_reserved_connections'
                and pg_has_role(session_user, r.oid, 'usage')))::int as may_use_reserved,
       role.rolconnlimit as role_limit,
       (select datconnlimit from pg_database where datname = current_database()) as database_limit,
       coalesce(inet_server_port(), 0) as port,
       pg_backend_pid() as process,
       used.*
from pg_roles role,
     (select count(*) as used,
             count(*) filter (where usename = session_user) as used_by_role,
             count(*) filter (where datname = current_database()) as used_in_database
      from pg_stat_activity
      where backend_type = 'client backend'
         or (backend_type is null and datid is not null and usesysid is not null)) used
where role.rolname = session_user";

/// The limit that is reached first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scarcest {
    /// The limit as in messages: `max_connections = 100`.
    pub(super) limit: String,
    /// What to do to raise it, as the end of a sentence.
    pub(super) remedy: String,
    /// Connections that can still be opened.
    pub(super) free: usize,
}

/// The server's figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Figures {
    max_connections: i64,
    superuser_reserved: i64,
    reserved: i64,
    is_superuser: bool,
    may_use_reserved: bool,
    role_limit: i64,
    database_limit: i64,
    used: i64,
    used_by_role: i64,
    used_in_database: i64,
}

/// What the server says.
#[derive(Debug, Clone, Default)]
pub(super) struct Capacity {
    /// The limit that is reached first; `None` if the server does not tell, or if a pooler or another go-between answers:
    /// then its figures say nothing about us, and the request is trusted.
    pub(super) scarcest: Option<Scarcest>,
    /// The process that answered.
    pub(super) process: Option<i32>,
}

/// Asks the server.
pub(super) async fn ask(client: &Client, settings: &DatabaseSettings) -> Capacity {
    let Some(row) = ask_for_figures(client).await else {
        return Capacity::default();
    };
    Capacity {
        scarcest: scarcest_of(&row, settings),
        process: number(&row, "process").and_then(|process| i32::try_from(process).ok()),
    }
}

async fn ask_for_figures(client: &Client) -> Option<SimpleQueryRow> {
    let messages = match client.simple_query(QUERY).await {
        Ok(messages) => messages,
        Err(error) => {
            tracing::debug!(%error, "the server does not tell its free connections");
            return None;
        }
    };
    messages.into_iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    })
}

fn scarcest_of(row: &SimpleQueryRow, settings: &DatabaseSettings) -> Option<Scarcest> {
    if !is_direct(number(row, "port")?, settings) {
        tracing::debug!("a go-between answers; its server's free connections are not ours");
        return None;
    }
    let figures = Figures {
        max_connections: number(row, "max_connections")?,
        superuser_reserved: number(row, "superuser_reserved")?,
        reserved: number(row, "reserved")?,
        is_superuser: number(row, "is_superuser")? == 1,
        may_use_reserved: number(row, "may_use_reserved")? == 1,
        role_limit: number(row, "role_limit")?,
        database_limit: number(row, "database_limit")?,
        used: number(row, "used")?,
        used_by_role: number(row, "used_by_role")?,
        used_in_database: number(row, "used_in_database")?,
    };
    Some(scarcest(&figures, settings))
}

fn number(row: &SimpleQueryRow, column: &str) -> Option<i64> {
    row.try_get(column).ok().flatten()?.parse().ok()
}

/// Whether the server itself took our connection: its port, or 0 for its socket, is one that we tried.
pub(super) fn is_direct(port: i64, settings: &DatabaseSettings) -> bool {
    settings
        .endpoints
        .iter()
        .any(|endpoint| match endpoint.host {
            Host::Tcp { .. } => i64::from(endpoint.port) == port,
            Host::Socket(_) => port == 0,
        })
}

fn scarcest(figures: &Figures, settings: &DatabaseSettings) -> Scarcest {
    // The server's own rule (InitPostgres): superusers pass every limit but max_connections.
    let reserved = match (figures.is_superuser, figures.may_use_reserved) {
        (true, _) => 0,
        (false, true) => figures.superuser_reserved,
        (false, false) => figures.superuser_reserved + figures.reserved,
    };
    let of_server = if reserved == 0 {
        format!("max_connections = {}", figures.max_connections)
    } else {
        format!(
            "max_connections = {}, {reserved} of them reserved",
            figures.max_connections
        )
    };
    let remedy = "raise max_connections on the server".to_owned();
    let mut limits = vec![(
        figures.max_connections - reserved - figures.used,
        of_server,
        remedy,
    )];
    if !figures.is_superuser && figures.role_limit >= 0 {
        let user = &settings.user;
        limits.push((
            figures.role_limit - figures.used_by_role,
            format!(
                "the connection limit {} of role {user:?}",
                figures.role_limit
            ),
            format!("alter role {user:?} connection limit -1"),
        ));
    }
    if !figures.is_superuser && figures.database_limit >= 0 {
        let dbname = &settings.dbname;
        limits.push((
            figures.database_limit - figures.used_in_database,
            format!(
                "the connection limit {} of database {dbname:?}",
                figures.database_limit
            ),
            format!("alter database {dbname:?} connection limit -1"),
        ));
    }
    let mut limits = limits.into_iter();
    let first = limits.next().unwrap_or_default();
    let (free, limit, remedy) = limits.fold(
        first,
        |least, next| if next.0 < least.0 { next } else { least },
    );
    Scarcest {
        limit,
        remedy,
        free: usize::try_from(free).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIGURES: Figures = Figures {
        max_connections: 100,
        superuser_reserved: 3,
        reserved: 5,
        is_superuser: false,
        may_use_reserved: false,
        role_limit: -1,
        database_limit: -1,
        used: 10,
        used_by_role: 2,
        used_in_database: 4,
    };

    fn free(figures: Figures) -> (usize, String) {
        let settings = DatabaseSettings::from_parts("db", 5432, "ann", None, "shop");
        let scarcest = scarcest(&figures, &settings);
        (scarcest.free, scarcest.limit)
    }

    #[test]
    fn the_tightest_limit_counts() {
        assert_eq!(
            free(FIGURES),
            (82, "max_connections = 100, 8 of them reserved".to_owned())
        );
        let figures = Figures {
            may_use_reserved: true,
            ..FIGURES
        };
        assert_eq!(free(figures).0, 87);
        let figures = Figures {
            role_limit: 6,
            ..FIGURES
        };
        assert_eq!(
            free(figures),
            (4, "the connection limit 6 of role \"ann\"".to_owned())
        );
        let figures = Figures {
            role_limit: 6,
            database_limit: 5,
            ..FIGURES
        };
        assert_eq!(
            free(figures),
            (1, "the connection limit 5 of database \"shop\"".to_owned())
        );
        let figures = Figures {
            database_limit: 1,
            ..FIGURES
        };
        assert_eq!(free(figures).0, 0);
    }

    #[test]
    fn superusers_pass_all_but_the_servers_limit() {
        let figures = Figures {
            is_superuser: true,
            role_limit: 1,
            database_limit: 1,
            ..FIGURES
        };
        assert_eq!(free(figures), (90, "max_connections = 100".to_owned()));
    }

    #[test]
    fn another_port_than_ours_is_a_go_between() {
        let network = DatabaseSettings::from_parts("db", 6432, "ann", None, "shop");
        assert!(is_direct(6432, &network));
        assert!(!is_direct(5432, &network));
        assert!(!is_direct(0, &network));
        let socket = DatabaseSettings::from_parts("/tmp", 5432, "ann", None, "shop");
        assert!(is_direct(0, &socket));
        assert!(!is_direct(5432, &socket));
    }
}
