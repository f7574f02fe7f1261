//! A real Chromium without a window, to see the pages as people see them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Set to 1 where there can be no Chromium: then, and only then, the tests that need one see nothing.
const WITHOUT: &str = "THINGWIRE_WITHOUT_CHROMIUM";
const NAMES: [&str; 4] = ["chromium", "chromium-headless-shell", "google-chrome", "chromium-browser"];

pub(crate) struct Browser {
    program: PathBuf,
}

impl Browser {
    /// The browser of this machine; nothing where it was said that there can be none.
    ///
    /// # Panics
    ///
    /// When there is none and nobody said so.
    #[expect(clippy::print_stderr, reason = "whoever runs the tests must learn what was not tested")]
    pub(crate) fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut places = std::env::split_paths(&path).flat_map(|folder| NAMES.map(|name| folder.join(name)));
        if let Some(program) = places.find(|program| program.is_file()) {
            return Some(Self { program });
        }
        assert!(
            std::env::var_os(WITHOUT).is_some_and(|value| value == "1"),
            "no Chromium: install it (.ci/test does), or set {WITHOUT}=1 to leave the pages unseen"
        );
        eprintln!("NOT TESTED: the pages in a browser, because there is no Chromium and {WITHOUT} is set");
        None
    }

    /// The document after its scripts have run, and a picture of it as a PNG, which is kept beside the page.
    pub(crate) fn look(&self, page: &Path, dark: bool) -> (String, Vec<u8>) {
        let profile = tempfile::tempdir().unwrap();
        let png = page.with_extension("png");
        let output = Command::new(&self.program)
            .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--hide-scrollbars", "--disable-extensions", "--host-resolver-rules=MAP * ~NOTFOUND"])
            .args(["--window-size=1760,3200", "--dump-dom"])
            .arg(format!("--screenshot={}", png.display()))
            .arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)))
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("file://{}", page.display()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        (String::from_utf8(output.stdout).unwrap(), std::fs::read(png).unwrap())
    }
}
