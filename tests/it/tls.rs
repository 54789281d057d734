//! Connections to real servers: TLS, passwords, missing databases, free connections.

use std::net::TcpListener;
use std::num::NonZeroUsize;

use sheetload::config::postgres::{DatabaseSettings, Environment};
use sheetload::db::pool::{Database, Workers};
use sheetload::{Error, ErrorKind};

use crate::support::tls_server::{NAME, PASSWORD, TlsServer, WITH_TLS, WITHOUT_TLS};

fn settings(url: &str) -> DatabaseSettings {
    let environment = Environment::empty().with_user("nobody");
    DatabaseSettings::resolve(Some(url), &environment)
        .unwrap()
        .unwrap()
}

async fn connect(url: &str) -> Database {
    Database::connect(&settings(url)).await.unwrap()
}

/// The error, after checking that neither it nor its causes show the password.
async fn refused(url: &str) -> Error {
    let error = Database::connect(&settings(url)).await.unwrap_err();
    assert_discreet(&error);
    error
}

fn assert_discreet(error: &Error) {
    let shown = format!("{error:?}\n{error}\n{:?}", error.advice());
    assert!(!shown.contains(PASSWORD), "{shown}");
    assert!(!error.message().contains('\n'), "{shown}");
}

async fn uses_tls(database: &Database) -> bool {
    let client = database.get().await.unwrap();
    let query = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    client.query_one(query, &[]).await.unwrap().get(0)
}

fn exactly(workers: usize) -> Workers {
    Workers::Exactly(NonZeroUsize::new(workers).unwrap())
}

#[tokio::test]
async fn each_mode_encrypts_or_not_as_the_manual_says() {
    let table: [(&TlsServer, &str, &str, bool); 9] = [
        (&WITH_TLS, "ann", "sslmode=disable", false),
        (&WITH_TLS, "ann", "sslmode=allow", false),
        (&WITH_TLS, "ann", "", true),
        (&WITH_TLS, "ann", "sslmode=require", true),
        (&WITH_TLS, "only_tls", "sslmode=allow", true),
        (&WITH_TLS, "only_plain", "sslmode=prefer", false),
        (&WITHOUT_TLS, "ann", "", false),
        (&WITHOUT_TLS, "ann", "sslmode=allow", false),
        (
            &WITH_TLS,
            "ann",
            "sslmode=require&channel_binding=require&ssl_min_protocol_version=TLSv1.3",
            true,
        ),
    ];
    for (server, user, more, encrypted) in table {
        let database = connect(&server.url(user, more)).await;
        assert_eq!(uses_tls(&database).await, encrypted, "{user} {more}");
        assert!(database.server_version() >= 130_000);
    }
}

#[tokio::test]
async fn a_required_tls_that_is_not_there_is_told() {
    let error = refused(&WITHOUT_TLS.url("ann", "sslmode=require")).await;
    assert_eq!(error.kind(), ErrorKind::TlsFailed);
    assert!(error.message().contains("offers no TLS"), "{error}");
    let error = refused(&WITH_TLS.url("only_tls", "sslmode=disable")).await;
    assert_eq!(error.kind(), ErrorKind::AuthenticationFailed);
    let error = refused(&WITH_TLS.url("only_plain", "sslmode=require")).await;
    assert_eq!(error.kind(), ErrorKind::AuthenticationFailed);
}

#[tokio::test]
async fn verification_asks_for_the_right_authority_and_name() {
    let server = &*WITH_TLS;
    let (ca, other, broken) = (
        server.file("ca.crt"),
        server.file("other-ca.crt"),
        server.file("not-pem.crt"),
    );
    for mode in ["require", "verify-ca", "verify-full"] {
        let database =
            connect(&server.url("ann", &format!("sslmode={mode}&sslrootcert={ca}"))).await;
        assert!(uses_tls(&database).await, "{mode}");
        let error =
            refused(&server.url("ann", &format!("sslmode={mode}&sslrootcert={other}"))).await;
        assert_eq!(error.kind(), ErrorKind::TlsFailed, "{mode}");
        assert!(
            error.advice().unwrap().contains("sslrootcert"),
            "{mode}: {error}"
        );
        let error =
            refused(&server.url("ann", &format!("sslmode={mode}&sslrootcert={broken}"))).await;
        assert!(error.message().contains("not-pem.crt"), "{error}");
    }
    let renamed = |mode: &str| {
        let url = server.url("ann", &format!("sslmode={mode}&sslrootcert={ca}"));
        url.replace(NAME, "other.test")
    };
    assert!(uses_tls(&connect(&renamed("verify-ca")).await).await);
    let error = refused(&renamed("verify-full")).await;
    assert_eq!(error.kind(), ErrorKind::TlsFailed);
    assert!(error.advice().unwrap().contains("verify-ca"), "{error}");
    // The certificate itself, as its own root.
    let own = format!(
        "sslmode=verify-full&sslrootcert={}",
        server.file("server.crt")
    );
    assert!(uses_tls(&connect(&server.url("ann", &own)).await).await);
}

