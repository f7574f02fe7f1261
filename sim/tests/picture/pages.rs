//! The pages in a real browser, in light and dark, wide and narrow.
//!
//! Starting a browser takes longer than all else here, so it is started once for light and once for dark, with all
//! pages in frames of one document. The pages and the pictures stay in `target/tmp/pictures`, for people.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use thingwire_sim::fleet::{self, Capacity, Fidelity, Kind, Policy, Storm};
use thingwire_sim::picture::timeline::Options;
use thingwire_sim::picture::{report, timeline};

use crate::browser::Browser;
use crate::sample;

/// The widths that a page is looked at: a screen's and a telephone's.
const WIDTHS: [u32; 2] = [1_280, 400];
/// A picture of a blank document of this size has 23,000 bytes.
const PICTURE_LEN_MIN: usize = 200_000;
/// The first pages are looked at in dark too; the others differ from them in size alone.
const IN_DARK: usize = 3;
const EVIL: &str = "<script>window.evil = 1</script><img src=x onerror=\"window.evil = 1\">";

/// What the browser sees in a page at one width: lines of `key=value`, and the text.
struct Seen {
    lines: Vec<String>,
    text: String,
}

impl Seen {
    fn all(&self, key: &str) -> Vec<&str> {
        self.lines.iter().filter_map(|line| line.strip_prefix(key)?.strip_prefix('=')).collect()
    }

    fn number(&self, key: &str) -> f64 {
        self.all(key)[0].parse().unwrap()
    }
}

/// What the browser sees in all pages.
struct Looked {
    seen: Vec<Seen>,
    picture: Vec<u8>,
}

impl Looked {
    /// A page at each width.
    fn page(&self, name: &str) -> Vec<&Seen> {
        let seen: Vec<_> = self.seen.iter().filter(|seen| seen.all("page") == [name]).collect();
        assert_eq!(seen.len(), WIDTHS.len(), "{name}");
        seen
    }
}

/// All pages in light or dark; nothing where there can be no browser.
fn looked(dark: bool) -> Option<&'static Looked> {
    static LOOKED: [OnceLock<Option<Looked>>; 2] = [OnceLock::new(), OnceLock::new()];
    LOOKED[usize::from(dark)].get_or_init(|| Browser::find().map(|browser| look(&browser, dark))).as_ref()
}

fn look(browser: &Browser, dark: bool) -> Looked {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).unwrap();
    let mut frames = String::new();
    for (name, page) in pages().into_iter().take(if dark { IN_DARK } else { usize::MAX }) {
        std::fs::write(folder.join(format!("{name}.html")), &page).unwrap();
        let inside = page.replace('&', "&amp;").replace('"', "&quot;");
        for width in WIDTHS {
            let size = format!("width=\"{width}\" height=\"1560\"");
            frames.push_str(
                &["<iframe style=border:0 name=", name, " ", &size, " srcdoc=\"", &inside, "\"></iframe>"].concat(),
            );
        }
    }
    let path = folder.join(if dark { "dark.html" } else { "light.html" });
    let script = include_str!("probe.js");
    let document = format!("<!DOCTYPE html><meta charset=\"utf-8\"><body>{frames}<script>{script}</script>");
    std::fs::write(&path, document).unwrap();
    let (document, picture) = browser.look(&path, dark);
    let document = document.replace("&lt;", "<").replace("&gt;", ">").replace("&nbsp;", " ").replace("&amp;", "&");
    let seen = document.split("\nPROBE\n").skip(1).map(|seen| {
        let (lines, text) = seen.split_once("\nTEXT\n").unwrap();
        let text = text.split_once("\nEND\n").unwrap().0.to_owned();
        Seen { lines: lines.lines().map(str::to_owned).collect(), text }
    });
    Looked { seen: seen.collect(), picture }
}

