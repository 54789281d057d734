//! How PostgreSQL's server programs are installed on this machine.

/// The machine, as far as it decides the package manager.
#[derive(Debug, Default)]
pub(super) struct Platform {
    /// The text of `/etc/os-release` (os-release(5)), empty where there is none.
    pub(super) os_release: String,
    pub(super) is_macos: bool,
    pub(super) is_root: bool,
}

impl Platform {
    pub(super) fn of_this_machine() -> Self {
        Self {
            os_release: std::fs::read_to_string("/etc/os-release").unwrap_or_default(),
            is_macos: cfg!(target_os = "macos"),
            is_root: nix::unistd::geteuid().is_root(),
        }
    }

    /// The command that installs the server, or nothing for a platform that is not known.
    pub(super) fn install_command(&self) -> Option<String> {
        if self.is_macos {
            // Homebrew refuses root.
            return Some("brew install postgresql@17".to_owned());
        }
        let sudo = if self.is_root { "" } else { "sudo " };
        self.families()
            .iter()
            .find_map(|family| {
                Some(match family.as_str() {
                    "debian" | "ubuntu" => "apt-get install postgresql",
                    "fedora" | "rhel" | "centos" => "dnf install postgresql-server",
                    "arch" => "pacman -S postgresql",
                    "alpine" => "apk add postgresql",
                    "suse" | "opensuse" => "zypper install postgresql-server",
                    _ => return None,
                })
            })
            .map(|command| format!("{sudo}{command}"))
    }

    /// The values of `ID` and `ID_LIKE`, nearest first.
    fn families(&self) -> Vec<String> {
        let value = |wanted: &str| {
            self.os_release
                .lines()
                .filter_map(|line| line.split_once('='))
                .find(|(key, _)| *key == wanted)
                .map(|(_, value)| value.trim_matches(['"', '\'']).to_ascii_lowercase())
                .unwrap_or_default()
        };
        [value("ID"), value("ID_LIKE")]
            .iter()
            .flat_map(|text| text.split_whitespace())
            .map(str::to_owned)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(os_release: &str, is_macos: bool, is_root: bool) -> Option<String> {
        Platform {
            os_release: os_release.to_owned(),
            is_macos,
            is_root,
        }
        .install_command()
    }

    #[test]
    fn each_platform_has_its_command() {
        for (os_release, expected) in [
            (
                "NAME=\"Debian\"\nID=debian\n",
                "sudo apt-get install postgresql",
            ),
            (
                "ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n",
                "sudo apt-get install postgresql",
            ),
            ("ID=fedora\n", "sudo dnf install postgresql-server"),
            (
                "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
                "sudo dnf install postgresql-server",
            ),
            ("ID=alpine\n", "sudo apk add postgresql"),
            (
                "ID=\"opensuse-leap\"\nID_LIKE=\"suse opensuse\"\n",
                "sudo zypper install postgresql-server",
            ),
        ] {
            assert_eq!(
                command(os_release, false, false).as_deref(),
                Some(expected),
                "{os_release}"
            );
        }
        assert_eq!(
            command("", true, false).as_deref(),
            Some("brew install postgresql@17")
        );
        assert_eq!(
            command("ID=debian", false, true).as_deref(),
            Some("apt-get install postgresql")
        );
        assert_eq!(command("ID=plan9", false, false), None);
    }
}
