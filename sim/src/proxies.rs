//! Real proxies as child processes: tinyproxy for HTTP CONNECT, microsocks for SOCKS5.
//!
//! ```no_run
//! use thingwire_sim::proxies::{Proxy, ProxyProgram};
//!
//! let proxy = Proxy::start(ProxyProgram::Tinyproxy, Some(("user", "secret")))?;
//! println!("connect through {}", proxy.url());
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::mosquitto::{find_in, free_port};

/// How long a proxy may take to start.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(5);
/// How often another port is tried when somebody has taken the chosen one.
const PORT_TRIES: usize = 5;

/// Which proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProgram {
    /// HTTP CONNECT.
    Tinyproxy,
    /// SOCKS5.
    Microsocks,
}

/// A running proxy on 127.0.0.1. It is killed when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    program: ProxyProgram,
    port: u16,
    login: Option<(String, String)>,
    child: Child,
    _dir: TempDir,
}

impl Proxy {
    /// Starts it on a free port, with or without a user name and password that it wants, and waits until it listens.
    ///
    /// Fails with [`io::ErrorKind::NotFound`] when it is not installed.
    pub fn start(program: ProxyProgram, login: Option<(&str, &str)>) -> io::Result<Self> {
        let mut last = io::Error::other("no port");
        for _ in 0..PORT_TRIES {
            match Self::launch(program, login) {
                Ok(proxy) => return Ok(proxy),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn launch(program: ProxyProgram, login: Option<(&str, &str)>) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("thingwire-proxy-").tempdir()?;
        let port = free_port()?.local_addr()?.port();
        let mut command = match program {
            ProxyProgram::Tinyproxy => tinyproxy(&dir, port, login)?,
            ProxyProgram::Microsocks => microsocks(port, login)?,
        };
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let login = login.map(|(user, password)| (user.to_owned(), password.to_owned()));
        let mut proxy = Self { program, port, login, child, _dir: dir };
        proxy.wait_until_it_listens()?;
        Ok(proxy)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Its URL with its login.
    pub fn url(&self) -> String {
        match &self.login {
            Some((user, password)) => self.url_with(&format!("{user}:{password}@")),
            None => self.url_with(""),
        }
    }

    /// Its URL with this text in front of the host.
    pub fn url_with(&self, login: &str) -> String {
        let scheme = match self.program {
            ProxyProgram::Tinyproxy => "http",
            ProxyProgram::Microsocks => "socks5",
        };
        format!("{scheme}://{login}{}", self.address())
    }

    fn wait_until_it_listens(&mut self) -> io::Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Err(io::Error::other(format!("{:?} has ended: {status}", self.program)));
            }
            match TcpStream::connect(self.address()) {
                Ok(_) => return Ok(()),
                Err(error) if until < Instant::now() => return Err(error),
                Err(_) => thread::sleep(LOOK),
            }
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            log::warn!("cannot end {:?}: {error}", self.program);
        }
    }
}

fn tinyproxy(dir: &TempDir, port: u16, login: Option<(&str, &str)>) -> io::Result<Command> {
    let config = dir.path().join("tinyproxy.conf");
    let mut text = format!("Port {port}\nListen {}\nTimeout 60\nMaxClients 20\n", Ipv4Addr::LOCALHOST);
    if let Some((user, password)) = login {
        writeln!(text, "BasicAuth {user} {password}").map_err(io::Error::other)?;
    }
    fs::write(&config, text)?;
    let mut command = Command::new(find_in("tinyproxy", "tinyproxy-bin")?);
    command.arg("-d").arg("-c").arg(config);
    Ok(command)
}

fn microsocks(port: u16, login: Option<(&str, &str)>) -> io::Result<Command> {
    let mut command = Command::new(find_in("microsocks", "microsocks")?);
    command.args(["-i", "127.0.0.1", "-p", &port.to_string()]);
    if let Some((user, password)) = login {
        command.args(["-u", user, "-P", password]);
    }
    Ok(command)
}