#[tokio::test]
async fn a_client_certificate_lets_its_user_in() {
    let server = &*WITH_TLS;
    let files = |key: &str| {
        format!(
            "sslmode=require&sslcert={}&sslkey={}",
            server.file("client.crt"),
            server.file(key)
        )
    };
    let database = connect(&server.url("by_certificate", &files("client.key"))).await;
    assert!(uses_tls(&database).await);
    let error = refused(&server.url("by_certificate", "sslmode=require")).await;
    assert_eq!(error.kind(), ErrorKind::AuthenticationFailed);
    let error = refused(&server.url("by_certificate", &files("server.key"))).await;
    assert_eq!(error.kind(), ErrorKind::TlsFailed);
}

#[tokio::test]
async fn a_socket_needs_no_tls_whatever_the_mode() {
    let (host, port) = (WITH_TLS.sockets.display(), WITH_TLS.port);
    let url = format!("host={host} port={port} user=ann dbname=shop sslmode=verify-full");
    let database = connect(&url).await;
    assert!(!uses_tls(&database).await);
    assert_eq!(
        database.describe(),
        format!("postgresql://ann@/shop?host={host}&port={port}")
    );
}

#[tokio::test]
async fn who_and_where_are_named_when_the_server_says_no() {
    let server = &*WITH_TLS;
    let wrong = server.url("ann", "").replace(PASSWORD, "wrong-secret");
    let error = refused(&wrong).await;
    assert_eq!(error.kind(), ErrorKind::AuthenticationFailed);
    assert!(error.message().contains("\"ann\""), "{error}");
    assert!(!error.message().contains("wrong-secret"), "{error}");
    assert!(error.advice().unwrap().contains("PGPASSWORD"), "{error}");
    assert_eq!(error.facts().sqlstate.as_deref(), Some("28P01"));

    let error = refused(&server.url("ann", "").replace(&format!(":{PASSWORD}"), "")).await;
    assert_eq!(error.kind(), ErrorKind::AuthenticationFailed);
    assert!(error.message().contains("none is given"), "{error}");

    let error = refused(&server.url("ann", "").replace("/shop", "/no%20shop")).await;
    assert_eq!(error.kind(), ErrorKind::DatabaseNotFound);
    assert_eq!(
        error.advice(),
        Some("Create it with createdb 'no shop', or name another")
    );

    let error = refused(&server.url("outsider", "").replace("/shop", "/closed")).await;
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.message().contains("\"closed\""), "{error}");

    let error = refused(&server.url("ann", "channel_binding=require&sslmode=disable")).await;
    assert_eq!(error.kind(), ErrorKind::AuthenticationFailed);

    let error = refused(&server.url("ann", "target_session_attrs=read-only")).await;
    assert_eq!(error.kind(), ErrorKind::DatabaseRefused);
    assert!(error.message().contains("target_session_attrs"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_by_its_address() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port();
    drop(closed);
    let error = refused(&format!(
        "postgresql://ann:{PASSWORD}@127.0.0.1:{port}/shop"
    ))
    .await;
    assert_eq!(error.kind(), ErrorKind::DatabaseUnreachable);
    assert_eq!(
        error.message(),
        format!("no server answers at 127.0.0.1:{port}")
    );
    assert!(error.advice().unwrap().contains("running"), "{error}");

    let error = refused("postgresql://ann@no-such-host.invalid/shop").await;
    assert_eq!(error.kind(), ErrorKind::DatabaseUnreachable);
    let error = refused("host=/nowhere user=ann").await;
    assert_eq!(error.kind(), ErrorKind::DatabaseUnreachable);
    assert_eq!(
        error.message(),
        "no server answers at /nowhere/.s.PGSQL.5432"
    );

    // A dead server is passed over for the next one, and all are named if none is left.
    let server = &*WITH_TLS;
    let both = format!(
        "postgresql://ann:{PASSWORD}@127.0.0.1:{port},127.0.0.1:{}/shop",
        server.port
    );
    assert!(uses_tls(&connect(&both).await).await);
    let error = refused(&format!(
        "postgresql://ann@127.0.0.1:{port},localhost:{port}/shop"
    ))
    .await;
    assert!(
        error.message().contains("127.0.0.1:") && error.message().contains("localhost:"),
        "{error}"
    );
}

#[tokio::test]
async fn a_listener_that_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let error = refused(&format!(
        "postgresql://ann@127.0.0.1:{port}/shop?connect_timeout=2"
    ))
    .await;
    assert_eq!(error.kind(), ErrorKind::DatabaseUnreachable);
    assert_eq!(
        error.message(),
        format!("no answer from 127.0.0.1:{port} within 2 s")
    );
}