fn pages() -> [(&'static str, String); 8] {
    let plan = sample::plan();
    let findings = [
        sample::finding(
            31_000,
            "PUBLISH of message 17 written 2.1 s after PINGREQ was due, behind 12 drained messages",
        ),
        sample::finding(130_500, "a PUBACK was held back by the drain limiter"),
    ];
    let subtitle = "thingwire-sim run --profile swarm --seed 7 --picture run.html".into();
    let options = Options { subtitle, ..Options::of(&plan) };
    let (large, large_findings) = sample::large(100_000);
    let large_options = Options { title: "100,000 records".into(), ..Options::default() };
    let fleet = sample::fleet();
    let evil_options = Options { title: EVIL.into(), subtitle: EVIL.into(), ..Options::default() };
    let evil_timeline = timeline::html(&sample::small_on(EVIL), &[sample::finding(31_000, EVIL)], &evil_options);
    let mut evil = sample::campaign();
    evil.failures[0].signature = EVIL.into();
    evil.marks[0].0 = EVIL.into();
    // Without its policy: the text alone must be harmless.
    let bare = |page: &str| page.replace("Content-Security-Policy", "nothing");
    [
        ("timeline", timeline::html(&sample::trace_of(&plan), &findings, &options)),
        ("report", report::html(&sample::campaign())),
        ("storm", storm()),
        ("large", timeline::html(&large, &large_findings, &large_options)),
        ("fleet", timeline::html(&sample::trace_of(&fleet), &[], &Options::of(&fleet))),
        ("evil-timeline", bare(&evil_timeline)),
        ("evil-report", bare(&report::html(&evil))),
        ("unreadable", unreadable()),
    ]
}

/// A fleet that comes back, in several ways.
fn storm() -> String {
    let policies = Kind::ALL.map(Policy::from);
    let storm = Storm { until: Duration::from_secs(1_000), ..Storm::new(400, Capacity::new(2)) };
    let recoveries = fleet::study(&storm, &policies, Fidelity::Lean, &|_| {}).unwrap();
    let sweep = fleet::sweep(&storm, &policies).unwrap();
    fleet::page(&storm, &recoveries, &sweep).unwrap()
}

/// A page with everything in it that must not be.
fn unreadable() -> String {
    let text = |x, text| format!("<text x=\"{x}\" y=\"20\">{text}</text>");
    let drawing = [text(0, "one"), text(4, "two"), text(195, "three")].concat();
    format!(
        "<!DOCTYPE html><p style=\"color:#999;background:#fff\">faint</p><div style=\"width:3000px\">wide</div>\
         <div class=\"drawing\"><svg width=\"200\" height=\"30\">{drawing}</svg></div>\
         <script>window.evil = 1</script>"
    )
}

/// What must hold for a page, light or dark, wide and narrow.
fn assert_readable(name: &str, looks: &[bool]) {
    for &dark in looks {
        let Some(looked) = looked(dark) else { return };
        for (seen, width) in looked.page(name).into_iter().zip(WIDTHS) {
            let at = format!("{name}, dark {dark}, {width} wide");
            assert_eq!(seen.all("dark"), [dark.to_string()], "{at}");
            assert_eq!(seen.all("width"), [width.to_string()], "{at}");
            assert_eq!(seen.all("wider-by"), ["0"], "{at}: the page does not scroll sideways");
            assert_eq!(seen.all("loaded"), ["0"], "{at}: nothing is loaded");
            for wrong in ["clipped", "overlap", "faint"] {
                assert_eq!(seen.all(wrong), [""; 0], "{at}: {wrong}");
            }
            assert!(seen.number("read") > 20.0 && seen.number("least-contrast") >= 4.5, "{at}: {:?}", seen.lines);
        }
    }
}

#[test]
fn the_timeline_is_read_in_a_browser() {
    assert_readable("timeline", &[false, true]);
    let Some(looked) = looked(false) else { return };
    for seen in looked.page("timeline") {
        assert!(seen.number("texts") > 30.0, "{:?}", seen.lines);
        for words in ["2 findings", "S17", "publish message", "acknowledged", "to device-0/temperature/1", "Legend"] {
            assert!(seen.text.contains(words), "{words} in {}", seen.text);
        }
    }
}

#[test]
fn large_runs_and_fleets_are_read_in_a_browser() {
    assert_readable("large", &[false]);
    assert_readable("fleet", &[false]);
}

#[test]
fn a_storm_is_read_in_a_browser() {
    assert_readable("storm", &[false, true]);
    let Some(looked) = looked(false) else { return };
    for seen in looked.page("storm") {
        assert!(seen.number("texts") > 30.0, "{:?}", seen.lines);
        for words in ["A fleet comes back", "decorrelated", "96 devices of 400", "first back", "16/s", "never"] {
            assert!(seen.text.contains(words), "{words} in {}", seen.text);
        }
    }
}

#[test]
fn the_report_is_read_in_a_browser() {
    assert_readable("report", &[false, true]);
    let Some(looked) = looked(false) else { return };
    for seen in looked.page("report") {
        assert_eq!(seen.all("buttons"), ["4"], "the page's own script runs, and shows its buttons");
        for words in ["✗ Failed: 14 of 10,000 runs, in 2 ways", "13 runs, for example swarm, seed 8812", "5 of 7 marks"]
        {
            assert!(seen.text.contains(words), "{words} in {}", seen.text);
        }
    }
}

#[test]
fn no_name_runs_as_a_script() {
    let Some(looked) = looked(false) else { return };
    for seen in ["evil-timeline", "evil-report"].into_iter().flat_map(|name| looked.page(name)) {
        assert_eq!(seen.all("scripts-of-others"), ["0"]);
        assert_eq!(seen.all("loaded"), ["0"]);
        assert!(seen.text.contains("<script>window.evil"), "{}", seen.text);
    }
}

#[test]
fn light_is_not_dark_and_neither_is_blank() {
    let (Some(light), Some(dark)) = (looked(false), looked(true)) else { return };
    assert!(light.picture.len() > PICTURE_LEN_MIN, "{}", light.picture.len());
    assert!(dark.picture.len() > PICTURE_LEN_MIN, "{}", dark.picture.len());
    assert_ne!(light.picture, dark.picture);
}

#[test]
fn a_page_that_cannot_be_read_is_noticed() {
    let Some(looked) = looked(false) else { return };
    for seen in looked.page("unreadable") {
        assert!(seen.number("wider-by") > 1_000.0, "{:?}", seen.lines);
        assert_eq!(seen.all("overlap"), ["one | two"]);
        assert_eq!(seen.all("clipped"), ["three"]);
        assert_eq!(seen.all("faint"), ["2.85 faint"]);
        assert_eq!(seen.all("scripts-of-others"), ["1"]);
    }
}
