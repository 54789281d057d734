//! Throw-away servers with and without TLS, and the certificates for them.
//!
//! A shell starts each server and waits on its standard input, which closes when the test process ends,
//! however it ends; then the shell stops the server and removes its files.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

use nix::unistd::{User, geteuid};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};

use super::server::{block_on, private_server, server_directory};

/// The password of every role.
pub(crate) const PASSWORD: &str = "hunter2-secret";
/// The name in the server's certificate.
pub(crate) const NAME: &str = "db.test";

const ROLES: &str = "
create role ann login password 'hunter2-secret';
create role only_tls login password 'hunter2-secret';
create role only_plain login password 'hunter2-secret';
create role by_certificate login;
create role narrow login password 'hunter2-secret' connection limit 3;
create role boss login superuser password 'hunter2-secret';
create role outsider login password 'hunter2-secret';
create database shop;
create database closed;
revoke connect on database closed from public;
create database small connection limit 4;
";

const RULES: &str = "
local     all all trust
hostssl   all only_tls       127.0.0.1/32 scram-sha-256
hostnossl all only_plain     127.0.0.1/32 scram-sha-256
hostssl   all by_certificate 127.0.0.1/32 cert
host      all only_tls       127.0.0.1/32 reject
host      all only_plain     127.0.0.1/32 reject
host      all by_certificate 127.0.0.1/32 reject
host      all all            127.0.0.1/32 scram-sha-256
";

/// A running server and its certificate files.
pub(crate) struct TlsServer {
    pub(crate) port: u16,
    pub(crate) sockets: PathBuf,
    pub(crate) certificates: PathBuf,
    /// Holds the standard input that the shell waits on.
    _shell: Child,
}

/// The server with TLS, `max_connections` 20, of which 3 are reserved.
pub(crate) static WITH_TLS: LazyLock<TlsServer> = LazyLock::new(|| TlsServer::start(true));
/// The same without TLS.
pub(crate) static WITHOUT_TLS: LazyLock<TlsServer> = LazyLock::new(|| TlsServer::start(false));

impl TlsServer {
    fn start(tls: bool) -> Self {
        let root = tempfile::Builder::new()
            .prefix("sheetload-tls-")
            // As for the shared server: short paths, open to the server's user.
            .tempdir_in("/tmp")
            .unwrap()
            .keep();
        let certificates = root.join("certificates");
        fs::create_dir(&certificates).unwrap();
        write_certificates(&certificates);
        give_to_server(&root, &certificates);
        let (port, binaries) = (free_port(), binaries());
        let mut settings = format!(
            "listen_addresses='127.0.0.1'\nport={port}\nunix_socket_directories='{}'\n\
             max_connections=20\nfsync=off\npassword_encryption='scram-sha-256'\n",
            root.display()
        );
        if tls {
            let files = certificates.display();
            write!(
                settings,
                "ssl=on\nssl_cert_file='{files}/server.crt'\nssl_key_file='{files}/server.key'\n\
                 ssl_ca_file='{files}/ca.crt'\n"
            )
            .unwrap();
        }
        fs::write(root.join("settings"), settings).unwrap();
        fs::write(root.join("rules"), RULES).unwrap();
        fs::write(root.join("roles"), ROLES).unwrap();
        let script = format!(
            "set -e\n\
             finish() {{\n\
               [ $? = 0 ] || cat ./*.log >&2\n\
               set +e\n\
               '{bin}/pg_ctl' -D data -m immediate stop >stop.log 2>&1\n\
               cd / && rm -rf '{root}'\n\
             }}\n\
             trap '' PIPE\n\
             trap finish EXIT\n\
             '{bin}/initdb' -D data -U postgres -A trust -E UTF8 --locale=C --no-sync >init.log 2>&1\n\
             cat settings >>data/postgresql.conf\n\
             cp rules data/pg_hba.conf\n\
             '{bin}/pg_ctl' -w -D data -l server.log start >start.log 2>&1 </dev/null\n\
             PATH='{bin}':$PATH psql -X -q -v ON_ERROR_STOP=1 -h '{root}' -p {port} -U postgres -f roles postgres >roles.log 2>&1\n\
             echo ready\n\
             read _ || true",
            bin = binaries.display(),
            root = root.display(),
        );
        let mut command = Command::new("sh");
        command
            .args(["-c", &script])
            .current_dir(&root)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            // Ctrl-C is for the tests; the shell then sees its input close.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some(account) = server_account() {
            command.uid(account.uid.as_raw()).gid(account.gid.as_raw());
        }
        let mut shell = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(shell.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(
            line,
            "ready\n",
            "no server: see the logs in {}",
            root.display()
        );
        Self {
            port,
            sockets: root,
            certificates,
            _shell: shell,
        }
    }

    /// A connection string for a role, over the network, to the server under its certificate's name.
    pub(crate) fn url(&self, user: &str, more: &str) -> String {
        format!(
            "postgresql://{user}:{PASSWORD}@{NAME}:{}/shop?hostaddr=127.0.0.1&{more}",
            self.port
        )
    }

    /// A certificate file.
    pub(crate) fn file(&self, name: &str) -> String {
        self.certificates.join(name).display().to_string()
    }
}

/// PostgreSQL refuses to run as root; an ordinary user runs it as itself.
fn server_account() -> Option<User> {
    geteuid().is_root().then(|| {
        User::from_name("postgres")
            .unwrap()
            .expect("root needs the account postgres for test servers")
    })
}

fn give_to_server(root: &Path, certificates: &Path) {
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
    let Some(account) = server_account() else {
        return;
    };
    let owner = (Some(account.uid.as_raw()), Some(account.gid.as_raw()));
    for path in [root, certificates, &certificates.join("server.key")] {
        chown(path, owner.0, owner.1).unwrap();
    }
}

/// The directory of the programs that the private server would run.
fn binaries() -> PathBuf {
    let server = private_server(&server_directory());
    block_on(server.client_program("pg_ctl"))
        .unwrap()
        .expect("the tests need PostgreSQL's server programs")
        .parent()
        .unwrap()
        .to_owned()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// An authority, the server's and a client's certificate from it, and an authority that signed nothing.
fn write_certificates(directory: &Path) {
    let authority = |name: &str| {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let write = |name: &str, text: String, mode: u32| {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let ca = authority("sheetload test authority");
    write("ca.crt", ca.pem(), 0o644);
    write("other-ca.crt", authority("another authority").pem(), 0o644);
    write("not-pem.crt", "this is no certificate\n".to_owned(), 0o644);
    for (file, name) in [("server", NAME), ("client", "by_certificate")] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.replace('_', "-")]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params.signed_by(&key, &ca).unwrap();
        write(&format!("{file}.crt"), certificate.pem(), 0o644);
        write(&format!("{file}.key"), key.serialize_pem(), 0o600);
    }
}