#[tokio::test]
async fn the_pool_is_as_large_as_the_role_may() {
    let database = connect(&WITH_TLS.url("narrow", "")).await;
    let error = database.size_for(exactly(3), 1).await.unwrap_err();
    assert_discreet(&error);
    assert_eq!(error.kind(), ErrorKind::TooFewConnections);
    assert!(
        error.message().contains("4 connections are needed"),
        "{error}"
    );
    assert!(
        error
            .message()
            .contains("3 free (the connection limit 3 of role \"narrow\")"),
        "{error}"
    );
    assert!(error.advice().unwrap().contains("--workers 2"), "{error}");

    assert_eq!(database.size_for(exactly(2), 1).await.unwrap(), 2);
    let _all = [
        database.get().await.unwrap(),
        database.get().await.unwrap(),
        database.get().await.unwrap(),
    ];
    let error = refused(&WITH_TLS.url("narrow", "")).await;
    assert_eq!(error.kind(), ErrorKind::TooFewConnections);
    assert_eq!(error.facts().sqlstate.as_deref(), Some("53300"));
}

#[tokio::test]
async fn the_pool_is_as_large_as_the_server_and_the_database_allow() {
    let database = connect(&WITHOUT_TLS.url("outsider", "")).await;
    let error = database.size_for(exactly(17), 1).await.unwrap_err();
    assert!(
        error
            .message()
            .contains("max_connections = 20, 3 of them reserved"),
        "{error}"
    );
    let workers = database.size_for(Workers::Auto, 1).await.unwrap();
    assert!((1..=16).contains(&workers), "{workers}");

    let boss = connect(&WITHOUT_TLS.url("boss", "")).await;
    let error = boss.size_for(exactly(20), 1).await.unwrap_err();
    assert!(
        error.message().contains("(max_connections = 20)"),
        "{error}"
    );

    let small = connect(&WITHOUT_TLS.url("ann", "").replace("/shop", "/small")).await;
    let error = small.size_for(exactly(4), 1).await.unwrap_err();
    assert!(
        error.message().contains("limit 4 of database \"small\""),
        "{error}"
    );
    assert_eq!(small.size_for(exactly(3), 1).await.unwrap(), 3);
}

/// A pooler has connections of its own to the server, on a port of its own.
#[tokio::test]
async fn behind_a_go_between_the_request_is_trusted() {
    let between = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = between.local_addr().unwrap().port();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (mut client, _) = between.accept().await.unwrap();
            let address = ("127.0.0.1", WITH_TLS.port);
            let mut server = tokio::net::TcpStream::connect(address).await.unwrap();
            // One connection at a time is all that this test opens.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        }
    });
    let url = format!("postgresql://ann:{PASSWORD}@127.0.0.1:{port}/shop");
    let database = connect(&url).await;
    assert_eq!(database.size_for(exactly(100), 1).await.unwrap(), 100);
}

#[tokio::test]
async fn another_database_of_the_same_server_is_reached_by_name() {
    let settings = settings(&WITH_TLS.url("ann", "")).with_dbname("postgres");
    let database = Database::connect(&settings.with_application_name("probe"))
        .await
        .unwrap();
    let client = database.get().await.unwrap();
    let query = "select current_database()::text, current_setting('application_name')";
    let row = client.query_one(query, &[]).await.unwrap();
    assert_eq!((row.get(0), row.get(1)), ("postgres", "probe"));
}

#[tokio::test]
async fn a_refused_statement_keeps_its_code_and_the_servers_words() {
    let database = connect(&WITH_TLS.url("ann", "")).await;
    let client = database.get().await.unwrap();
    let error = client
        .batch_execute("create table pg_catalog.mine ()")
        .await
        .unwrap_err();
    let error = sheetload::error::error_from_postgres(error, "create table mine");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(
        error
            .message()
            .starts_with("cannot create table mine: permission denied"),
        "{error}"
    );
    let error = client
        .batch_execute("select * from nothing")
        .await
        .unwrap_err();
    let error = sheetload::error::error_from_postgres(error, "look");
    assert_eq!(error.kind(), ErrorKind::DatabaseRefused);
    assert_eq!(error.facts().sqlstate.as_deref(), Some("42P01"));
    let error = client
        .batch_execute("select pg_terminate_backend(pg_backend_pid())")
        .await
        .unwrap_err();
    let error = sheetload::error::error_from_postgres(error, "go on");
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    let error = client.batch_execute("select 1").await.unwrap_err();
    let error = sheetload::error::error_from_postgres(error, "go on");
    assert_eq!(error.kind(), ErrorKind::ConnectionLost);
    // The pool throws the dead connection away and opens another.
    drop(client);
    assert!(uses_tls(&database).await);
}
