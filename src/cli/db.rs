//! `sheetload db`: the private server by hand.

use std::ffi::OsString;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command as Process;

use clap::{Args, Subcommand};
use serde_json::json;

use crate::db::embedded::{PrivateServer, Running, Status, Stopped};
use crate::error::{Error, ErrorKind, Result};
use crate::exit;

use super::render;

/// The private server is a real PostgreSQL that sheetload runs in a directory of its own, for loads without
/// another database. It keeps running until `db stop`.
#[derive(Debug, Args)]
#[command(after_help = ENVIRONMENT)]
pub(super) struct DbArgs {
    #[command(subcommand)]
    command: DbCommand,
}

const ENVIRONMENT: &str = "Environment:
  SHEETLOAD_HOME    where it lives; default: /var/lib/sheetload for root,
                    else the user's data directory
  SHEETLOAD_PG_BIN  the directory of `postgres` and `initdb`;
                    default: searched for";

#[derive(Debug, Subcommand)]
enum DbCommand {
    /// Start the server if it isn't running, and print how to connect
    Start,
    /// Stop the server; its data stay
    Stop,
    /// Tell whether the server runs, and where (exit code 0 if it runs, else 5)
    Status {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Print the running server's connection URL
    Url {
        /// Put the password into the URL
        #[arg(long)]
        with_password: bool,
    },
    /// Open a psql session, starting the server if need be
    Psql {
        /// Arguments for psql, such as -c "select 1"
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Stop the server and delete it with all its tables
    Destroy {
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

impl DbArgs {
    /// Whether a JSON document is wanted.
    pub(super) fn is_json(&self) -> bool {
        matches!(self.command, DbCommand::Status { json: true })
    }
}

pub(super) async fn run(args: DbArgs) -> Result<u8> {
    let server = PrivateServer::at_default_location()?;
    match args.command {
        DbCommand::Start => start(&server).await,
        DbCommand::Stop => stop(&server).await,
        DbCommand::Status { json } => status(&server, json).await,
        DbCommand::Url { with_password } => url(&server, with_password).await,
        DbCommand::Psql { args } => psql(&server, args).await,
        DbCommand::Destroy { yes } => destroy(&server, yes).await,
    }
}

async fn start(server: &PrivateServer) -> Result<u8> {
    let running = server.start().await?;
    let verb = if running.started_now() {
        "The private server has started."
    } else {
        "The private server is running already."
    };
    render::line(&format!("{verb}\n{}", description(&running)));
    Ok(exit::SUCCESS)
}

async fn stop(server: &PrivateServer) -> Result<u8> {
    let text = match server.stop().await? {
        Stopped::Stopped { .. } => format!(
            "The private server has stopped. Its data stay; `{} db start` starts it again.",
            render::program()
        ),
        Stopped::WasNotRunning => "The private server was not running.".to_owned(),
    };
    render::line(&text);
    Ok(exit::SUCCESS)
}

async fn status(server: &PrivateServer, as_json: bool) -> Result<u8> {
    let status = server.status().await?;
    if as_json {
        render::line(&status_json(server, &status).to_string());
    } else {
        render::line(&status_text(server, &status));
    }
    Ok(match status {
        Status::Running(_) => exit::SUCCESS,
        _ => exit::DATABASE,
    })
}

async fn url(server: &PrivateServer, with_password: bool) -> Result<u8> {
    let Status::Running(running) = server.status().await? else {
        return Err(Error::new(
            ErrorKind::DatabaseUnreachable,
            "the private server is not running",
        )
        .next_step(format!("Start it with `{} db start`", render::program())));
    };
    if with_password {
        render::line(&running.url());
    } else {
        render::line(&running.url_without_password());
        // On stderr, so that a script gets the URL alone.
        note("The password is not shown; --with-password puts it into the URL.");
    }
    Ok(exit::SUCCESS)
}

async fn psql(server: &PrivateServer, args: Vec<OsString>) -> Result<u8> {
    let running = server.start().await?;
    let program = server.client_program("psql").await?.ok_or_else(|| {
        Error::new(ErrorKind::ServerNotInstalled, "psql was not found on this machine").next_step(
            format!(
                "Install PostgreSQL's client package, or use another client with `{} db url --with-password`",
                render::program()
            ),
        )
    })?;
    let mut command = Process::new(&program);
    for (name, _) in std::env::vars_os() {
        if is_foreign_setting(&name) {
            command.env_remove(name);
        }
    }
    // The password goes by the environment: everyone can read a process's arguments.
    let error = command
        .args(args)
        .env("PGHOST", running.socket_directory())
        .env("PGPORT", running.port().to_string())
        .env("PGUSER", running.user())
        .env("PGDATABASE", running.database())
        .env("PGPASSWORD", running.password().expose())
        .exec();
    Err(Error::new(
        ErrorKind::ServerFailed,
        format!("could not run {}", program.display()),
    )
    .caused_by(error))
}

/// libpq's variables that say how the session looks rather than where it goes (PostgreSQL documentation,
/// "Environment Variables"). The others belong to some other database.
const SESSION_VARIABLES: [&str; 5] = [
    "PGAPPNAME",
    "PGCLIENTENCODING",
    "PGDATESTYLE",
    "PGOPTIONS",
    "PGTZ",
];

fn is_foreign_setting(name: &std::ffi::OsStr) -> bool {
    name.to_str()
        .is_some_and(|name| name.starts_with("PG") && !SESSION_VARIABLES.contains(&name))
}

async fn destroy(server: &PrivateServer, yes: bool) -> Result<u8> {
    let base = server.base();
    if !base.exists() {
        render::line(&format!(
            "There is no private server in {}.",
            base.display()
        ));
        return Ok(exit::SUCCESS);
    }
    if !yes && !confirmed(base)? {
        render::line("Nothing was deleted.");
        return Ok(exit::SUCCESS);
    }
    server.destroy().await?;
    render::line(&format!(
        "The private server in {} has been deleted.",
        base.display()
    ));
    Ok(exit::SUCCESS)
}

/// Asks on the terminal; without one it takes `--yes`.
fn confirmed(base: &Path) -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(Error::new(
            ErrorKind::InvalidOptions,
            format!(
                "this deletes the private server in {} with all its tables",
                base.display()
            ),
        )
        .next_step("Say --yes to do it"));
    }
    let mut stderr = io::stderr();
    let question = format!(
        "Delete the private server in {} with all its tables? [y/N] ",
        base.display()
    );
    let mut answer = String::new();
    stderr
        .write_all(question.as_bytes())
        .and_then(|()| stderr.flush())
        .and_then(|()| io::stdin().lock().read_line(&mut answer))
        .map_err(|error| {
            Error::new(ErrorKind::Internal, "could not ask on the terminal").caused_by(error)
        })?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Writes a remark on stderr. If nobody reads it, so be it.
fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

fn status_text(server: &PrivateServer, status: &Status) -> String {
    let program = render::program();
    match status {
        Status::NotInitialised => format!(
            "There is no private server yet in {}.\n  Start it with `{program} db start`; a load without a database starts it, too.",
            server.base().display()
        ),
        Status::Stopped { version, crashed } => format!(
            "The private server (PostgreSQL {version}) in {} {}.\n  Start it with `{program} db start`{}.",
            server.base().display(),
            if *crashed {
                "crashed or was killed"
            } else {
                "is stopped"
            },
            if *crashed {
                ", which recovers all that was committed"
            } else {
                ""
            },
        ),
        Status::Changing { pid } => format!(
            "The private server (process {pid}) is starting, stopping or recovering.\n  Its log is {}.",
            server.log_file().display()
        ),
        Status::Running(running) => {
            format!("The private server is running.\n{}", description(running))
        }
    }
}

fn description(running: &Running) -> String {
    let program = render::program();
    [
        (
            "Server",
            format!(
                "PostgreSQL {}, process {}",
                running.version(),
                running.pid()
            ),
        ),
        ("Data", running.data_directory().display().to_string()),
        ("Log", running.log_file().display().to_string()),
        ("URL", running.url_without_password()),
        (
            "",
            format!("with its password: {program} db url --with-password"),
        ),
        ("Session", format!("{program} db psql")),
        ("Stop", format!("{program} db stop")),
    ]
    .iter()
    .map(|(name, value)| format!("  {name:<9}{value}"))
    .collect::<Vec<_>>()
    .join("\n")
}

fn status_json(server: &PrivateServer, status: &Status) -> serde_json::Value {
    let mut document = match status {
        Status::NotInitialised => json!({ "state": "not_initialised" }),
        Status::Stopped { version, crashed } => json!({
            "state": "stopped",
            "version": version,
            "crashed": crashed,
        }),
        Status::Changing { pid } => json!({ "state": "changing", "pid": pid }),
        Status::Running(running) => json!({
            "state": "running",
            "version": running.version(),
            "pid": running.pid(),
            "host": running.host(),
            "port": running.port(),
            "socket_directory": path_text(running.socket_directory()),
            "user": running.user(),
            "database": running.database(),
            "url": running.url_without_password(),
        }),
    };
    document["directory"] = path_text(server.base()).into();
    document["log_file"] = path_text(&server.log_file()).into();
    document["password_file"] = path_text(&server.password_file()).into();
    document
}

fn path_text(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use crate::db::embedded::{BINARIES_VARIABLE, HOME_VARIABLE};

    use super::*;

    #[test]
    fn another_database_s_settings_do_not_reach_psql() {
        for name in [
            "PGHOST",
            "PGHOSTADDR",
            "PGSERVICE",
            "PGSSLMODE",
            "PGPASSFILE",
        ] {
            assert!(is_foreign_setting(name.as_ref()), "{name}");
        }
        for name in ["PGOPTIONS", "PGTZ", "PAGER", "PATH", "PSQL_EDITOR"] {
            assert!(!is_foreign_setting(name.as_ref()), "{name}");
        }
    }

    #[test]
    fn the_help_names_the_variables() {
        assert!(ENVIRONMENT.contains(HOME_VARIABLE));
        assert!(ENVIRONMENT.contains(BINARIES_VARIABLE));
    }
}
