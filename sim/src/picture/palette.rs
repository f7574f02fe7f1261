//! The colours, for light and for dark.

use std::fmt::Write as _;

/// The name of each colour as a custom property, in light and in dark.
const COLOURS: &[(&str, &str, &str)] = &[
    ("page", "#ffffff", "#14171c"),
    ("panel", "#f4f6f8", "#1d222a"),
    ("text", "#1a222d", "#e7eaef"),
    ("muted", "#545e6c", "#a7b1be"),
    ("line", "#d3d9e0", "#363e49"),
    ("good", "#1a7a48", "#45b985"),
    ("good-panel", "#e2f4ea", "#12351f"),
    ("sent", "#2560ab", "#6fa9f2"),
    ("given-up", "#8c5400", "#e2a84f"),
    ("bad", "#b8232a", "#ff8585"),
    ("bad-panel", "#fdeaea", "#421d1f"),
    ("pending", "#5d6672", "#9aa4b1"),
    ("fault", "#e0a100", "#d9a514"),
    ("fault-panel", "#fbe9bd", "#4d3d10"),
    ("idle", "#e3e7ec", "#2e3540"),
    ("connecting", "#fae3b4", "#574411"),
    ("restoring", "#d6e5fb", "#1f3f6b"),
    ("draining", "#ddd6f6", "#423877"),
    ("ready", "#cdebd9", "#164a30"),
    ("backing-off", "#f6d3d3", "#5e282b"),
    ("closing", "#d9d9d9", "#40454d"),
    ("handshake", "#6547b3", "#b6a2f5"),
    ("publish", "#2560ab", "#6fa9f2"),
    ("ack", "#1a7a48", "#45b985"),
    ("subscribe", "#8c5400", "#e2a84f"),
    ("ping", "#5d6672", "#9aa4b1"),
    ("repeated", "#b3124f", "#ff86b8"),
    ("heat-0", "#ffffff", "#14171c"),
    ("heat-1", "#e1eefb", "#1b324d"),
    ("heat-2", "#b7d5f4", "#1e4873"),
    ("heat-3", "#84b5eb", "#245f9e"),
    ("heat-4", "#2b6ab2", "#7fb6f1"),
    ("heat-5", "#184a85", "#bcddff"),
    ("heat-text-0", "#545e6c", "#a7b1be"),
    ("heat-text-1", "#1a222d", "#ffffff"),
    ("heat-text-2", "#1a222d", "#ffffff"),
    ("heat-text-3", "#101820", "#ffffff"),
    ("heat-text-4", "#ffffff", "#101820"),
    ("heat-text-5", "#ffffff", "#101820"),
];

/// The colours as custom properties, which follow the reader's choice of light or dark.
pub(super) fn css() -> String {
    let mut light = String::from(":root{color-scheme:light dark");
    let mut dark = String::from("@media (prefers-color-scheme:dark){:root{");
    for (name, in_light, in_dark) in COLOURS {
        // Writing to a string cannot fail.
        let _ = write!(light, ";--{name}:{in_light}");
        let _ = write!(dark, "--{name}:{in_dark};");
    }
    format!("{light}}}\n{dark}}}}}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written on what: text, and the grounds it stands on.
    const WRITTEN: &[(&str, &[&str])] = &[
        ("text", &["page", "panel", "good-panel", "bad-panel", "fault-panel"]),
        ("text", &["idle", "connecting", "restoring", "draining", "ready", "backing-off", "closing"]),
        ("muted", &["page", "panel"]),
        ("good", &["page", "panel", "good-panel"]),
        ("bad", &["page", "panel", "bad-panel"]),
        ("given-up", &["page", "panel"]),
        ("sent", &["page", "panel"]),
        ("handshake", &["page"]),
        ("repeated", &["page"]),
        ("heat-text-0", &["heat-0"]),
        ("heat-text-1", &["heat-1"]),
        ("heat-text-2", &["heat-2"]),
        ("heat-text-3", &["heat-3"]),
        ("heat-text-4", &["heat-4"]),
        ("heat-text-5", &["heat-5"]),
    ];

    fn colour(name: &str, dark: bool) -> &'static str {
        let found = COLOURS.iter().find(|(known, ..)| *known == name);
        let &(_, light, in_dark) = found.unwrap_or_else(|| panic!("{name} is no colour"));
        if dark { in_dark } else { light }
    }

    /// Relative luminance (WCAG 2.2).
    fn luminance(hex: &str) -> f64 {
        let part = |at: usize| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    }

    fn contrast(one: &str, other: &str) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn everything_written_can_be_read() {
        for dark in [false, true] {
            for (text, grounds) in WRITTEN {
                for ground in *grounds {
                    let seen = contrast(colour(text, dark), colour(ground, dark));
                    assert!(seen >= 4.5, "{text} on {ground}, dark {dark}: {seen:.2}");
                }
            }
        }
    }

    #[test]
    fn contrast_is_reckoned_as_wcag_does() {
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
        assert!((contrast("#777777", "#ffffff") - 4.48).abs() < 0.01);
    }
}
