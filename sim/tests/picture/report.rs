//! The page of a campaign.

use thingwire_sim::picture::report::{self, Summary};

use crate::sample::campaign;

fn passed() -> Summary {
    let mut campaign = campaign();
    campaign.failed = 0;
    campaign.failures.clear();
    campaign.properties.iter_mut().for_each(|property| property.violated = 0);
    campaign
}

/// The page without its style.
fn page(campaign: &Summary) -> String {
    let page = report::html(campaign);
    let (head, rest) = page.split_once("<style>").unwrap();
    format!("{head}{}", rest.split_once("</style>\n").unwrap().1)
}

#[test]
fn a_campaign_that_failed() {
    let page = page(&campaign());
    let (body, _) = page.split_once("<script>").unwrap();
    insta::assert_snapshot!(body);
}

#[test]
fn the_verdict_is_the_first_thing_said() {
    let verdict = |campaign: &Summary| {
        let page = page(campaign);
        page.split_once("<p class=\"verdict ").unwrap().1.split_once("</p>").unwrap().0.to_owned()
    };
    assert_eq!(verdict(&campaign()), "bad\">✗ Failed: 14 of 10,000 runs, in 2 ways");
    assert_eq!(verdict(&passed()), "good\">✓ Passed: 10,000 runs, and everything held in each");
    assert_eq!(verdict(&Summary::default()), "none\">– Nothing was run");
    let mut only_property = passed();
    only_property.properties[0].violated = 1;
    assert!(verdict(&only_property).starts_with("bad"), "a property that was broken is no pass");
}

#[test]
fn a_command_can_be_copied_as_it_is() {
    let mut campaign = campaign();
    campaign.failures[0].commands[0].1 = "thingwire-sim run --profile 'a & b' <plan.toml".into();
    let page = page(&campaign);
    let code = page.split_once("<code id=\"command-1\">").unwrap().1.split_once("</code>").unwrap().0;
    assert_eq!(code, "thingwire-sim run --profile &#39;a &amp; b&#39; &lt;plan.toml");
    assert!(page.contains("data-copy=\"command-1\""));
}

#[test]
fn nothing_that_somebody_named_becomes_markup() {
    let evil = "<script>alert(1)</script>";
    let mut campaign = campaign();
    campaign.title = evil.into();
    campaign.notes[0] = evil.into();
    campaign.counts[0].0 = evil.into();
    campaign.profiles[0].name = evil.into();
    (campaign.properties[0].id, campaign.properties[0].statement) = (evil.into(), evil.into());
    let failure = &mut campaign.failures[0];
    (failure.signature, failure.example, failure.detail) = (evil.into(), evil.into(), evil.into());
    failure.commands[0] = (evil.into(), evil.into());
    (campaign.marks[0].0, campaign.marks[3].0) = (evil.into(), evil.into());
    campaign.phases[0] = evil.into();
    (campaign.faults[0].fault, campaign.faults[0].family) = (evil.into(), evil.into());
    campaign.slowest[0].seed = evil.into();
    let page = page(&campaign);
    assert_eq!(page.matches("<script").count(), 1, "the page's own");
    assert_eq!(page.matches("&lt;script&gt;").count(), 21, "{page}");
}

#[test]
fn nothing_is_loaded_from_anywhere() {
    let page = report::html(&campaign());
    for loading in ["http://", "https://", "src=", "<link", "@import", "url("] {
        assert!(!page.contains(loading), "{loading}");
    }
}

#[test]
fn counts_that_differ_by_orders_have_shades_that_differ() {
    let page = page(&campaign());
    let row = page.split_once(">clock.suspend</th>").unwrap().1.split_once("</tr>").unwrap().0;
    let shades: Vec<_> = row.split("heat-").skip(1).map(|rest| &rest[..1]).collect();
    assert_eq!(shades, ["1", "1", "2", "2", "3", "3", "4", "4"]);
    let kick = page.split_once(">broker.takeover</th>").unwrap().1.split_once("</tr>").unwrap().0;
    assert_eq!(kick.matches("heat-0").count(), 8);
}
